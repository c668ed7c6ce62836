"""A client's signed assertion (RFC 7523 §3, OpenID Connect Core §9 `private_key_jwt`)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from idp.errors import InvalidClient
from idp.oidc.client import Client
from idp.oidc.client_keys import ClientKeys
from idp.oidc.jwt_times import CLOCK_SKEW, Untimely, check_times
from keys import jose
from keys.jose import JwkSet

LONGEST_LIFETIME: Final = 5 * 60
"""Seconds from now to `exp`: an assertion is made for one request. Its `jti` has to be remembered for so long."""

LONGEST_JTI: Final = 255

_NAMES: Final = frozenset(
    {
        "none", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
        "ES512", "ES256K", "EdDSA", "Ed25519", "Ed448",
    }
)  # fmt: skip
"""What a client may have been set up with by mistake (RFC 7518 §3.1). Other text is a stranger's, and stays untold."""


@dataclass(frozen=True, slots=True)
class CheckedAssertion:
    """An assertion in order, but for its single use: that its `jti` is new is for the store to say.

    `jti_digest` is SHA-256 over client and `jti`; `expires_at` is when it would be refused anyway (epoch seconds).
    """

    jti_digest: bytes
    expires_at: int


def _refuse(description: str, detail: str = "") -> InvalidClient:
    return InvalidClient(f"client_assertion: {description}", detail=detail)


def _check_parties(claims: Mapping[str, object], client: Client, audiences: Collection[str]) -> None:
    if claims.get("iss") != client.client_id or claims.get("sub") != client.client_id:
        raise _refuse("iss and sub must both be the client_id")
    audience = claims.get("aud")
    if client.security.lone_audience and not isinstance(audience, str):  # FAPI 2.0 Security Profile §5.3.2.1
        raise _refuse("aud must be the issuer identifier of this provider, as one text")
    named = audience if isinstance(audience, list) else [audience]
    # every one of them: with somebody else among them, that somebody could present it here
    if not named or not all(isinstance(one, str) and one in audiences for one in named):
        raise _refuse("aud must be the issuer identifier of this provider, and nothing else")


def _check_times(claims: Mapping[str, object], now: int) -> float:
    if claims.get("exp") is None:
        raise _refuse("exp is missing")
    try:
        return check_times(claims, now=now, longest_lifetime=LONGEST_LIFETIME)
    except Untimely as error:
        raise _refuse(str(error)) from error


def _read_jti(claims: Mapping[str, object]) -> str:
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= LONGEST_JTI:
        raise _refuse(f"jti must be a text of 1 to {LONGEST_JTI} characters, new in every assertion")
    return jti


async def _keys(token: str, client: Client, keys: ClientKeys) -> JwkSet:
    """The keys that the assertion may be signed with; fetched anew where it names one that we do not know."""
    try:
        kid = jose.read_compact(token).kid if client.jwks_uri else None
    except jose.InvalidToken as error:
        raise _refuse("it is not a JWT", str(error)) from error
    found = await keys.keys_for(client, kid)
    if found is not None:
        return found
    if client.jwks_uri:
        raise _refuse(f"the keys at the jwks_uri of this client cannot be had: {keys.failure(client)}")
    raise _refuse("this client has no registered keys")


def _algorithms(token: str, client: Client) -> Collection[str]:
    """What the client may sign with: the one that it registered, or all of its profile (Registration §2)."""
    registered = client.token_endpoint_auth_signing_alg
    allowed = (registered,) if registered else client.security.client_algorithms
    used = jose.read_compact(token).alg
    if used not in allowed:
        may = ", ".join(allowed)
        named = used if used in _NAMES else "something else"
        raise _refuse(
            f"it is signed with {named}, and this client may use {may} (token_endpoint_auth_signing_alg)"
        )
    return allowed


async def verify_assertion(
    token: str, client: Client, keys: ClientKeys, *, audiences: Collection[str], now: int
) -> CheckedAssertion:
    """An assertion of this client for one of these audiences.

    Raises:
        InvalidClient: no keys, a signature or algorithm that does not fit, wrong parties or times, no `jti`.
    """
    known = await _keys(token, client, keys)
    try:
        claims = jose.verify(token, known, algorithms=_algorithms(token, client)).claims
    except jose.InvalidToken as error:
        raise _refuse(f"it cannot be verified with the registered keys: {error}") from error
    _check_parties(claims, client, audiences)
    expires_at = _check_times(claims, now)
    digest = hashlib.sha256(f"{client.client_id}\0{_read_jti(claims)}".encode()).digest()
    return CheckedAssertion(digest, math.ceil(expires_at) + CLOCK_SKEW)
