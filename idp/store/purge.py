"""Removal of what has outlived its use, in bounded batches: never one giant DELETE."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Delete, bindparam, delete, select

from idp.store import grants, interactions, refresh_tokens, sessions, single_use
from idp.store.database import Database, step
from idp.store.schema import activation_codes, throttle_buckets

BATCH: Final = 1000  # rows a statement
KEPT_AFTER_EXPIRY: Final = 600  # seconds: replays of what just expired are still recognised

ACTIVATION_CODES = delete(activation_codes).where(
    activation_codes.c.code_digest.in_(
        select(activation_codes.c.code_digest)
        .where(activation_codes.c.expires_at < bindparam("before") - 90 * 86400)
        .limit(bindparam("most"))
    )
)
THROTTLE_BUCKETS = delete(throttle_buckets).where(
    throttle_buckets.c.bucket.in_(
        select(throttle_buckets.c.bucket)
        .where(throttle_buckets.c.full_at_ms < bindparam("before") * 1000)
        .limit(bindparam("most"))
    )
)
# Children first: a grant goes after its refresh tokens, a session after its grants.
QUERIES: tuple[Delete, ...] = (
    refresh_tokens.PURGE,
    grants.PURGE,
    interactions.PURGE,
    single_use.PURGE_ASSERTIONS,
    single_use.PURGE_ACCESS_TOKENS,
    ACTIVATION_CODES,
    THROTTLE_BUCKETS,
    sessions.PURGE,
)


async def purge(db: Database, now: int) -> None:
    """Remove one batch from each table."""
    for query in QUERIES:
        await db.write(step(query, before=now - KEPT_AFTER_EXPIRY, most=BATCH))
