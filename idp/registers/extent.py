"""How much the registers hold, and of when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from idp.registers.schema import load_progress, organisations, people
from idp.store.database import Database

_PEOPLE: Final = select(func.count().label("count")).select_from(people)
_ORGANISATIONS: Final = select(func.count().label("count")).select_from(organisations)
_AS_OF: Final = select(func.max(load_progress.c.finished_at).label("as_of"))


@dataclass(frozen=True, slots=True)
class Extent:
    """Records in the registers; `as_of` is when a load last ended (epoch seconds), None if none ever did."""

    people: int
    organisations: int
    as_of: int | None


async def measure(db: Database) -> Extent:
    """Count; takes as long as reading the index of people does."""
    return Extent(
        people=(await db.fetch_all(_PEOPLE))[0]["count"],
        organisations=(await db.fetch_all(_ORGANISATIONS))[0]["count"],
        as_of=(await db.fetch_all(_AS_OF))[0]["as_of"],
    )
