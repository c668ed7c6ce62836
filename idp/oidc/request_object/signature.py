"""Who signed a request object: the client, with a key that it registered (RFC 9101 §6.2, CIBA Core §7.1.1)."""

from __future__ import annotations

from collections.abc import Collection

from idp.errors import InvalidRequestObject
from idp.oidc.client import Client
from idp.oidc.client_keys import ClientKeys
from keys import jose
from keys.jose import InvalidToken, JwkSet, VerifiedJws


async def verified_by_keys(
    token: str, client: Client, keys: ClientKeys, algorithms: Collection[str]
) -> VerifiedJws | None:
    """The content of an object that is signed with one of the client's keys; None if it has registered none.

    Raises:
        InvalidRequestObject: not a JWS, the keys cannot be had, or none of them made the signature.
    """
    known = await _keys(token, client, keys)
    if known is None:
        return None
    try:
        return jose.verify(token, known, algorithms=algorithms)
    except InvalidToken as error:
        raise InvalidRequestObject(
            "the signature of the request object cannot be verified with the registered keys",
            detail=str(error),
        ) from error


async def _keys(token: str, client: Client, keys: ClientKeys) -> JwkSet | None:
    """The client's keys, fetched anew where the object names one that we do not know; None if it has registered none.

    Raises:
        InvalidRequestObject: not a JWS, or the keys cannot be had.
    """
    try:
        kid = jose.read_compact(token).kid
    except InvalidToken as error:
        raise InvalidRequestObject("the request object is not a JWT", detail=str(error)) from error
    found = await keys.keys_for(client, kid)
    if found is None and client.jwks_uri:
        why = keys.failure(client)
        raise InvalidRequestObject(f"the keys at the jwks_uri of this client cannot be had: {why}")
    return found if found is not None and found.keys else None
