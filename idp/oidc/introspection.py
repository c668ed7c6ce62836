"""Token introspection (RFC 7662): what a token means right now, told to those it concerns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from idp.oidc.authorization_details.detail import Detail
from idp.oidc.authorization_details.granting import told_to
from idp.oidc.client import Client
from idp.oidc.resource import is_addressed
from idp.oidc.sender import read_confirmation

INACTIVE: Final[Mapping[str, object]] = MappingProxyType({"active": False})
"""The whole answer for every token that is not active or not the caller's concern (§2.2): it tells nothing more."""

_TOLD: Final = (
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "jti",
    "client_id",
    "scope",
    "auth_time",
    "acr",
    "vn_organisation",
    "act",
    "cnf",
)


def may_introspect(client: Client, claims: Mapping[str, object], issuer: str) -> bool:
    """Whether a token is this caller's concern: it was issued to it, or it is a resource the token is for (§4)."""
    return claims.get("client_id") == client.client_id or is_addressed(client, claims, issuer)


def introspection_response(
    client: Client, claims: Mapping[str, Any], *, issuer: str, now: int
) -> dict[str, object]:
    """The answer about a verified access token whose grant is still good (§2.2)."""
    expires_at = claims.get("exp")
    if not isinstance(expires_at, int) or expires_at <= now or not may_introspect(client, claims, issuer):
        return dict(INACTIVE)
    told = {name: claims[name] for name in _TOLD if name in claims} | _details(client, claims)
    return {"active": True, "token_type": read_confirmation(claims).token_type} | told


def _details(client: Client, claims: Mapping[str, Any]) -> dict[str, object]:
    """RFC 9396 §9.2: a resource is told of the details that are for it."""
    details = claims.get("authorization_details", ())
    told = details if claims["client_id"] == client.client_id else told_to(client.resources, details)
    return {"authorization_details": told} if told else {}


def refresh_introspection_response(
    *,
    issuer: str,
    client_id: str,
    subject: str,
    scope: str,
    expires_at: int,
    details: Sequence[Detail] = (),
) -> dict[str, object]:
    """The answer about a refresh token, to the client that it was issued to."""
    return {
        "active": True,
        "iss": issuer,
        "client_id": client_id,
        "sub": subject,
        "scope": scope,
        "exp": expires_at,
        **({"authorization_details": list(details)} if details else {}),
    }
