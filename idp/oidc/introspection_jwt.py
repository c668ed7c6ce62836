"""Introspection answers as JWTs (RFC 9701): a resource can show later what it was told, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from idp.oidc.client import Client
from keys import policy

MEDIA_TYPE: Final = "application/token-introspection+jwt"


def introspection_jwt_claims(
    answer: Mapping[str, object], *, issuer: str, client_id: str, now: int
) -> dict[str, object]:
    """The claims (§5). What the token says stands in a claim of its own, so that this never passes for the token."""
    return {"iss": issuer, "aud": client_id, "iat": now, "token_introspection": dict(answer)}


def signing_algorithm(client: Client) -> str:
    """How its answers are signed (§6)."""
    return client.introspection_signed_response_alg or policy.DEFAULT_ALGORITHM
