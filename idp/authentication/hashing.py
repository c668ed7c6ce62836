"""Argon2id (RFC 9106), off the event loop, with bounded memory and a bounded queue.

Parameters: the OWASP Password Storage Cheat Sheet's first choice (m = 19 MiB, t = 2, p = 1), about 19 ms on one core.
RFC 9106 §4 recommends 64 MiB, t = 3, p = 4 where memory is plenty; that is eight times the work of this server.
Whoever answers for the security of the system must agree to a change; stored hashes follow at a person's next login.
Up to 32 MiB glibc reuses the memory of the last hash by itself, so nothing is tuned here.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher as Argon2
from argon2 import Type
from argon2.exceptions import InvalidHashError, VerificationError

from idp.authentication.password_policy import LONGEST, normalise
from idp.errors import Unavailable

MEMORY_KIB: Final = 19456
PASSES: Final = 2
LANES: Final = 1
DIGEST_BYTES: Final = 32
SALT_BYTES: Final = 16

MOST_WAITING: Final = 96  # hashes queued in one worker, about two seconds of work
MOST_STRANGERS_WAITING: Final = 64  # the rest is kept for browsers that the person has used before
RETRY_AFTER: Final = 3  # seconds

T = TypeVar("T")


def _most_waiting(*, known_browser: bool) -> int:
    return MOST_WAITING if known_browser else MOST_STRANGERS_WAITING


class PasswordHasher:
    """One thread that hashes for one worker process. More threads would only make the event loop wait for the core.

    The queue is the limit on all attempts together: what does not fit is refused at once, strangers first.
    """

    def __init__(self) -> None:
        self._argon2 = Argon2(
            time_cost=PASSES,
            memory_cost=MEMORY_KIB,
            parallelism=LANES,
            hash_len=DIGEST_BYTES,
            salt_len=SALT_BYTES,
            type=Type.ID,
        )
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="argon2id")
        self._waiting = 0
        # Checked for people without a password, so that they cost the same time; nobody knows its password.
        self._nobodys = self._argon2.hash(secrets.token_urlsafe(32))

    def require_room(self, *, known_browser: bool = False) -> None:
        """Refuse early, before an attempt is counted anywhere.

        Raises:
            Unavailable: too many attempts are waiting.
        """
        self._require_room(_most_waiting(known_browser=known_browser))

    async def verify(self, verifier: str | None, password: str, *, known_browser: bool = False) -> bool:
        """Whether the password belongs to the verifier; False after the same work when there is none.

        Raises:
            Unavailable: too many attempts are waiting.
        """
        text = normalise(password)
        usable = verifier is not None and len(text) <= LONGEST
        matches = await self._run(
            lambda: self._matches(verifier if usable and verifier else self._nobodys, text[:LONGEST]),
            _most_waiting(known_browser=known_browser),
        )
        return matches and usable

    async def hash(self, password: str) -> str:
        """A new verifier (PHC string) under the policy of today.

        Raises:
            Unavailable: too many attempts are waiting.
        """
        text = normalise(password)
        return await self._run(lambda: self._argon2.hash(text), MOST_WAITING)

    def needs_rehash(self, verifier: str) -> bool:
        """Whether the verifier was made under another policy."""
        return self._argon2.check_needs_rehash(verifier)

    def close(self) -> None:
        """Finish the running hash and forget those that wait."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _matches(self, verifier: str, password: str) -> bool:
        try:
            return self._argon2.verify(verifier, password)
        except (VerificationError, InvalidHashError):
            return False

    def _require_room(self, most: int) -> None:
        if self._waiting >= most:
            raise Unavailable("too many passwords are waiting to be hashed", retry_after=RETRY_AFTER)

    async def _run(self, work: Callable[[], T], most: int) -> T:
        self._require_room(most)
        self._waiting += 1
        try:
            return await asyncio.wrap_future(self._thread.submit(work))
        finally:  # also when the person has gone away: what was still queued is then cancelled
            self._waiting -= 1
