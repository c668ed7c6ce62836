"""Our copies of clients' logos."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, select

from idp.store.columns import bound
from idp.store.database import Database, Row, Step, step
from idp.store.registration_schema import client_logos
from idp.store.upsert import upsert

KEEP = upsert(client_logos, bound(client_logos), update=("logo_uri", "media_type", "image", "fetched_at"))
REMOVE_OTHERS = delete(client_logos).where(
    client_logos.c.client_id == bindparam("client_id"), client_logos.c.logo_uri != bindparam("logo_uri")
)
FIND = select(client_logos.c.media_type, client_logos.c.image).where(
    client_logos.c.client_id == bindparam("client_id")
)


def keep(client_id: str, logo_uri: str, media_type: str, image: bytes, now: int) -> Step:
    """Put a logo in the place of the client's."""
    return step(
        KEEP, client_id=client_id, logo_uri=logo_uri, media_type=media_type, image=image, fetched_at=now
    )


def remove_others(client_id: str, logo_uri: str) -> Step:
    """Remove the client's logo unless it is of this address."""
    return step(REMOVE_OTHERS, client_id=client_id, logo_uri=logo_uri)


async def find(db: Database, client_id: str) -> Row | None:
    """The logo of a client: `media_type` and `image`."""
    return await db.fetch_one(FIND, client_id=client_id)
