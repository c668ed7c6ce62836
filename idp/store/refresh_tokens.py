"""Refresh tokens: one row a family, rotated in place, so that a family has one live token at any moment.

The token is a family part that stays and a secret part that changes. After a rotation the used secret stays known for
a short grace in which it yields the same successor again: a portal whose response was lost on the way is not stuck,
and thirty requests at once still make one rotation. The successor is sealed under the used token, so the table alone
gives nobody a token. A token that is not rotated is used again and again; its idle time is moved on now and then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, delete, select, update

from idp.store.columns import insert_all
from idp.store.database import Database, Row, Step, required, step
from idp.store.schema import refresh_tokens

IDLE_LIFETIME: Final = 30 * 60  # seconds without use
ABSOLUTE_LIFETIME: Final = 8 * 3600
GRACE: Final = 30  # seconds in which a lost response may be asked for again
TOUCHED_AFTER: Final = 60  # seconds that the idle time of a token that is not rotated may lag behind its use


@dataclass(frozen=True, slots=True)
class Family:
    """A family of refresh tokens as it stands."""

    grant_id: str
    current_digest: bytes
    previous_digest: bytes | None
    successor_sealed: bytes | None
    rotated_at: int | None
    idle_expires_at: int
    expires_at: int
    dpop_jkt: str | None


ADD = insert_all(refresh_tokens, "previous_digest", "successor_sealed", "rotated_at")
FIND = select(refresh_tokens).where(refresh_tokens.c.family_digest == bindparam("family_digest"))
_PRESENTED = (
    refresh_tokens.c.family_digest == bindparam("family"),
    refresh_tokens.c.current_digest == bindparam("presented"),
    refresh_tokens.c.idle_expires_at > bindparam("now"),
    refresh_tokens.c.expires_at > bindparam("now"),
)
ROTATE = (
    update(refresh_tokens)
    .where(*_PRESENTED)
    .values(
        current_digest=bindparam("successor"),
        previous_digest=bindparam("presented"),
        successor_sealed=bindparam("sealed"),
        rotated_at=bindparam("now"),
        idle_expires_at=bindparam("idle_until"),
        dpop_jkt=bindparam("bound_to"),
    )
    .returning(refresh_tokens.c.grant_id)
)
TOUCH = (
    update(refresh_tokens)
    .where(*_PRESENTED)
    .values(idle_expires_at=bindparam("idle_until"))
    .returning(refresh_tokens.c.grant_id)
)
PURGE = delete(refresh_tokens).where(
    refresh_tokens.c.grant_id.in_(
        select(refresh_tokens.c.grant_id)
        .where(refresh_tokens.c.idle_expires_at < bindparam("before"))
        .limit(bindparam("most"))
    )
)


def _family(row: Row) -> Family:
    return Family(
        grant_id=row["grant_id"],
        current_digest=bytes(row["current_digest"]),
        previous_digest=row["previous_digest"],
        successor_sealed=row["successor_sealed"],
        rotated_at=row["rotated_at"],
        idle_expires_at=row["idle_expires_at"],
        expires_at=row["expires_at"],
        dpop_jkt=row["dpop_jkt"],
    )


def add(
    grant_id: str, family_digest: bytes, current_digest: bytes, now: int, *, dpop_jkt: str | None = None
) -> Step:
    """Start a family with its first token; `dpop_jkt` is the key that a public client has to prove for it."""
    return step(
        ADD,
        grant_id=grant_id,
        family_digest=family_digest,
        current_digest=current_digest,
        dpop_jkt=dpop_jkt,
        idle_expires_at=now + IDLE_LIFETIME,
        expires_at=now + ABSOLUTE_LIFETIME,
    )


async def find(db: Database, family_digest: bytes) -> Family | None:
    """The family that a token names, whatever its state."""
    row = await db.fetch_one(FIND, family_digest=family_digest)
    return None if row is None else _family(row)


def rotate(
    family_digest: bytes,
    *,
    presented: bytes,
    successor: bytes,
    sealed: bytes,
    now: int,
    dpop_jkt: str | None = None,
) -> Step:
    """Put the successor in the place of the presented token; required, and one caller wins.

    `dpop_jkt` is the key that the family is bound to from now on, or still.
    """
    return required(
        ROTATE,
        family=family_digest,
        presented=presented,
        successor=successor,
        sealed=sealed,
        now=now,
        idle_until=now + IDLE_LIFETIME,
        bound_to=dpop_jkt,
    )


def is_to_be_touched(family: Family, now: int) -> bool:
    """Whether a use now is worth a write: the idle time lags too far behind."""
    return now + IDLE_LIFETIME - family.idle_expires_at >= TOUCHED_AFTER


def touch(family_digest: bytes, *, presented: bytes, now: int) -> Step:
    """Let the idle time of a token that is used, and not rotated, begin anew; required."""
    return required(TOUCH, family=family_digest, presented=presented, now=now, idle_until=now + IDLE_LIFETIME)
