"""Version counters of what workers keep in memory: a change raises one, every worker sees it within seconds."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, select, update

from idp.store.database import Database, Step, required
from idp.store.schema import versions

CLIENTS: Final = "clients"
KEYS: Final = "keys"

ALL = select(versions.c.name, versions.c.version)
RAISE = update(versions).where(versions.c.name == bindparam("changed")).values(version=versions.c.version + 1)


def changed(name: str) -> Step:
    """The step that tells every worker; belongs into the same write as the change."""
    return required(RAISE, changed=name)


async def current(db: Database) -> dict[str, int]:
    """All counters."""
    return {row["name"]: row["version"] for row in await db.fetch_all(ALL)}
