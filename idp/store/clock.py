"""The database server's clock."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, select

from idp.store.database import Database

NOW = select(func.current_timestamp().label("now"))


async def server_time(db: Database) -> int:
    """What time the database server has, in epoch seconds; for an embedded database it is our own."""
    value = (await db.fetch_all(NOW))[0]["now"]
    # PostgreSQL answers with a time zone; SQLite with text in UTC.
    at = value if isinstance(value, datetime) else datetime.fromisoformat(value).replace(tzinfo=UTC)
    return int(at.timestamp())
