"""Signing in tests that do not wait."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from keys import policy
from keys.jose import encode
from keys.keyring import Keyring
from keys.policy import Purpose

T = TypeVar("T")


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of something that could wait and must not: keys in memory sign without giving way."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise AssertionError("a key in memory gave way while it signed")


def signed(
    keyring: Keyring, purpose: Purpose, claims: Mapping[str, object], alg: str = policy.DEFAULT_ALGORITHM
) -> str:
    """A token of a purpose with any claims at all: what `Keyring.issue` would refuse to sign as well."""
    return at_once(encode(keyring.signer(purpose, alg), claims, policy.TOKEN_TYPES[purpose]))
