"""What a request object says about itself: by whom, for whom and when it was made (RFC 9101 §4, RFC 7519 §4.1)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from idp.errors import InvalidRequestObject
from idp.oidc.client import Client
from idp.oidc.jwt_times import Untimely, check_span, check_times

LONGEST_LIFETIME: Final = 60 * 60
"""Seconds from `nbf` to `exp` at most, and from `nbf` to now, where objects are dated (FAPI 2.0 Message Signing
§5.3.1); seconds ahead that `exp` may be where a client must sign. Objects of others may lie at a `request_uri` for as
long as they like."""

REQUIRED: Final = ("iss", "aud", "exp", "client_id")
"""Where a client must sign: what keeps its objects from being used by others, elsewhere or later."""

TYPES: Final = frozenset({"jwt", "oauth-authz-req+jwt"})
"""The `typ` of a request object (RFC 9101 §10.8), and the one of any JWT, as older clients send it or none at all."""


def check_type(header: Mapping[str, object]) -> None:
    """Refuse a JWT of the client that is of another kind (RFC 8725 §3.11).

    Raises:
        InvalidRequestObject: its `typ` says so.
    """
    typ = header.get("typ", "JWT")
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") not in TYPES:
        raise InvalidRequestObject("typ of the request object must be oauth-authz-req+jwt")


def check_claims(claims: Mapping[str, object], client: Client, *, issuer: str, now: int) -> None:
    """Refuse an object of somebody else, for somebody else, or of another time.

    Raises:
        InvalidRequestObject: naming the claim.
    """
    for name in _required(client):
        if claims.get(name) is None:
            raise InvalidRequestObject(f"{name} is missing in the request object")
    check_parties(claims, client.client_id, issuer)
    _check_times(claims, client, now)


def _required(client: Client) -> tuple[str, ...]:
    if client.security.dated_request_objects:
        return (*REQUIRED, "nbf")
    return REQUIRED if client.require_signed_request_object else ()


def check_parties(claims: Mapping[str, object], client_id: str, issuer: str) -> None:
    """Refuse an object by or for somebody else; what it does not say is for the caller to miss.

    Raises:
        InvalidRequestObject: naming the claim.
    """
    if claims.get("iss", client_id) != client_id:
        raise InvalidRequestObject("iss of the request object must be the client_id")
    audience = claims.get("aud", issuer)
    if issuer not in (audience if isinstance(audience, list) else [audience]):
        raise InvalidRequestObject("aud of the request object must be the issuer identifier of this provider")
    if claims.get("sub") == client_id:  # RFC 9101 §10.8: what it signed to prove who it is asks for nothing
        raise InvalidRequestObject("a client assertion is no request object: sub must not be the client_id")


def _check_times(claims: Mapping[str, object], client: Client, now: int) -> None:
    longest = LONGEST_LIFETIME if client.require_signed_request_object else math.inf
    try:
        check_times(claims, now=now, longest_lifetime=longest)
        if client.security.dated_request_objects:
            check_span(claims, now=now, longest=LONGEST_LIFETIME)
    except Untimely as error:
        raise InvalidRequestObject(f"the request object's {error}") from error
