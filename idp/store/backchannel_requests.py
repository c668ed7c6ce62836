"""Logins that a portal began and a person answers elsewhere (CIBA Core): one row for each `auth_req_id`.

Of one client only the newest request about a person waits: it takes the place of the one before. Rows say whom they are
about by a digest of what the portal sent, whoever that is, so that nothing about a person is looked up for a portal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from sqlalchemy import BigInteger, and_, bindparam, case, delete, exists, select, update

from idp.store.awaiting import WAITING, Answers, Awaiting
from idp.store.backchannel_schema import backchannel_blocks, backchannel_requests
from idp.store.columns import bound
from idp.store.database import Database, Row, Step, required, step
from idp.store.upsert import insert_unless_present, upsert

REPLACED: Final = "replaced"
AT_ONCE: Final = 8  # people's digests that one statement looks for

_NOW = bindparam("now", type_=BigInteger)
_PINGED = case((backchannel_requests.c.notification.is_not(None), _NOW))
ANSWERS = Answers(backchannel_requests, backchannel_requests.c.request_digest, {"ping_at": _PINGED})


@dataclass(frozen=True, slots=True, kw_only=True)
class BackchannelRequest(Awaiting):
    """A login that a portal began; `sector` says whose `sub` the hint held. `notification` is sealed, of pings only."""

    person_digest: bytes = field(repr=False)
    sector: str | None
    binding_message: str
    notification: bytes | None = field(repr=False)

    answers: ClassVar[Answers] = ANSWERS
    secret: ClassVar[str] = "auth_req_id"


@dataclass(frozen=True, slots=True)
class Ping:
    """A portal to be told that its request has an answer; `attempts` counts the one that it was taken for."""

    digest: bytes = field(repr=False)
    client_id: str
    notification: bytes = field(repr=False)
    expires_at: int
    attempts: int


REPLACE = (
    update(backchannel_requests)
    .where(
        backchannel_requests.c.person_digest == bindparam("person"),
        backchannel_requests.c.client_id == bindparam("client"),
        backchannel_requests.c.state == WAITING,
    )
    .values(
        state=REPLACED,
        request="",
        expires_at=case(
            (backchannel_requests.c.expires_at > _NOW, _NOW), else_=backchannel_requests.c.expires_at
        ),
    )
)
ADD = (
    insert_unless_present(
        backchannel_requests, bound(backchannel_requests, "grant_id", "polled_at", "ping_at")
    )
    .returning(backchannel_requests.c.request_digest)
)  # fmt: skip
_WAITS = and_(backchannel_requests.c.state == WAITING, backchannel_requests.c.expires_at > _NOW)
SECTORS = select(backchannel_requests.c.sector).where(
    _WAITS, backchannel_requests.c.sector.is_not(None)
).distinct()  # fmt: skip
_PEOPLE: Final = tuple(f"person_{number}" for number in range(AT_ONCE))
WAITING_FOR = (
    select(backchannel_requests)
    .where(
        backchannel_requests.c.person_digest.in_([bindparam(name) for name in _PEOPLE]),
        _WAITS,
        ~exists().where(
            backchannel_blocks.c.account_id == bindparam("account"),
            backchannel_blocks.c.client_id == backchannel_requests.c.client_id,
            backchannel_blocks.c.until > _NOW,
        ),
    )
    .order_by(backchannel_requests.c.created_at.desc())
)
BLOCK = upsert(backchannel_blocks, bound(backchannel_blocks), update=("until",))
PURGE = ANSWERS.purged
PURGE_BLOCKS = delete(backchannel_blocks).where(
    backchannel_blocks.c.account_id.in_(
        select(backchannel_blocks.c.account_id)
        .where(backchannel_blocks.c.until < bindparam("before"))
        .limit(bindparam("most"))
    ),
    backchannel_blocks.c.until < bindparam("before"),
)

_due = and_(backchannel_requests.c.ping_at.is_not(None), backchannel_requests.c.ping_at <= _NOW)
CLIENTS_WITH_PINGS = select(backchannel_requests.c.client_id).where(_due).distinct()
_taken = (
    select(backchannel_requests.c.request_digest)
    .where(backchannel_requests.c.client_id == bindparam("client"), _due)
    .order_by(backchannel_requests.c.ping_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)  # SQLite has one writer and leaves it out
    .cte("taken")
)
TAKE_PINGS = (
    update(backchannel_requests)
    .where(backchannel_requests.c.request_digest.in_(select(_taken.c.request_digest)), _due)
    .values(ping_attempts=backchannel_requests.c.ping_attempts + 1, ping_at=bindparam("until"))
    .returning(
        backchannel_requests.c.request_digest,
        backchannel_requests.c.client_id,
        backchannel_requests.c.notification,
        backchannel_requests.c.expires_at,
        backchannel_requests.c.ping_attempts,
    )
)
_MINE = and_(
    backchannel_requests.c.request_digest == bindparam("asked"),
    backchannel_requests.c.ping_at.is_not(None),
    backchannel_requests.c.ping_attempts == bindparam("attempt"),
)
SETTLE_PING = update(backchannel_requests).where(_MINE).values(ping_at=None)
POSTPONE_PING = update(backchannel_requests).where(_MINE).values(ping_at=bindparam("next_attempt_at"))


def _request(row: Row) -> BackchannelRequest:
    return BackchannelRequest(
        digest=bytes(row["request_digest"]),
        person_digest=bytes(row["person_digest"]),
        sector=row["sector"],
        client_id=row["client_id"],
        request=row["request"],
        binding_message=row["binding_message"],
        notification=row["notification"],
        state=row["state"],
        grant_id=row["grant_id"],
        interval=row["interval"],
        polled_at=row["polled_at"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


async def keep(db: Database, asked: BackchannelRequest) -> bool:
    """Keep a request in the place of the client's earlier one about the person; False when another came in between."""
    await db.write(step(REPLACE, person=asked.person_digest, client=asked.client_id, now=asked.created_at))
    row = await db.fetch_one(
        ADD,
        request_digest=asked.digest,
        person_digest=asked.person_digest,
        sector=asked.sector,
        client_id=asked.client_id,
        request=asked.request,
        binding_message=asked.binding_message,
        state=WAITING,
        interval=asked.interval,
        notification=asked.notification,
        ping_attempts=0,
        created_at=asked.created_at,
        expires_at=asked.expires_at,
    )
    return row is not None


async def find(db: Database, digest: bytes) -> BackchannelRequest | None:
    """The request of an `auth_req_id`, in any state."""
    row = await db.fetch_one(ANSWERS.find, asked=digest)
    return None if row is None else _request(row)


async def sectors(db: Database, now: int) -> list[str]:
    """The sectors whose `sub` some waiting request has for a hint."""
    return [row["sector"] for row in await db.fetch_all(SECTORS, now=now)]


async def waiting_for(
    db: Database, account_id: str, person_digests: Sequence[bytes], now: int
) -> list[BackchannelRequest]:
    """What waits for a person, whose digests are all these, but for portals that they do not want to see."""
    found: list[BackchannelRequest] = []
    for start in range(0, len(person_digests), AT_ONCE):
        some = person_digests[start : start + AT_ONCE]
        people: dict[str, Any] = {name: some[min(at, len(some) - 1)] for at, name in enumerate(_PEOPLE)}
        rows = await db.fetch_all(WAITING_FOR, account=account_id, now=now, **people)
        found += [_request(row) for row in rows]
    return found


def block(account_id: str, client_id: str, until: int) -> Step:
    """Show the person nothing more of this portal's until then."""
    return step(BLOCK, account_id=account_id, client_id=client_id, until=until)


async def clients_with_pings(db: Database, now: int) -> list[str]:
    """Clients that are to be told something; when none is, one look at a small index."""
    return [row["client_id"] for row in await db.fetch_all(CLIENTS_WITH_PINGS, now=now)]


async def take_pings(db: Database, client_id: str, *, now: int, until: int, most: int) -> list[Ping]:
    """Take some that are due for a client; nobody else gets them before `until`."""
    rows = await db.fetch_all(TAKE_PINGS, client=client_id, now=now, until=until, most=most)
    return [
        Ping(
            bytes(row["request_digest"]),
            row["client_id"],
            bytes(row["notification"]),
            row["expires_at"],
            row["ping_attempts"],
        )
        for row in rows
    ]


def settle_ping(ping: Ping) -> Step:
    """It was delivered, or is not tried again; required, and fails for a row that was taken again meanwhile."""
    return required(SETTLE_PING, asked=ping.digest, attempt=ping.attempts)


def postpone_ping(ping: Ping, next_attempt_at: int) -> Step:
    """It is to be tried again; required, as `settle_ping`."""
    return required(POSTPONE_PING, asked=ping.digest, attempt=ping.attempts, next_attempt_at=next_attempt_at)
