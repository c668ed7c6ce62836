"""Sessions of people at the provider (single sign-on), and which clients took part in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, bindparam, delete, select, update

from idp.store import logout_outbox
from idp.store.columns import bound, insert_all
from idp.store.database import Database, Row, Step, required, step
from idp.store.person_schema import authenticators
from idp.store.schema import accounts, consents, session_clients, sessions
from idp.store.upsert import upsert

IDLE_LIFETIME: Final = 30 * 60  # seconds without use
ABSOLUTE_LIFETIME: Final = 12 * 3600
TOUCH_INTERVAL: Final = 60  # use is noted at most this often: a read must not cost a write each time


@dataclass(frozen=True, slots=True)
class Session:
    """A live session and what the provider knows of it at one client."""

    session_id: str
    account_id: str
    register_record_id: str
    ial: str
    auth_time: int
    amr: tuple[str, ...]
    authentication_level: int
    browser_digest: bytes
    seen_at: int
    account_locked: bool
    second_factor: bool  # the person has an authenticator
    second_factor_always: bool  # and wants it asked for at every login
    joined: bool  # the client takes part in it already
    acting_for: str | None  # what was chosen at the client, None where nothing was asked
    asked_digest: bytes | None
    asked: str
    consented_claims: str


ADD = insert_all(sessions, "ended_at", "end_reason")
_LIVE = and_(
    sessions.c.ended_at.is_(None),
    sessions.c.expires_at > bindparam("now"),
    sessions.c.seen_at > bindparam("now") - IDLE_LIFETIME,
)
FIND = (
    select(
        sessions.c.session_id,
        sessions.c.account_id,
        sessions.c.auth_time,
        sessions.c.amr,
        sessions.c.authentication_level,
        sessions.c.browser_digest,
        sessions.c.seen_at,
        accounts.c.register_record_id,
        accounts.c.ial,
        accounts.c.locked_at,
        authenticators.c.confirmed_at,
        authenticators.c.always_since,
        session_clients.c.first_at,
        session_clients.c.acting_for,
        consents.c.asked_digest,
        consents.c.asked,
        consents.c.claims,
    )
    .select_from(
        sessions.join(accounts, accounts.c.account_id == sessions.c.account_id)
        .outerjoin(authenticators, authenticators.c.account_id == sessions.c.account_id)
        .outerjoin(
            session_clients,
            and_(
                session_clients.c.session_id == sessions.c.session_id,
                session_clients.c.client_id == bindparam("client_id"),
            ),
        )
        .outerjoin(
            consents,
            and_(
                consents.c.account_id == sessions.c.account_id,
                consents.c.client_id == bindparam("client_id"),
                consents.c.withdrawn_at.is_(None),
            ),
        )
    )
    .where(sessions.c.cookie_digest == bindparam("cookie_digest"), _LIVE)
)
TOUCH = update(sessions).where(sessions.c.session_id == bindparam("session")).values(seen_at=bindparam("now"))
TOUCH_OPEN = TOUCH.where(sessions.c.ended_at.is_(None))
REAUTHENTICATE = (
    update(sessions)
    .where(sessions.c.session_id == bindparam("session"), sessions.c.ended_at.is_(None))
    .values(
        auth_time=bindparam("now"),
        seen_at=bindparam("now"),
        amr=bindparam("amr"),
        authentication_level=bindparam("authentication_level"),
        cookie_digest=bindparam("cookie_digest"),
    )
)
STEP_UP = (
    update(sessions)
    .where(
        sessions.c.session_id == bindparam("session"),
        sessions.c.account_id == bindparam("account"),
        sessions.c.ended_at.is_(None),
    )
    .values(
        seen_at=bindparam("now"),
        amr=bindparam("amr"),
        authentication_level=bindparam("authentication_level"),
        cookie_digest=bindparam("cookie_digest"),
    )
)
END = (
    update(sessions)
    .where(
        sessions.c.session_id == bindparam("session"),
        sessions.c.account_id == bindparam("account"),
        sessions.c.ended_at.is_(None),
    )
    .values(ended_at=bindparam("now"), end_reason=bindparam("reason"))
    .returning(sessions.c.session_id)
)
OWNER = select(sessions.c.account_id).where(
    sessions.c.session_id == bindparam("session_id"), sessions.c.ended_at.is_(None)
)
END_OTHERS = (
    update(sessions)
    .where(
        sessions.c.account_id == bindparam("account"),
        sessions.c.session_id != bindparam("kept"),
        sessions.c.ended_at.is_(None),
    )
    .values(ended_at=bindparam("now"), end_reason=bindparam("reason"))
    .returning(sessions.c.session_id)
)
LIST = (
    select(
        sessions.c.session_id,
        sessions.c.browser_label,
        sessions.c.browser_digest,
        sessions.c.created_at,
        sessions.c.seen_at,
        sessions.c.expires_at,
        sessions.c.authentication_level,
    )
    # One that nobody may sign on with any more, but a portal still refreshes its tokens of, has not ended.
    .where(
        sessions.c.account_id == bindparam("account_id"),
        sessions.c.ended_at.is_(None),
        sessions.c.expires_at > bindparam("now"),
    )
    .order_by(sessions.c.seen_at.desc())
)
CLIENTS = (
    select(session_clients.c.client_id)
    .where(session_clients.c.session_id == bindparam("session_id"))
    .order_by(session_clients.c.first_at.desc(), session_clients.c.client_id)
)
JOIN_CLIENT = upsert(session_clients, bound(session_clients), update=("acting_for",))
PURGE = delete(sessions).where(
    sessions.c.session_id.in_(
        select(sessions.c.session_id)
        # Who has not been ended yet has portals that are still to be told, however long nobody looked.
        .where(sessions.c.expires_at < bindparam("before"), sessions.c.ended_at.is_not(None))
        .limit(bindparam("most"))
    )
)


def _session(row: Row) -> Session:
    return Session(
        session_id=row["session_id"],
        account_id=row["account_id"],
        register_record_id=row["register_record_id"],
        ial=row["ial"],
        auth_time=row["auth_time"],
        amr=tuple(row["amr"].split()),
        authentication_level=row["authentication_level"],
        browser_digest=bytes(row["browser_digest"]),
        seen_at=row["seen_at"],
        account_locked=row["locked_at"] is not None,
        second_factor=row["confirmed_at"] is not None,
        second_factor_always=row["always_since"] is not None,
        joined=row["first_at"] is not None,
        acting_for=row["acting_for"],
        asked_digest=row["asked_digest"],
        asked=row["asked"] or "",
        consented_claims=row["claims"] or "[]",
    )


async def find(db: Database, cookie_digest: bytes, now: int, *, client_id: str = "") -> Session | None:
    """The live session of a cookie, with what it already settled for one client."""
    row = await db.fetch_one(FIND, cookie_digest=cookie_digest, now=now, client_id=client_id)
    return None if row is None else _session(row)


def add(
    *,
    session_id: str,
    cookie_digest: bytes,
    account_id: str,
    amr: Sequence[str],
    authentication_level: int,
    browser_digest: bytes,
    browser_label: str,
    now: int,
) -> Step:
    """Open a session that starts now."""
    return step(
        ADD,
        session_id=session_id,
        cookie_digest=cookie_digest,
        account_id=account_id,
        auth_time=now,
        amr=" ".join(amr),
        authentication_level=authentication_level,
        browser_digest=browser_digest,
        browser_label=browser_label,
        created_at=now,
        seen_at=now,
        expires_at=now + ABSOLUTE_LIFETIME,
        check_at=now + IDLE_LIFETIME,
    )


def step_up(session: Session, amr: Sequence[str], level: int, cookie_digest: bytes, now: int) -> Step:
    """The person proved one factor more; required, and fails for a session that has ended."""
    return required(
        STEP_UP,
        session=session.session_id,
        account=session.account_id,
        amr=" ".join(amr),
        authentication_level=level,
        cookie_digest=cookie_digest,
        now=now,
    )


def touch(session: Session, now: int) -> tuple[Step, ...]:
    """Note the use of a session, at most once a minute; empty when it was noted lately."""
    if now - session.seen_at < TOUCH_INTERVAL:
        return ()
    return (step(TOUCH, session=session.session_id, now=now),)


def still_open(session: Session, now: int) -> Step:
    """Note the use of a session that has not been ended; required, for what would outlive it."""
    return required(TOUCH_OPEN, session=session.session_id, now=now)


def end(session_id: str, account_id: str, reason: str, now: int, *, needed: bool = True) -> tuple[Step, ...]:
    """End one session of an account and queue the logouts of its portals.

    Where it is `needed` it is required, and fails for one that has ended.
    """
    values = {"session": session_id, "account": account_id, "reason": reason, "now": now}
    return (
        Step(END, values, required=needed),
        logout_outbox.queue_of_session(session_id, account_id, reason, now),
    )


async def owner(db: Database, session_id: str) -> str | None:
    """The account of a session that has not been ended."""
    row = await db.fetch_one(OWNER, session_id=session_id)
    return None if row is None else str(row["account_id"])


def end_others(
    account_id: str, kept: str, reason: str, now: int, *, needed: bool = False
) -> tuple[Step, ...]:
    """End every session of an account but one (`kept` may be empty) and queue the logouts of their portals.

    Where it is `needed` it is required, and fails when there is none.
    """
    ended = Step(
        END_OTHERS, {"account": account_id, "kept": kept, "reason": reason, "now": now}, required=needed
    )
    return ended, logout_outbox.queue_of_account(account_id, reason, now)


async def live(db: Database, account_id: str, now: int) -> Sequence[Row]:
    """An account's sessions that have not ended, latest use first."""
    return await db.fetch_all(LIST, account_id=account_id, now=now)


async def clients_of(db: Database, session_id: str) -> list[str]:
    """Clients that take part in a session, the latest first."""
    return [row["client_id"] for row in await db.fetch_all(CLIENTS, session_id=session_id)]


def join_client(session_id: str, client_id: str, acting_for: str | None, now: int) -> Step:
    """Note that a client takes part in a session and for whom the person chose to act there, if it asked."""
    return step(JOIN_CLIENT, session_id=session_id, client_id=client_id, acting_for=acting_for, first_at=now)
