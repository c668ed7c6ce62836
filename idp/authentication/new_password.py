"""A person chooses a password: reviewed, then hashed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from idp.authentication.hashing import PasswordHasher
from idp.authentication.password_policy import KnownFacts, Weakness, find_weaknesses


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password that passed the policy, hashed; made by `prove_new_password` only."""

    verifier: str = field(repr=False)


async def prove_new_password(
    hasher: PasswordHasher, typed: str, repeated: str, facts: KnownFacts, breached_list: Path | None
) -> NewPassword | tuple[Weakness, ...]:
    """The password hashed, or every reason to refuse it.

    Raises:
        Unavailable: too many passwords are waiting to be hashed.
        OSError: the list of breached passwords cannot be read.
    """
    weaknesses = await asyncio.to_thread(find_weaknesses, typed, repeated, facts, breached_list)
    if weaknesses:
        return weaknesses
    return NewPassword(await hasher.hash(typed))
