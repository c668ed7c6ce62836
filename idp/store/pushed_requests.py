"""Authorization requests that clients pushed: each gives one answer (RFC 9126 §2.2)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, bindparam, delete, or_, select, update

from idp.store import interactions
from idp.store.columns import insert_all
from idp.store.database import Database, Step, required, step
from idp.store.pushed_schema import pushed_requests


@dataclass(frozen=True, slots=True)
class PushedRequest:
    """A request as it was pushed; `request` is JSON, empty once it is answered."""

    client_id: str
    request: str
    expires_at: int
    used_at: int | None


ADD = insert_all(pushed_requests, "used_at")
FIND = select(
    pushed_requests.c.client_id,
    pushed_requests.c.request,
    pushed_requests.c.expires_at,
    pushed_requests.c.used_at,
).where(pushed_requests.c.request_digest == bindparam("pushed"))
USE = (
    update(pushed_requests)
    .where(pushed_requests.c.request_digest == bindparam("pushed"), pushed_requests.c.used_at.is_(None))
    .values(used_at=bindparam("now"), request="")
    .returning(pushed_requests.c.request_digest)
)
_BEFORE = bindparam("before", type_=BigInteger)
# What it began may go on for as long as an interaction lives, and is answered only while it is here and unused.
PURGE = delete(pushed_requests).where(
    pushed_requests.c.request_digest.in_(
        select(pushed_requests.c.request_digest)
        .where(
            pushed_requests.c.expires_at < _BEFORE,
            or_(
                pushed_requests.c.used_at.is_not(None),
                pushed_requests.c.expires_at < _BEFORE - interactions.LIFETIME,
            ),
        )
        .limit(bindparam("most"))
    )
)


def add(request_digest: bytes, *, client_id: str, request: str, now: int, expires_at: int) -> Step:
    """Keep a request under the digest of its name."""
    return step(
        ADD,
        request_digest=request_digest,
        client_id=client_id,
        request=request,
        created_at=now,
        expires_at=expires_at,
    )


async def find(db: Database, request_digest: bytes) -> PushedRequest | None:
    """A pushed request, used and expired ones too."""
    row = await db.fetch_one(FIND, pushed=request_digest)
    if row is None:
        return None
    return PushedRequest(row["client_id"], row["request"], row["expires_at"], row["used_at"])


def use(request_digest: bytes, now: int) -> Step:
    """Its answer is sent, once; required. It may be over by now: who began in time may take their time."""
    return required(USE, pushed=request_digest, now=now)
