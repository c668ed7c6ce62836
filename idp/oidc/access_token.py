"""The access token (RFC 9068): a JWT that protected resources verify by themselves, and we can revoke by its grant."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from idp.errors import InsufficientScope, InvalidToken
from idp.oidc.authentication_event import AuthenticationEvent
from idp.oidc.authorization_details.detail import Detail
from idp.oidc.client import Client
from idp.oidc.organisation import organisation_id
from idp.oidc.sender import UNBOUND, Confirmation
from idp.registers.types import Representation

ACCESS_TOKEN_LIFETIME: Final = 5 * 60
"""Seconds. A resource that only verifies the signature believes a revoked token for this long; RFC 6750 §5.3 allows an
hour at the most. The provider's security officer may change it."""

MACHINE_TOKEN_LIFETIME: Final = 10 * 60
"""Seconds, for `client_credentials`: nobody logs out, and a batch should not ask at every step."""


def _audience(resources: Sequence[str]) -> str | list[str]:
    """One text for one resource (RFC 7519 §4.1.3)."""
    return resources[0] if len(resources) == 1 else list(resources)


def fresh_jti(exchanged: str = "") -> str:
    """An identifier of 128 random bits.

    A token that was `exchanged` for another leads with that one's, so that it ends with it (`idp.store.grants`).
    """
    own = secrets.token_urlsafe(16)
    return f"{exchanged}.{own}" if exchanged else own


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAccess:
    """What a person's grant gives a client access to. `representation` is the organisation acted for, if any.

    `audience` are the resources it is for, `confirmation` what it is bound to. `actors` are the clients that act for
    the person by exchange, the newest first; `details` is what else was granted, by type (RFC 9396). `not_after` is the
    end of what it rests on, the token that was exchanged or the first of its details, in epoch seconds.
    """

    grant_id: str
    subject: str
    audience: tuple[str, ...]
    scope: tuple[str, ...]
    event: AuthenticationEvent
    representation: Representation | None
    confirmation: Confirmation = UNBOUND
    actors: tuple[str, ...] = ()
    details: tuple[Detail, ...] = ()
    not_after: int | None = None

    def expires_at(self, now: int) -> int:
        """When a token of it ends that is made now: exchange prolongs nothing."""
        expires_at = now + ACCESS_TOKEN_LIFETIME
        return expires_at if self.not_after is None else min(expires_at, self.not_after)

    @property
    def granted_details(self) -> dict[str, object]:
        """`authorization_details` of the token, and of the answer that it comes in (RFC 9396 §7, §9.1), or nothing."""
        return {"authorization_details": [dict(one) for one in self.details]} if self.details else {}


def act_claim(actors: Sequence[str]) -> dict[str, object]:
    """Who acts, and for whom in turn that one does (RFC 8693 §4.1); `actors` are client ids, the newest first."""
    claim: dict[str, object] = {}
    for actor in reversed(actors):
        claim = {"sub": actor} | ({"act": claim} if claim else {})
    return claim


def read_actors(claims: Mapping[str, object]) -> tuple[str, ...]:
    """The actors of a verified access token of ours, the newest first."""
    actors: list[str] = []
    act = claims.get("act")
    while isinstance(act, dict):
        actors.append(str(act["sub"]))
        act = act.get("act")
    return tuple(actors)


def access_token_claims(
    access: PersonAccess, client: Client, *, issuer: str, jti: str, now: int
) -> dict[str, object]:
    """The claims of a token that a person's grant gives (RFC 9068 §2.2). UserInfo is a resource of the issuer.

    `grant_id` lets us refuse it once the grant is revoked. `vn_organisation` says for whom the person acts, by id only;
    `act` says which client acts for the person, where it is not the one that they granted.
    """
    claims: dict[str, object] = {
        "iss": issuer,
        "sub": access.subject,
        "aud": _audience(access.audience),
        "exp": access.expires_at(now),
        "iat": now,
        "jti": jti,
        "client_id": client.client_id,
        "scope": " ".join(access.scope),
        "auth_time": access.event.auth_time,
        "acr": access.event.acr(issuer),
        "grant_id": access.grant_id,
        **access.confirmation.claims,
        **access.granted_details,
    }
    if access.representation is not None:
        claims["vn_organisation"] = {"id": organisation_id(access.representation)}
    if access.actors:
        claims["act"] = act_claim(access.actors)
    return claims


def machine_token_claims(
    *,
    issuer: str,
    client: Client,
    audience: Sequence[str],
    scope: Collection[str],
    jti: str,
    now: int,
    confirmation: Confirmation = UNBOUND,
) -> dict[str, object]:
    """The claims of a token by `client_credentials`: the client is the subject (RFC 9068 §2.2)."""
    claims: dict[str, object] = {
        "iss": issuer,
        "sub": client.client_id,
        "aud": _audience(audience),
        "exp": now + MACHINE_TOKEN_LIFETIME,
        "iat": now,
        "jti": jti,
        "client_id": client.client_id,
        **confirmation.claims,
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
