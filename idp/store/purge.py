"""Removal of what has outlived its use, in bounded batches: never one giant DELETE."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Delete, bindparam, delete, select

from idp.store import (
    authenticators,
    backchannel_requests,
    device_codes,
    grants,
    interactions,
    logout_outbox,
    pushed_requests,
    readiness,
    refresh_tokens,
    sessions,
    single_use,
)
from idp.store.database import Database
from idp.store.schema import activation_codes, throttle_buckets

BATCH: Final = 1000  # rows a statement
KEPT_AFTER_EXPIRY: Final = 600  # seconds: replays of what just expired are still recognised

_BEFORE = bindparam("before", type_=BigInteger)  # arithmetic on it must not happen in 32 bits

ACTIVATION_CODES = delete(activation_codes).where(
    activation_codes.c.code_digest.in_(
        select(activation_codes.c.code_digest)
        .where(activation_codes.c.expires_at < _BEFORE - 90 * 86400)
        .limit(bindparam("most"))
    )
)
THROTTLE_BUCKETS = delete(throttle_buckets).where(
    throttle_buckets.c.bucket.in_(
        select(throttle_buckets.c.bucket)
        .where(throttle_buckets.c.full_at_ms < _BEFORE * 1000)
        .limit(bindparam("most"))
    )
)
# Children first: a grant goes after its refresh tokens, a session after its grants.
QUERIES: tuple[Delete, ...] = (
    refresh_tokens.PURGE,
    grants.PURGE,
    interactions.PURGE,
    device_codes.PURGE,
    backchannel_requests.PURGE,
    backchannel_requests.PURGE_BLOCKS,
    pushed_requests.PURGE,
    single_use.PURGE_JTIS,
    single_use.PURGE_ACCESS_TOKENS,
    authenticators.PURGE,
    ACTIVATION_CODES,
    THROTTLE_BUCKETS,
    sessions.PURGE,
    logout_outbox.PURGE,
    readiness.PURGE_FETCHES,
    readiness.PURGE_UNKNOWN,
    readiness.PURGE_STALE_USES,
    readiness.PURGE_ACTIVITY,
    readiness.PURGE_SETS,
)


_COUNTED = tuple(query.returning(next(iter(query.table.primary_key))) for query in QUERIES)


async def purge(db: Database, now: int) -> int:
    """Remove one batch from each table; the size of the largest, which is `BATCH` while there may be more."""
    largest = 0
    for query in _COUNTED:
        removed = await db.fetch_all(query, before=now - KEPT_AFTER_EXPIRY, most=BATCH)
        largest = max(largest, len(removed))
    return largest
