"""The two scales of Decree 69/2024 that the service speaks of: how a login was done, and how a person was proofed.

They are kept apart everywhere: `acr` is the authentication level 1 to 4 of one login, `ial` the level of the account
(01, 02). Nothing is called just "level".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum
from typing import Final


class AuthenticationLevel(IntEnum):
    """Decree 69/2024: mức độ xác thực."""

    ONE = 1
    TWO = 2
    THREE = 3
    FOUR = 4


class AccountLevel(StrEnum):
    """Decree 69/2024: mức độ tài khoản định danh; 02 is proofed in person."""

    LEVEL_01 = "01"
    LEVEL_02 = "02"


FACTOR_CLASS: Mapping[str, str] = {
    # RFC 8176 authentication method references -> what kind of factor the decree sees in them.
    "pwd": "know", "pin": "know", "kba": "know",
    "otp": "have", "sms": "have", "hwk": "have", "swk": "have", "sc": "have",
    "face": "are", "fpt": "are", "iris": "are", "vbm": "are",
}  # fmt: skip


def authentication_level(amr: Iterable[str]) -> AuthenticationLevel | None:
    """Level of a login from its methods (Decree 69/2024); None where the decree knows no level (biometric alone)."""
    factors = {FACTOR_CLASS[method] for method in amr if method in FACTOR_CLASS}
    if factors >= {"know", "have", "are"}:
        return AuthenticationLevel.FOUR
    if "are" in factors:
        return AuthenticationLevel.THREE if len(factors) > 1 else None
    return {1: AuthenticationLevel.ONE, 2: AuthenticationLevel.TWO}.get(len(factors))


REACHABLE_LEVELS: Final = (AuthenticationLevel.ONE, AuthenticationLevel.TWO)
"""What the methods of login that we offer can reach, weakest first: password, and an authenticator app beside it."""


def acr_value(base: str, level: AuthenticationLevel) -> str:
    """The `acr` URI of a level, e.g. `https://sso.example.gov.vn/acr/2`."""
    return f"{base}/acr/{level.value}"


def acr_values_supported(base: str) -> tuple[str, ...]:
    """What discovery says: the levels that this provider can reach, weakest first."""
    return tuple(acr_value(base, level) for level in REACHABLE_LEVELS)


def read_acr(base: str, value: str) -> AuthenticationLevel | None:
    """The level an `acr` value asks for; portals of the old national portal send `LoA1` to `LoA4`. None if unknown."""
    for level in AuthenticationLevel:
        if value in (acr_value(base, level), f"LoA{level.value}"):
            return level
    return None
