"""The ID token (OpenID Connect Core §2): that this person logged in, told to one client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from idp.oidc.authentication_event import AuthenticationEvent
from idp.registers.types import SubjectType

ID_TOKEN_LIFETIME: Final = 5 * 60
"""Seconds. It is read once, on arrival; Core §2 leaves the time to us. The provider's security officer may
change it."""


def id_token_claims(
    *,
    issuer: str,
    client_id: str,
    subject: str,
    subject_type: SubjectType,
    event: AuthenticationEvent,
    nonce: str | None,
    released: Mapping[str, object],
    now: int,
) -> dict[str, object]:
    """The claims of an ID token. `released` are those that were asked for in it and granted.

    A refreshed token has the `auth_time` of the first one, a new `iat`, and no `nonce` (Core §12.2): pass None.
    """
    claims: dict[str, object] = {
        **released,
        "iss": issuer,
        "sub": subject,
        "aud": client_id,
        "exp": now + ID_TOKEN_LIFETIME,
        "iat": now,
        "auth_time": event.auth_time,
        "acr": event.acr(issuer),
        "amr": list(event.amr),
        "sid": event.sid,
        "subject_type": subject_type.value,
    }
    if nonce is not None:
        claims["nonce"] = nonce
    return claims
