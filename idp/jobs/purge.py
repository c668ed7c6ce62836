"""Removal of expired rows, in batches that never hold a table for long."""

from __future__ import annotations

import asyncio
from typing import Final

from idp.store import purge
from idp.store.database import Database

MOST_BATCHES: Final = 2000
"""Of each table, in one round: 10,000 rows a second. A login by FAPI 2.0 leaves five `jti`s of assertions and proofs,
and whoever says that they are a public client leaves as many as they send."""

PAUSE_SECONDS: Final = 0.05  # between batches, so that requests are not kept waiting


async def purge_expired(db: Database, now: int) -> None:
    """Remove what has outlived its use."""
    for _ in range(MOST_BATCHES):
        if await purge.purge(db, now) < purge.BATCH:
            return
        await asyncio.sleep(PAUSE_SECONDS)
