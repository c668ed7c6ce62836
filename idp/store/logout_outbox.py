"""The outbox of back-channel logouts: what portals are still to be told, and what became of it.

A row is kept in the write that ends the session, so that no ending is ever forgotten. Whoever delivers takes rows for
a while; the count of attempts says whose they are, so that a worker that was given up for dead changes nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    BigInteger,
    Select,
    Text,
    and_,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, insert  # its ON CONFLICT compiles for SQLite as well

from idp.store.database import Database, Row, Step, required, step
from idp.store.schema import clients, logout_outbox, session_clients, sessions

WAITING: Final = "waiting"
DELIVERED: Final = "delivered"
FAILED: Final = "failed"
KEPT_SECONDS: Final = 30 * 86400
"""How long what became of a logout can be looked up."""

_KEY: Final = (logout_outbox.c.cause_id, logout_outbox.c.session_id, logout_outbox.c.client_id)
_QUEUED: Final = (
    "cause_id", "session_id", "client_id", "account_id", "state", "attempts", "next_attempt_at", "created_at",
)  # fmt: skip
CAUSE: Final = bindparam("cause", type_=Text)
NOW: Final = bindparam("now", type_=BigInteger)
TOLD: Final = and_(clients.c.backchannel_logout_uri.is_not(None), clients.c.disabled_at.is_(None))
"""Which clients are told of logouts."""


@dataclass(frozen=True, slots=True)
class Logout:
    """One portal to be told that one session has ended; `attempts` counts the one that it was taken for."""

    cause_id: str
    session_id: str
    client_id: str
    account_id: str
    attempts: int


def queue(ended: Select[tuple[str, str, str]]) -> Insert:
    """An INSERT of one row for each session, client and account of a SELECT; takes `cause` and `now`."""
    found = ended.subquery("ended")
    rows = select(
        CAUSE,
        *found.c,
        literal(WAITING, Text),
        literal(0),
        NOW.label("next_attempt_at"),
        NOW.label("created_at"),
    ).where(found.c.session_id.is_not(None))  # SQLite tells ON CONFLICT from a join by the WHERE
    return insert(logout_outbox).from_select(_QUEUED, rows, include_defaults=False).on_conflict_do_nothing()


_ENDED_NOW = (
    select(sessions.c.session_id, session_clients.c.client_id, sessions.c.account_id)
    .join(session_clients, session_clients.c.session_id == sessions.c.session_id)
    .join(clients, clients.c.client_id == session_clients.c.client_id)
    .where(
        sessions.c.account_id == bindparam("account"),
        sessions.c.ended_at == NOW,
        sessions.c.end_reason == bindparam("reason"),
        TOLD,
    )
)
QUEUE_OF_ACCOUNT = queue(_ENDED_NOW)
QUEUE_OF_SESSION = queue(_ENDED_NOW.where(sessions.c.session_id == bindparam("session")))

_due = and_(logout_outbox.c.state == WAITING, logout_outbox.c.next_attempt_at <= NOW)
ANY_DUE = select(logout_outbox.c.client_id).where(_due).limit(1)
CLIENTS_WITH_DUE = select(clients.c.client_id).where(
    select(logout_outbox.c.client_id).where(logout_outbox.c.client_id == clients.c.client_id, _due).exists()
)
_taken = (
    select(*_KEY)
    .where(logout_outbox.c.client_id == bindparam("client"), _due)
    .order_by(logout_outbox.c.next_attempt_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)  # SQLite has one writer and leaves it out
    .cte("taken")
)
TAKE = (
    update(logout_outbox)
    .where(tuple_(*_KEY).in_(select(*_taken.c)), _due)
    .values(attempts=logout_outbox.c.attempts + 1, next_attempt_at=bindparam("until"))
    .returning(*_KEY, logout_outbox.c.account_id, logout_outbox.c.attempts)
)
_MINE = and_(
    logout_outbox.c.cause_id == bindparam("cause"),
    logout_outbox.c.session_id == bindparam("session"),
    logout_outbox.c.client_id == bindparam("client"),
    logout_outbox.c.state == WAITING,
    logout_outbox.c.attempts == bindparam("attempt"),
)
DELIVER = (
    update(logout_outbox).where(_MINE).values(state=DELIVERED, delivered_at=bindparam("now"), last_error=None)
)
POSTPONE = (
    update(logout_outbox)
    .where(_MINE)
    .values(next_attempt_at=bindparam("next_attempt_at"), last_error=bindparam("error"))
)
GIVE_UP = update(logout_outbox).where(_MINE).values(state=FAILED, last_error=bindparam("error"))

_of_client = or_(bindparam("client", type_=Text) == "", logout_outbox.c.client_id == bindparam("client"))
RETRY = (
    update(logout_outbox)
    .where(logout_outbox.c.state == FAILED, _of_client)
    .values(state=WAITING, attempts=0, next_attempt_at=NOW)
)
COUNT_FAILED = select(func.count().label("failed")).where(logout_outbox.c.state == FAILED, _of_client)
COUNT_OF_CAUSE = select(func.count().label("queued")).where(logout_outbox.c.cause_id == CAUSE)
PAGE = (
    select(logout_outbox)
    .where(
        or_(bindparam("state", type_=Text) == "", logout_outbox.c.state == bindparam("state")),
        _of_client,
    )
    .order_by(logout_outbox.c.created_at.desc(), *_KEY)
    .limit(bindparam("most"))
)
PURGE = delete(logout_outbox).where(
    tuple_(*_KEY).in_(
        select(*_KEY)
        .where(
            logout_outbox.c.created_at < bindparam("before", type_=BigInteger) - KEPT_SECONDS,
            logout_outbox.c.state != WAITING,
        )
        .limit(bindparam("most"))
    )
)


def queue_of_account(account_id: str, reason: str, now: int) -> Step:
    """Queue for every session of an account that an earlier step of this write has ended."""
    return step(QUEUE_OF_ACCOUNT, cause=str(uuid.uuid4()), account=account_id, reason=reason, now=now)


def queue_of_session(session_id: str, account_id: str, reason: str, now: int) -> Step:
    """Queue for the one session that an earlier step of this write has ended."""
    return step(
        QUEUE_OF_SESSION,
        cause=str(uuid.uuid4()),
        session=session_id,
        account=account_id,
        reason=reason,
        now=now,
    )


async def clients_with_due(db: Database, now: int) -> list[str]:
    """Clients for which something is due; when nothing is, one look at a small index.

    The first look may find a client that has been removed since: nobody can tell it, and that has to be noted.
    """
    found = await db.fetch_one(ANY_DUE, now=now)
    if found is None:
        return []
    registered = [row["client_id"] for row in await db.fetch_all(CLIENTS_WITH_DUE, now=now)]
    return list(dict.fromkeys([found["client_id"], *registered]))


async def take(db: Database, client_id: str, *, now: int, until: int, most: int) -> list[Logout]:
    """Take some that are due for a client; nobody else gets them before `until`."""
    rows = await db.fetch_all(TAKE, client=client_id, now=now, until=until, most=most)
    return [
        Logout(row["cause_id"], row["session_id"], row["client_id"], row["account_id"], row["attempts"])
        for row in rows
    ]


def _mine(logout: Logout) -> dict[str, object]:
    return {
        "cause": logout.cause_id,
        "session": logout.session_id,
        "client": logout.client_id,
        "attempt": logout.attempts,
    }


def deliver(logout: Logout, now: int) -> Step:
    """It has been delivered; required, and fails for a row that was taken again meanwhile."""
    return required(DELIVER, **_mine(logout), now=now)


def postpone(logout: Logout, error: str, next_attempt_at: int) -> Step:
    """It is to be tried again; required, as `deliver`."""
    return required(POSTPONE, **_mine(logout), error=error, next_attempt_at=next_attempt_at)


def give_up(logout: Logout, error: str) -> Step:
    """It is not tried again; required, as `deliver`."""
    return required(GIVE_UP, **_mine(logout), error=error)


def retry(client_id: str, now: int) -> Step:
    """Begin anew with what was given up, of one client or, where that is empty, of all; required."""
    return required(RETRY, client=client_id, now=now)


async def count_failed(db: Database, client_id: str) -> int:
    """How many were given up; `client_id` as for `retry`."""
    row = await db.fetch_one(COUNT_FAILED, client=client_id)
    return 0 if row is None else int(row["failed"])


async def count_of_cause(db: Database, cause_id: str) -> int:
    """How many rows one ending or incident has brought."""
    row = await db.fetch_one(COUNT_OF_CAUSE, cause=cause_id)
    return 0 if row is None else int(row["queued"])


async def page(db: Database, *, state: str = "", client_id: str = "", most: int = 100) -> Sequence[Row]:
    """The latest rows, of a state and of a client where these are named."""
    return await db.fetch_all(PAGE, state=state, client=client_id, most=most)
