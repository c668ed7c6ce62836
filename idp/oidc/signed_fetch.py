"""A signed query of the key set: `GET /jwks?client_assertion=<JWT>`, by which a client says that it has fetched it.

The rules are those of client authentication (RFC 7523 §3), with the address of the key set as the only audience: what
stands in an address ends up in logs, and must be worth nothing at the token endpoint. Its `jti` is required and not
burnt: a second presentation changes nothing and tells us, at most five minutes late, what is true already.
"""

from __future__ import annotations

from idp.errors import InvalidClient, InvalidRequest
from idp.oidc.client_assertion import verify_assertion
from idp.oidc.client_authentication import ASSERTION_TYPE, read_credentials
from idp.oidc.client_cache import ClientCache
from idp.oidc.client_keys import ClientKeys


async def prove_fetcher(
    assertion: str, clients: ClientCache, keys: ClientKeys, *, jwks_uri: str, now: int
) -> str:
    """The id of the client that signed a query at `now`. How it authenticates elsewhere is of no matter.

    Raises:
        InvalidClient: not an assertion for this, of a registered client that is not disabled.
    """
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    try:
        client_id = read_credentials(None, form).unverified_client_id
    except InvalidRequest as error:
        raise InvalidClient(error.description) from error
    client = await clients.find(client_id)
    if client is None or client.is_stopped(now):
        raise InvalidClient("client_assertion is of no client that is registered")
    try:
        await verify_assertion(assertion, client, keys, audiences=(jwks_uri,), now=now)
    except (
        InvalidClient
    ) as error:  # whose it claims to be helps who set that client up, and is no stranger's text
        raise InvalidClient(f"in the name of {client.client_id}: {error.description}") from error
    return client.client_id
