"""Audit events: appended, read by the person they concern, never changed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, insert, select

from idp.store.database import Database, Row
from idp.store.schema import audit_events

ADD = insert(audit_events).values({column.name: bindparam(column.name) for column in audit_events.columns})

HISTORY = (
    select(audit_events)
    .where(
        audit_events.c.account_id == bindparam("account_id"),
        audit_events.c.event_id < bindparam("before"),
    )
    .order_by(audit_events.c.event_id.desc())
    .limit(bindparam("most"))
)

LAST_ID = "g"  # sorts after every hexadecimal event id


async def history(db: Database, account_id: str, *, before: str = LAST_ID, most: int = 50) -> Sequence[Row]:
    """What happened to an account, newest first; `before` is the event id that the last page ended with."""
    return await db.fetch_all(HISTORY, account_id=account_id, before=before, most=most)
