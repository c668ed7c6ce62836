"""Request objects by reference (RFC 9101 §5.2, OpenID Connect Core §6.2): only from addresses that are registered."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from idp.errors import InvalidRequestUri
from idp.oidc.client import Client
from idp.oidc.remote import Fetch, FetchFailed, fetch_document
from keys import base64url, policy

MOST_BYTES: Final = policy.MAX_TOKEN_LENGTH
ACCEPT: Final = "application/oauth-authz-req+jwt, application/jwt"


async def fetch_request_object(fetch: Fetch, client: Client, request_uri: str) -> str:
    """The request object at an address, as it stands there: nothing of it is proven.

    An address that was registered without a fragment may be sent with one, the digest of what is there (Core §6.2); an
    address that was registered with one is good for that very content only.

    Raises:
        InvalidRequestUri: not registered, not to be had, not text, or of another digest.
    """
    address, _, digest = request_uri.partition("#")
    if not {request_uri, address} & set(client.request_uris):
        raise InvalidRequestUri("request_uri is not one of the registered request_uris")
    try:
        body = await fetch_document(fetch, address, most_bytes=MOST_BYTES, accept=ACCEPT)
    except FetchFailed as error:
        raise InvalidRequestUri(f"request_uri cannot be fetched: {error.code}") from error
    found = base64url.encode_text(hashlib.sha256(body).digest())
    if digest and not hmac.compare_digest(found, digest):
        raise InvalidRequestUri("what is at request_uri has another SHA-256 than its fragment says")
    try:
        return body.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise InvalidRequestUri("what is at request_uri is not a JWT") from error
