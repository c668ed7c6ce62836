"""Remembering which proofs have been used (RFC 9449 §11.1)."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable

from .refusal import Unavailable

MOST_KEPT = 100_000
"""Some 10 MB; proofs of a minute, so more than a thousand requests a second."""


class MemoryReplays:
    """The used proofs of this process, and of no other.

    Where several processes serve one API, a proof could be replayed once at each. Then give `Guard` a function of your
    own instead of `burn`: it must store the digest *if it is not there yet, in one atomic step*, in a place that all
    processes share and that forgets it after the time given, and it must raise `Unavailable` when that place does not
    answer. Redis does it by `SET digest 1 NX EXAT until`, a database by an insert into a primary key.
    """

    def __init__(self, most: int = MOST_KEPT, clock: Callable[[], float] = time.time) -> None:
        self._most = most
        self._clock = clock
        self._digests: set[bytes] = set()
        self._ends: list[tuple[float, bytes]] = []

    async def burn(self, digest: bytes, until: float) -> bool:
        """Whether this is the first time; it is remembered until then (epoch seconds).

        Raises:
            Unavailable: too many are remembered. Nothing is forgotten early: that is what a flood would be for.
        """
        now = self._clock()
        while self._ends and self._ends[0][0] < now:
            self._digests.discard(heapq.heappop(self._ends)[1])
        if digest in self._digests:
            return False
        if len(self._digests) >= self._most:
            raise Unavailable("too many proofs in a minute")
        self._digests.add(digest)
        heapq.heappush(self._ends, (until, digest))
        return True

    def __len__(self) -> int:
        return len(self._digests)
