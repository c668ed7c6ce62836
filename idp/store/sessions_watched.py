"""Sessions that nobody ends by hand: which have expired, and a walk over all that have not ended.

A use of a session notes `seen_at` and nothing else, which PostgreSQL does without touching an index. When a session
will have expired therefore stands in no index; what does is `check_at`, a moment before which it cannot have. Whoever
finds it passed looks at the session and either ends it or moves `check_at` on, so that a session costs one such change
in half an hour, however often it is used. One partial index over (`check_at`, `session_id`) serves both the look and
the walk: a session only ever moves ahead in it, so that a walk in its order misses none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Text, and_, bindparam, func, select, tuple_, update

from idp.store import logout_outbox
from idp.store.database import Database, Step, required, step
from idp.store.schema import accounts, grants, refresh_tokens, sessions
from idp.store.sessions import IDLE_LIFETIME

EXPIRED: Final = "expired"
REGISTER: Final = "register"

_NOW: Final = bindparam("now", type_=BigInteger)


@dataclass(frozen=True, slots=True)
class DueSession:
    """A session to be looked at; `used_until` is when it expires for lack of use, `expires_at` when in any case."""

    session_id: str
    account_id: str
    seen_at: int
    used_until: int
    expires_at: int

    @property
    def over_at(self) -> int:
        """When it expires unless it is used again."""
        return min(self.used_until, self.expires_at)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in the order of the walk."""

    check_at: int
    session_id: str


START: Final = Place(-1, "")


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that has not ended, and whose it is by the register's key."""

    place: Place
    account_id: str
    register_record_id: str


# A portal that refreshes its tokens shows that the person is still at work there. The index of grants begins with the
# account.
_refreshable_until = (
    select(func.max(refresh_tokens.c.idle_expires_at))
    .select_from(grants.join(refresh_tokens, refresh_tokens.c.grant_id == grants.c.grant_id))
    .where(
        grants.c.account_id == sessions.c.account_id,
        grants.c.session_id == sessions.c.session_id,
        grants.c.revoked_at.is_(None),
        refresh_tokens.c.expires_at > _NOW,
    )
    .scalar_subquery()
)
DUE = (
    select(
        sessions.c.session_id,
        sessions.c.account_id,
        sessions.c.seen_at,
        sessions.c.expires_at,
        _refreshable_until.label("refreshable_until"),
    )
    .where(sessions.c.ended_at.is_(None), sessions.c.check_at <= _NOW)
    .order_by(sessions.c.check_at, sessions.c.session_id)
    .limit(bindparam("most"))
)
# As it was seen: whoever used or ended the session since then was first.
_AS_SEEN: Final = and_(
    sessions.c.session_id == bindparam("session"),
    sessions.c.seen_at == bindparam("seen"),
    sessions.c.ended_at.is_(None),
)
EXPIRE = (
    update(sessions)
    .where(_AS_SEEN)
    .values(ended_at=bindparam("now"), end_reason=bindparam("reason"))
    .returning(sessions.c.session_id)
)
LOOK_LATER = update(sessions).where(_AS_SEEN).values(check_at=bindparam("check_at"))
OPEN = (
    select(
        sessions.c.check_at,
        sessions.c.session_id,
        sessions.c.account_id,
        accounts.c.register_record_id,
    )
    .join(accounts, accounts.c.account_id == sessions.c.account_id)
    .where(
        sessions.c.ended_at.is_(None),
        tuple_(sessions.c.check_at, sessions.c.session_id)
        > tuple_(bindparam("after_at", type_=BigInteger), bindparam("after_id", type_=Text)),
    )
    .order_by(sessions.c.check_at, sessions.c.session_id)
    .limit(bindparam("most"))
)


async def due(db: Database, now: int, most: int) -> list[DueSession]:
    """Sessions that may have expired, the longest overdue first."""
    return [
        DueSession(
            row["session_id"],
            row["account_id"],
            row["seen_at"],
            max(row["seen_at"] + IDLE_LIFETIME, row["refreshable_until"] or 0),
            row["expires_at"],
        )
        for row in await db.fetch_all(DUE, now=now, most=most)
    ]


def expire(session: DueSession, now: int) -> tuple[Step, ...]:
    """End a session and queue the logouts of its portals; required, and fails for one used or ended meanwhile."""
    return (
        required(EXPIRE, session=session.session_id, seen=session.seen_at, reason=EXPIRED, now=now),
        logout_outbox.queue_of_session(session.session_id, session.account_id, EXPIRED, now),
    )


def look_later(session: DueSession) -> Step:
    """Look again when it will have expired unless it is used; nothing for one that changed meanwhile."""
    return step(LOOK_LATER, session=session.session_id, seen=session.seen_at, check_at=session.over_at)


async def open_after(db: Database, place: Place, most: int) -> Sequence[OpenSession]:
    """The next sessions of the walk that begins at `START`; fewer than `most` at its end."""
    rows = await db.fetch_all(OPEN, after_at=place.check_at, after_id=place.session_id, most=most)
    return [
        OpenSession(Place(row["check_at"], row["session_id"]), row["account_id"], row["register_record_id"])
        for row in rows
    ]
