"""How fast anyone may try to log in. It slows whoever guesses and keeps out nobody who belongs.

An attempt walks one of two paths. From a browser that this person has used before it meets only that browser's own
bucket; strangers cannot fill it, wherever they sit. Every other attempt meets the worker's, the address's and the
account's bucket for strangers. Refused attempts count nothing, success gives back what it took: what is limited is
failure. The numbers are policy; whoever answers for the security of the system must agree to change them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from idp.store.throttle import Bucket, Limit, bucket, subscriber, take, wait_ms

ADDRESS: Final = Limit(interval_ms=2_000, burst=120)
"""One IPv4 address or IPv6 /64: a village may share one (carrier-grade NAT), and only its mistakes count."""
STRANGERS: Final = Limit(interval_ms=120_000, burst=10)
"""All unknown browsers at one account: 262,800 guesses a year at most, of the 10^8 that a password must withstand. SP
800-63B-4 §3.2.2 wants a lock after 100 failures in a row; a lock is what an attacker would use against people."""
KNOWN_BROWSER: Final = Limit(interval_ms=60_000, burst=10)
"""One browser that the person has used before, at that person's account."""
WORKER: Final = Limit(interval_ms=25, burst=200)
"""All strangers' failures in one worker process: 40 a second, less than one core can hash, so that the rest of the core
is there for known browsers."""


class GlobalThrottle:
    """The bucket of all strangers in this worker process: in memory, so that no row is written by everybody."""

    def __init__(self, limit: Limit = WORKER) -> None:
        self._limit = limit
        self._full_at_ms = 0

    def take(self, now_ms: int) -> int:
        """Count one attempt: 0 when it is allowed, else the milliseconds to wait."""
        taken = take(self._full_at_ms, now_ms, self._limit)
        if taken is None:
            return wait_ms(self._full_at_ms, now_ms, self._limit)
        self._full_at_ms = taken
        return 0

    def refund(self) -> None:
        """Give back one attempt that succeeded."""
        self._full_at_ms -= self._limit.interval_ms


def known_path(number_digest: bytes, browser_digest: bytes) -> Sequence[Bucket]:
    """Buckets of an attempt from a browser that this person has used before."""
    return (bucket("login-known", KNOWN_BROWSER, number_digest, browser_digest),)


def stranger_path(number_digest: bytes, address: str) -> Sequence[Bucket]:
    """Buckets of every other attempt, the same whether or not anybody has the number."""
    return (
        bucket("login-address", ADDRESS, subscriber(address)),
        bucket("login-strangers", STRANGERS, number_digest),
    )
