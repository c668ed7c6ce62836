"""Rotation readiness: counts of workers are added up, read by staff, and removed when they are old."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Table, bindparam, case, delete, exists, select, tuple_
from sqlalchemy.dialects.postgresql import Insert, insert

from idp.store.columns import bound
from idp.store.database import Database, Row, Step, step
from idp.store.readiness_schema import client_activity, key_set_fetches, key_sets, stale_key_uses
from idp.store.upsert import insert_unless_present

KEPT: Final = 90 * 86400
"""Seconds that a count is kept after its last event: as long as a key signs (`keys.policy.ACTIVE_LIFETIME`)."""

MOST_UNKNOWN: Final = 5_000
"""Rows about fetchers that nobody registered: strangers choose how many there are. The least frequent go first."""


@dataclass(frozen=True, slots=True, order=True)
class Fetch:
    """Who fetched which set. `client_id` is empty for the unknown, of whom program and network are known instead."""

    client_id: str
    agent: str
    network: str
    etag: str


@dataclass(frozen=True, slots=True, order=True)
class StaleUse:
    """Which client showed what: `kind` is id_token_hint, access_token, introspection (`shown` is a kid) or key_set."""

    client_id: str
    kind: str
    shown: str


@dataclass(slots=True)
class Seen:
    """How often, and when first and last (epoch seconds)."""

    first_at: int
    last_at: int
    count: int = 0
    bad_assertions: int = 0

    def add(self, other: Seen) -> None:
        """Count the other's events too."""
        self.first_at = min(self.first_at, other.first_at)
        self.last_at = max(self.last_at, other.last_at)
        self.count += other.count
        self.bad_assertions += other.bad_assertions


def _adding(table: Table, *counts: str) -> Insert:
    """Insert a row, or add its counts to the row that is there and stretch the time between first and last."""
    statement = insert(table).values(bound(table))
    mine, new = table.c, statement.excluded
    changes: dict[str, Any] = {name: mine[name] + new[name] for name in counts}
    changes["last_at"] = case((new.last_at > mine.last_at, new.last_at), else_=mine.last_at)
    if "first_at" in mine:
        changes["first_at"] = case((new.first_at < mine.first_at, new.first_at), else_=mine.first_at)
    return statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=changes)


ADD_SET = insert_unless_present(key_sets, bound(key_sets))
ADD_FETCH = _adding(key_set_fetches, "fetches", "bad_assertions")
ADD_STALE_USE = _adding(stale_key_uses, "uses")
ADD_ACTIVITY = _adding(client_activity)

SETS = select(key_sets).order_by(key_sets.c.first_at)
FETCHES = select(key_set_fetches).order_by(key_set_fetches.c.last_at.desc())
STALE_USES = select(stale_key_uses).order_by(stale_key_uses.c.last_at.desc())
ACTIVITY = select(client_activity)

_BEFORE = bindparam("before", type_=BigInteger) - KEPT


def _key(table: Table) -> tuple[Column[Any], ...]:
    return tuple(table.primary_key.columns)


def _purge_old(table: Table) -> Any:
    old = select(*_key(table)).where(table.c.last_at < _BEFORE).limit(bindparam("most"))
    return delete(table).where(tuple_(*_key(table)).in_(old))


PURGE_FETCHES = _purge_old(key_set_fetches)
PURGE_STALE_USES = _purge_old(stale_key_uses)
PURGE_ACTIVITY = _purge_old(client_activity)
PURGE_UNKNOWN = delete(key_set_fetches).where(
    tuple_(*_key(key_set_fetches)).in_(
        select(*_key(key_set_fetches))
        .where(key_set_fetches.c.client_id == "")
        .order_by(key_set_fetches.c.fetches.desc(), key_set_fetches.c.last_at.desc())
        .offset(MOST_UNKNOWN)
        .limit(bindparam("most"))
    )
)
PURGE_SETS = delete(key_sets).where(
    key_sets.c.etag.in_(
        select(key_sets.c.etag)
        .where(key_sets.c.first_at < _BEFORE, ~exists().where(key_set_fetches.c.etag == key_sets.c.etag))
        .limit(bindparam("most"))
    )
)


def add_set(etag: str, kids: Sequence[str], first_at: int) -> Step:
    """A set that was given out; one that is known stays as it is."""
    return step(ADD_SET, etag=etag, kids=" ".join(kids), first_at=first_at)


def add_fetch(fetch: Fetch, seen: Seen) -> Step:
    """Count fetches."""
    return step(
        ADD_FETCH,
        client_id=fetch.client_id,
        agent=fetch.agent,
        network=fetch.network,
        etag=fetch.etag,
        first_at=seen.first_at,
        last_at=seen.last_at,
        fetches=seen.count,
        bad_assertions=seen.bad_assertions,
    )


def add_stale_use(use: StaleUse, seen: Seen) -> Step:
    """Count what shows old keys."""
    return step(
        ADD_STALE_USE,
        client_id=use.client_id,
        kind=use.kind,
        shown=use.shown,
        first_at=seen.first_at,
        last_at=seen.last_at,
        uses=seen.count,
    )


def add_activity(client_id: str, last_at: int) -> Step:
    """A client was used."""
    return step(ADD_ACTIVITY, client_id=client_id, last_at=last_at)


async def find_sets(db: Database) -> Sequence[Row]:
    """Every set that was given out, oldest first."""
    return await db.fetch_all(SETS)


async def find_fetches(db: Database) -> Sequence[Row]:
    """Every count of fetches, the latest first."""
    return await db.fetch_all(FETCHES)


async def find_stale_uses(db: Database) -> Sequence[Row]:
    """Every sign of old keys, the latest first."""
    return await db.fetch_all(STALE_USES)


async def find_activity(db: Database) -> dict[str, int]:
    """When each client was last used."""
    return {row["client_id"]: row["last_at"] for row in await db.fetch_all(ACTIVITY)}
