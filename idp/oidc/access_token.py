"""The access token (RFC 9068): a JWT that protected resources verify by themselves, and we can revoke by its grant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from idp.errors import InsufficientScope, InvalidToken
from idp.oidc.authentication_event import AuthenticationEvent
from idp.oidc.client import Client
from idp.oidc.organisation import organisation_id
from idp.registers.types import Representation

ACCESS_TOKEN_LIFETIME: Final = 5 * 60
"""Seconds. A resource that only verifies the signature believes a revoked token for this long; RFC 6750 §5.3 allows an
hour at the most. The provider's security officer may change it."""

MACHINE_TOKEN_LIFETIME: Final = 10 * 60
"""Seconds, for `client_credentials`: nobody logs out, and a batch should not ask at every step."""


def _audience(client: Client, *more: str) -> str | list[str]:
    """One text for one resource (RFC 7519 §4.1.3)."""
    audience = list(dict.fromkeys((*more, *client.audience)))
    return audience[0] if len(audience) == 1 else audience


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAccess:
    """What a person's grant gives a client access to. `representation` is the organisation acted for, if any."""

    grant_id: str
    subject: str
    scope: tuple[str, ...]
    event: AuthenticationEvent
    representation: Representation | None


def access_token_claims(
    access: PersonAccess, client: Client, *, issuer: str, jti: str, now: int
) -> dict[str, object]:
    """The claims of a token that a person's grant gives (RFC 9068 §2.2). UserInfo is a resource of the issuer.

    `grant_id` lets us refuse it once the grant is revoked. `vn_organisation` says for whom the person acts, by id only.
    """
    claims: dict[str, object] = {
        "iss": issuer,
        "sub": access.subject,
        "aud": _audience(client, issuer),
        "exp": now + ACCESS_TOKEN_LIFETIME,
        "iat": now,
        "jti": jti,
        "client_id": client.client_id,
        "scope": " ".join(access.scope),
        "auth_time": access.event.auth_time,
        "acr": access.event.acr(issuer),
        "grant_id": access.grant_id,
    }
    if access.representation is not None:
        claims["vn_organisation"] = {"id": organisation_id(access.representation)}
    return claims


def machine_token_claims(
    *, issuer: str, client: Client, scope: Collection[str], jti: str, now: int
) -> dict[str, object]:
    """The claims of a token by `client_credentials`: the client is the subject (RFC 9068 §2.2)."""
    claims: dict[str, object] = {
        "iss": issuer,
        "sub": client.client_id,
        "aud": _audience(client) if client.audience else issuer,
        "exp": now + MACHINE_TOKEN_LIFETIME,
        "iat": now,
        "jti": jti,
        "client_id": client.client_id,
    }
    if scope:
        claims["scope"] = " ".join(scope)
    return claims


def check_userinfo_token(claims: Mapping[str, object], *, issuer: str, now: int) -> str:
    """Check the claims of a verified access token for the UserInfo endpoint; its `grant_id`.

    Raises:
        InvalidToken: expired, or for another resource (RFC 6750 §3.1).
        InsufficientScope: no person behind it, or no `openid`.
    """
    audience = claims["aud"]
    expires_at = claims["exp"]
    if not isinstance(expires_at, int) or expires_at <= now:
        raise InvalidToken("the access token has expired")
    if issuer != audience and not (isinstance(audience, list) and issuer in audience):
        raise InvalidToken("the access token is for another resource")
    grant_id = claims.get("grant_id")
    if not isinstance(grant_id, str) or "openid" not in str(claims.get("scope", "")).split():
        raise InsufficientScope("the access token has no scope openid")
    return grant_id
