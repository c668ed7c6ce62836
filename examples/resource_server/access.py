"""Believing an access token (RFC 9068 §4), and what it then says."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.exceptions import PyJWTError
from jwt.types import Options

from .refusal import invalid_token
from .signing_keys import SigningKeys, UnknownKey

TYPES = ("at+jwt", "application/at+jwt")
TEXTS = ("iss", "sub", "jti", "client_id")
MOST_CHARACTERS = 16_384
LEEWAY_SECONDS = 10
"""How far two clocks may be apart."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a verified token says. `subject` is the person's number in this sector, or a program's own client id."""

    subject: str
    client_id: str
    scopes: frozenset[str]
    claims: Mapping[str, Any]

    @property
    def auth_time(self) -> float | None:
        """When the person logged in, in epoch seconds; None where none did."""
        return read_number(self.claims.get("auth_time"))


class AccessTokens:
    """Verifies the tokens that one issuer signed for one API."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        keys: SigningKeys,
        algorithms: Sequence[str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._algorithms = tuple(algorithms)
        self._clock = clock

    async def verify(self, token: str) -> Access:
        """What a good token says.

        Raises:
            Refused: it is malformed, forged, of another kind or issuer, for another API, or over.
            Unavailable: the keys cannot be had.
        """
        if len(token) > MOST_CHARACTERS:
            raise invalid_token("the access token is too long")
        try:
            claims = await self._verify_signature(token)
        except (PyJWTError, UnknownKey, ValueError, RecursionError) as error:
            raise invalid_token("the access token is malformed, forged, or for another API") from error
        self._check_times(claims)
        return _read(claims)

    async def _verify_signature(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("typ") not in TYPES:  # an ID token is no access token (RFC 9068 §4, RFC 8725 §3.11)
            raise invalid_token("this is not an access token")
        if "crit" in header:  # no extension of ours needs it (RFC 7515 §4.1.11)
            raise invalid_token("the access token has an extension that is not understood")
        key = await self._keys.get(header.get("kid"))
        # By our algorithms: the token's own header never decides (RFC 8725 §3.1). By our clock: PyJWT has only its own.
        options: Options = {
            "require": ["aud", "exp", "iat", *TEXTS],
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
        }
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=self._algorithms,
            issuer=self._issuer,
            audience=self._audience,
            options=options,
        )
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock()
        expires_at, issued_at = read_number(claims["exp"]), read_number(claims["iat"])
        if expires_at is None or expires_at + LEEWAY_SECONDS <= now:
            raise invalid_token("the access token has expired")
        if issued_at is None or issued_at - LEEWAY_SECONDS > now:
            raise invalid_token("the access token is from the future")
        not_before = read_number(claims.get("nbf", 0))
        if not_before is None or not_before - LEEWAY_SECONDS > now:
            raise invalid_token("the access token is not good yet")


def read_number(value: object) -> float | None:
    """A finite number; None for anything else. In Python `true` is a number, in a token it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:  # Python reads integers of hundreds of digits
        return None


def _read(claims: Mapping[str, Any]) -> Access:
    scope = claims.get("scope", "")
    if not all(isinstance(claims[name], str) and claims[name] for name in TEXTS) or not isinstance(
        scope, str
    ):
        raise invalid_token("the access token has a claim of the wrong kind")
    return Access(claims["sub"], claims["client_id"], frozenset(scope.split()), claims)
