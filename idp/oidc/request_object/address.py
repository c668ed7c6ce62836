"""Request objects by reference (RFC 9101 §5.2, OpenID Connect Core §6.2): only from addresses that are registered."""

from __future__ import annotations

from typing import Final

from idp.errors import InvalidRequestUri
from idp.oidc.client import Client
from idp.oidc.remote import Fetch, FetchFailed, fetch_document
from keys import policy

MOST_BYTES: Final = policy.MAX_TOKEN_LENGTH
ACCEPT: Final = "application/oauth-authz-req+jwt, application/jwt"


async def fetch_request_object(fetch: Fetch, client: Client, request_uri: str) -> str:
    """The request object at an address, as it stands there: nothing of it is proven.

    A fragment tells caches that the content has changed (Core §6.2); we keep nothing, so it need not be the digest of
    what is there, which clients that register it cannot know before they ask. An address that was registered without
    one may be sent with any; an address that was registered with one is sent with that one.

    Raises:
        InvalidRequestUri: not registered, not to be had, or not text.
    """
    address = request_uri.partition("#")[0]
    if not {request_uri, address} & set(client.request_uris):
        raise InvalidRequestUri("request_uri is not one of the registered request_uris")
    try:
        body = await fetch_document(fetch, address, most_bytes=MOST_BYTES, accept=ACCEPT)
    except FetchFailed as error:
        raise InvalidRequestUri(f"request_uri cannot be fetched: {error.code}") from error
    try:
        return body.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise InvalidRequestUri("what is at request_uri is not a JWT") from error
