"""The times in a JWT that somebody else made (RFC 7519 §4.1.4 to §4.1.6), by a clock that may be off."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

CLOCK_SKEW: Final = 60
"""Seconds that the other clock may be off. FAPI 2.0 §5.3.2.1: accept 10, refuse more than 60."""


class Untimely(Exception):
    """A JWT that is not good now. The message begins with the claim that says so, and is fit for whoever made it."""


def check_times(claims: Mapping[str, object], *, now: int, longest_lifetime: float = math.inf) -> float:
    """When a JWT ends by its own `exp`, in epoch seconds; never, where it has none.

    `longest_lifetime` is how many seconds from `now` that may be at most.

    Raises:
        Untimely: it has ended, ends too late, is not good yet, or states a time that is none.
    """
    expires_at = _read_date(claims, "exp", math.inf)
    if expires_at <= now - CLOCK_SKEW:
        raise Untimely("exp has passed: is the clock wrong?")
    if expires_at > now + longest_lifetime + CLOCK_SKEW:
        raise Untimely(
            f"exp is more than {longest_lifetime} seconds ahead: is the lifetime too long, or the clock wrong?"
        )
    for name in ("nbf", "iat"):
        if _read_date(claims, name, now) > now + CLOCK_SKEW:
            raise Untimely(f"{name} is in the future: is the clock wrong?")
    return expires_at


def check_span(claims: Mapping[str, object], *, now: int, longest: int) -> None:
    """Refuse a JWT that is good for more than `longest` seconds by its own words, or that has been for so long.

    Raises:
        Untimely: its `nbf` is that long ago, or its `exp` that long after.
    """
    begins_at = _read_date(claims, "nbf", -math.inf)
    if begins_at < now - longest - CLOCK_SKEW:
        raise Untimely(f"nbf is more than {longest} seconds ago")
    if _read_date(claims, "exp", math.inf) - begins_at > longest:
        raise Untimely(f"exp is more than {longest} seconds after nbf")


def _read_date(claims: Mapping[str, object], name: str, absent: float) -> float:
    """A NumericDate (RFC 7519 §2)."""
    value = claims.get(name)
    if value is None:
        return absent
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Untimely(f"{name} must be a number of seconds")
    return value
