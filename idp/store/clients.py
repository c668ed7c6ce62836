"""Registered clients."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select, update

from idp.store.columns import insert_all
from idp.store.database import Database, Row
from idp.store.schema import clients

ADD = insert_all(clients, "disabled_at")
REPLACE = (
    update(clients)
    .where(clients.c.client_id == bindparam("client"))
    .values(metadata=bindparam("metadata"), secret_digest=bindparam("secret_digest"))
)
DISABLE = (
    update(clients)
    .where(clients.c.client_id == bindparam("client"), clients.c.disabled_at.is_(None))
    .values(disabled_at=bindparam("now"))
)
ENABLE = (
    update(clients)
    .where(clients.c.client_id == bindparam("client"), clients.c.disabled_at.is_not(None))
    .values(disabled_at=None)
)
FIND = select(clients).where(clients.c.client_id == bindparam("client_id"))
PAGE = (
    select(clients)
    .where(clients.c.client_id > bindparam("after"))
    .order_by(clients.c.client_id)
    .limit(bindparam("most"))
)


async def find(db: Database, client_id: str) -> Row | None:
    """One client's row, also a disabled one's."""
    return await db.fetch_one(FIND, client_id=client_id)


async def page(db: Database, *, after: str = "", most: int = 100) -> Sequence[Row]:
    """Clients by id, a page at a time."""
    return await db.fetch_all(PAGE, after=after, most=most)
