"""Logins in progress: one row for each request that needs the person, so that many tabs and the back button work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, delete, select, update

from idp.store.columns import insert_all
from idp.store.database import Database, Row, Step, step
from idp.store.schema import interactions

LIFETIME: Final = 60 * 60  # seconds: an old person on a slow line may take long to find the password


@dataclass(frozen=True, slots=True)
class Interaction:
    """One request and how far the person got with it; `client_id` is None for our own pages."""

    interaction_id: str
    browser_digest: bytes
    client_id: str | None
    request: str
    session_id: str | None
    acting_for: str | None
    confirmed_at: int | None
    created_at: int
    expires_at: int
    finished_at: int | None


ADD = insert_all(interactions, "session_id", "acting_for", "confirmed_at", "finished_at")
FIND = select(interactions).where(interactions.c.interaction_id == bindparam("interaction_id"))
LOGGED_IN = (
    update(interactions)
    .where(interactions.c.interaction_id == bindparam("interaction"), interactions.c.finished_at.is_(None))
    .values(session_id=bindparam("session"), acting_for=None, confirmed_at=None)
)
CHOSE = (
    update(interactions)
    .where(interactions.c.interaction_id == bindparam("interaction"), interactions.c.finished_at.is_(None))
    .values(acting_for=bindparam("acting_for"))
)
CONFIRMED = (
    update(interactions)
    .where(interactions.c.interaction_id == bindparam("interaction"), interactions.c.finished_at.is_(None))
    .values(confirmed_at=bindparam("now"))
)
FINISH = (
    update(interactions)
    .where(interactions.c.interaction_id == bindparam("interaction"), interactions.c.finished_at.is_(None))
    .values(finished_at=bindparam("now"))
)
PURGE = delete(interactions).where(
    interactions.c.interaction_id.in_(
        select(interactions.c.interaction_id)
        .where(interactions.c.expires_at < bindparam("before"))
        .limit(bindparam("most"))
    )
)


def _interaction(row: Row) -> Interaction:
    return Interaction(
        interaction_id=row["interaction_id"],
        browser_digest=bytes(row["browser_digest"]),
        client_id=row["client_id"],
        request=row["request"],
        session_id=row["session_id"],
        acting_for=row["acting_for"],
        confirmed_at=row["confirmed_at"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        finished_at=row["finished_at"],
    )


async def keep(
    db: Database,
    interaction_id: str,
    *,
    browser_digest: bytes,
    client_id: str | None,
    request: str,
    now: int,
) -> None:
    """Keep a request until the person has done what it needs."""
    await db.append(
        step(
            ADD,
            interaction_id=interaction_id,
            browser_digest=browser_digest,
            client_id=client_id,
            request=request,
            created_at=now,
            expires_at=now + LIFETIME,
        )
    )


async def find(db: Database, interaction_id: str) -> Interaction | None:
    """An interaction by id, finished and stale ones too."""
    row = await db.fetch_one(FIND, interaction_id=interaction_id)
    return None if row is None else _interaction(row)


def logged_in(interaction_id: str, session_id: str) -> Step:
    """The person proved who they are within this interaction; what somebody else chose or confirmed is forgotten."""
    return step(LOGGED_IN, interaction=interaction_id, session=session_id)


def chose(interaction_id: str, acting_for: str) -> Step:
    """The person chose for whom to act."""
    return step(CHOSE, interaction=interaction_id, acting_for=acting_for)


def confirmed(interaction_id: str, now: int) -> Step:
    """The person said that they began this themselves."""
    return step(CONFIRMED, interaction=interaction_id, now=now)


def finish(interaction_id: str, now: int) -> Step:
    """The answer is sent; single use: belongs into a write as `required`."""
    return Step(FINISH, {"interaction": interaction_id, "now": now}, required=True)
