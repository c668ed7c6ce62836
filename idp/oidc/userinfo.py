"""The UserInfo response (OpenID Connect Core §5.3.2)."""

from __future__ import annotations

from collections.abc import Mapping

from idp.registers.types import SubjectType


def userinfo_claims(
    *, subject: str, subject_type: SubjectType, released: Mapping[str, object]
) -> dict[str, object]:
    """The response as JSON: `sub` always, then what was granted."""
    return {**released, "sub": subject, "subject_type": subject_type.value}


def signed_userinfo_claims(
    claims: Mapping[str, object], *, issuer: str, client_id: str, now: int
) -> dict[str, object]:
    """The same as a JWT, for clients that registered how it is signed or encrypted: with `iss` and `aud` (§5.3.2)."""
    return {**claims, "iss": issuer, "aud": client_id, "iat": now}
