"""Claims that are asked for with a value (OpenID Connect Core §5.5.1): told only where it is this value.

Where it is another one the claim is left out, which is no error (§5.5.1); neither is anything told that only goes
with it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from idp.oidc.claims.parameter import Value

Values: TypeAlias = Mapping[str, tuple[Value, ...]]
"""Claim -> the values of which it must have one."""


def matches(told: object, wanted: Iterable[Value]) -> bool:
    """Whether a claim has one of these values; of an object, every member that the value names."""
    return any(_is(told, value) for value in wanted)


def _is(told: object, wanted: object) -> bool:
    if isinstance(told, Mapping) and isinstance(wanted, Mapping):
        return bool(wanted) and all(name in told and _is(told[name], value) for name, value in wanted.items())
    if isinstance(told, str) and isinstance(wanted, str):
        return unicodedata.normalize("NFC", told) == unicodedata.normalize("NFC", wanted)
    return type(told) is type(wanted) and told == wanted


def mismatched(told: Mapping[str, object], values: Values) -> set[str]:
    """Of what could be told, the claims that have none of the values they were asked for with."""
    return {name for name, wanted in values.items() if wanted and not matches(told.get(name), wanted)}
