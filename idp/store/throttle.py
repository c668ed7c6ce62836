"""Buckets that slow attempts down: GCRA as a rule and, beside it, as one atomic statement.

A bucket is one time: when it will be full again ("theoretical arrival time", ITU-T I.371). An attempt is allowed while
that time is less than `burst` intervals ahead, and moves it one interval on. Refused attempts move nothing, so nobody
is kept out by being tried; attempts together never exceed burst + elapsed / interval. Times here are milliseconds.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, and_, bindparam, case, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from idp.store.database import Database, NothingChanged, Step, required, step
from idp.store.schema import throttle_buckets

CLOCK_ERROR_MS: Final = 600_000
"""A bucket that is full later than it can ever be, by more than this, was written by a clock that was wrong: it starts
afresh, so that a clock set back keeps nobody out. Workers' clocks must agree better than this, or the limits weaken."""
IPV6_NETWORK: Final = 64  # bits: what one subscriber gets, and can change within at will


@dataclass(frozen=True, slots=True)
class Limit:
    """How often: `burst` attempts at once, and one more after each interval."""

    interval_ms: int
    burst: int

    def __post_init__(self) -> None:
        if self.interval_ms < 1 or self.burst < 1:
            raise ValueError("a limit that allows nothing would lock people out")

    @property
    def room_ms(self) -> int:
        """How far ahead a bucket's time may be for one more attempt."""
        return self.interval_ms * (self.burst - 1)

    @property
    def credible_ms(self) -> int:
        """How far ahead a bucket's time can be at all."""
        return self.interval_ms * self.burst + CLOCK_ERROR_MS


@dataclass(frozen=True, slots=True)
class Bucket:
    """One path of attempts and its limit; the key holds a digest, never an address or a number."""

    key: str
    limit: Limit


def bucket(kind: str, limit: Limit, *path: bytes) -> Bucket:
    """The bucket of a path; parts are set apart by their length."""
    digest = hashlib.blake2b(digest_size=16, person=kind.encode()[:16])
    for part in path:
        digest.update(len(part).to_bytes(4) + part)
    return Bucket(f"{kind}:{digest.hexdigest()}", limit)


def subscriber(address: str) -> bytes:
    """The part of an address that stands for one subscriber: an IPv4 address, or an IPv6 /64."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address.encode()
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return parsed.packed[: IPV6_NETWORK // 8]
        parsed = parsed.ipv4_mapped
    return parsed.packed


def take(full_at_ms: int | None, now_ms: int, limit: Limit) -> int | None:
    """The bucket's time after one attempt, None when the attempt is refused; `full_at_ms` is None for a new bucket."""
    if full_at_ms is None or not now_ms < full_at_ms <= now_ms + limit.credible_ms:
        return now_ms + limit.interval_ms
    return full_at_ms + limit.interval_ms if full_at_ms <= now_ms + limit.room_ms else None


def wait_ms(full_at_ms: int, now_ms: int, limit: Limit) -> int:
    """Milliseconds until the next attempt is allowed."""
    return max(0, full_at_ms - limit.room_ms - now_ms)


_now = bindparam("now_ms", type_=BigInteger)
_interval = bindparam("interval_ms", type_=BigInteger)
_room = bindparam("room_ms", type_=BigInteger)
_credible = bindparam("credible_ms", type_=BigInteger)
_full_at = throttle_buckets.c.full_at_ms

# The same rule as `take`: one row locked, one row changed, none returned when refused.
TAKE = (
    insert(throttle_buckets)
    .values(bucket=bindparam("bucket"), full_at_ms=_now + _interval)
    .on_conflict_do_update(
        index_elements=[throttle_buckets.c.bucket],
        set_={
            "full_at_ms": case((and_(_full_at > _now, _full_at <= _now + _credible), _full_at), else_=_now)
            + _interval
        },
        where=or_(_full_at <= _now + _room, _full_at > _now + _credible),
    )
    .returning(_full_at)
)
REFUND = (
    update(throttle_buckets)
    .where(throttle_buckets.c.bucket == bindparam("refunded"))
    .values(full_at_ms=_full_at - _interval)
)
FIND = select(_full_at).where(throttle_buckets.c.bucket == bindparam("bucket"))


async def take_all(db: Database, buckets: Sequence[Bucket], now_ms: int) -> int:
    """Count one attempt in every bucket, or in none: 0 when it is allowed, else the milliseconds to wait.

    Buckets are given from the general to the particular, so that two attempts never wait for each other.
    """
    try:
        await db.write(*(_take(one, now_ms) for one in buckets))
    except NothingChanged:
        return max(1, *[await _wait(db, one, now_ms) for one in buckets])
    return 0


def refund(buckets: Sequence[Bucket]) -> tuple[Step, ...]:
    """Give back what a successful attempt took; for the write that makes the success true."""
    return tuple(step(REFUND, refunded=one.key, interval_ms=one.limit.interval_ms) for one in buckets)


def _take(one: Bucket, now_ms: int) -> Step:
    return required(
        TAKE,
        bucket=one.key,
        now_ms=now_ms,
        interval_ms=one.limit.interval_ms,
        room_ms=one.limit.room_ms,
        credible_ms=one.limit.credible_ms,
    )


async def _wait(db: Database, one: Bucket, now_ms: int) -> int:
    row = await db.fetch_one(FIND, bucket=one.key)
    return 0 if row is None else wait_ms(row["full_at_ms"], now_ms, one.limit)
