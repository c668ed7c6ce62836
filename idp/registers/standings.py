"""The population register's word on many people at once, and whether it may have changed since it was last asked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Final

from sqlalchemy import bindparam, func, select

from idp.registers.population import read_optional_date
from idp.registers.schema import load_progress, people
from idp.registers.standing import Standing, judge
from idp.registers.types import CardStatus, PersonStatus
from idp.store.database import Database

AT_ONCE: Final = 100  # records a statement

_NAMES: Final = tuple(f"record_{number}" for number in range(AT_ONCE))
_STANDINGS: Final = select(
    people.c.record_id, people.c.status, people.c.card_status, people.c.card_expires_on
).where(people.c.record_id.in_([bindparam(name) for name in _NAMES]))

_LATEST: Final = select(func.max(load_progress.c.load_id)).scalar_subquery()
_MARK: Final = (
    select(
        load_progress.c.load_id,
        func.sum(load_progress.c.bytes_done).label("bytes_done"),
        func.count(load_progress.c.finished_at).label("finished"),
    )
    .where(load_progress.c.load_id == _LATEST)
    .group_by(load_progress.c.load_id)
)


@dataclass(frozen=True, slots=True)
class LoadMark:
    """How far the loads have come: it moves with every batch that is committed."""

    load_id: int
    bytes_done: int
    finished: int


NOTHING_LOADED: Final = LoadMark(0, 0, 0)


async def find_mark(db: Database) -> LoadMark:
    """How far the loads have come now."""
    row = await db.fetch_one(_MARK)
    if row is None:
        return NOTHING_LOADED
    return LoadMark(row["load_id"], int(row["bytes_done"]), row["finished"])


async def find_standings(db: Database, record_ids: Collection[str], today: date) -> dict[str, Standing]:
    """The standing of each record; one that the register does not hold is left out."""
    found: dict[str, Standing] = {}
    waiting = iter(dict.fromkeys(record_ids))
    while some := list(islice(waiting, AT_ONCE)):
        some += some[:1] * (AT_ONCE - len(some))  # one statement, whatever their number
        for row in await db.fetch_all(_STANDINGS, **dict(zip(_NAMES, some, strict=True))):
            found[row["record_id"]] = judge(
                PersonStatus(row["status"]),
                CardStatus(row["card_status"]),
                read_optional_date(row["card_expires_on"]),
                today,
            )
    return found
