"""Devices that wait for a person's approval elsewhere (RFC 8628): one row for each pair of codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import bindparam, delete, select, update

from idp.store.columns import bound
from idp.store.database import Database, Row, Step, required, step
from idp.store.device_schema import device_codes
from idp.store.upsert import insert_unless_present

WAITING: Final = "waiting"
APPROVED: Final = "approved"
DENIED: Final = "denied"
USED: Final = "used"


@dataclass(frozen=True, slots=True)
class DeviceAuthorization:
    """A device that asked, and what became of it; `interval` is in seconds, `request` JSON."""

    device_digest: bytes = field(repr=False)
    user_digest: bytes = field(repr=False)
    client_id: str
    request: str
    network: str
    interval: int
    created_at: int
    expires_at: int
    state: str = WAITING
    grant_id: str | None = None
    polled_at: int | None = None


ADD = (
    insert_unless_present(device_codes, bound(device_codes, "grant_id", "polled_at"))
    .returning(device_codes.c.device_digest)
)  # fmt: skip
FIND = select(device_codes).where(device_codes.c.device_digest == bindparam("device"))
FIND_BY_USER_CODE = select(device_codes).where(device_codes.c.user_digest == bindparam("user"))
NOTE_POLL = (
    update(device_codes)
    .where(device_codes.c.device_digest == bindparam("device"))
    .values(polled_at=bindparam("now"), interval=bindparam("seconds"))
)
_WAITS = (
    device_codes.c.device_digest == bindparam("device"),
    device_codes.c.state == WAITING,
    device_codes.c.expires_at > bindparam("now"),
)
APPROVE = update(device_codes).where(*_WAITS).values(state=APPROVED, grant_id=bindparam("grant"))
DENY = update(device_codes).where(*_WAITS).values(state=DENIED)
USE = (
    update(device_codes)
    .where(
        device_codes.c.device_digest == bindparam("device"),
        device_codes.c.state == APPROVED,
        device_codes.c.expires_at > bindparam("now"),
    )
    .values(state=USED)
)
GIVE_BACK = (
    update(device_codes)
    .where(device_codes.c.device_digest == bindparam("device"), device_codes.c.state == USED)
    .values(state=APPROVED)
)
PURGE = delete(device_codes).where(
    device_codes.c.device_digest.in_(
        select(device_codes.c.device_digest)
        .where(device_codes.c.expires_at < bindparam("before"))
        .limit(bindparam("most"))
    )
)


def _device(row: Row | None) -> DeviceAuthorization | None:
    if row is None:
        return None
    return DeviceAuthorization(
        device_digest=bytes(row["device_digest"]),
        user_digest=bytes(row["user_digest"]),
        client_id=row["client_id"],
        request=row["request"],
        state=row["state"],
        grant_id=row["grant_id"],
        network=row["network"],
        interval=row["interval"],
        polled_at=row["polled_at"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


async def keep(db: Database, asked: DeviceAuthorization) -> bool:
    """Keep a device that asks; False when the user code is another's already."""
    row = await db.fetch_one(
        ADD,
        device_digest=asked.device_digest,
        user_digest=asked.user_digest,
        client_id=asked.client_id,
        request=asked.request,
        state=WAITING,
        network=asked.network,
        interval=asked.interval,
        created_at=asked.created_at,
        expires_at=asked.expires_at,
    )
    return row is not None


async def find(db: Database, device_digest: bytes) -> DeviceAuthorization | None:
    """The device of a device code, in any state."""
    return _device(await db.fetch_one(FIND, device=device_digest))


async def find_by_user_code(db: Database, user_digest: bytes) -> DeviceAuthorization | None:
    """The device of a user code, in any state."""
    return _device(await db.fetch_one(FIND_BY_USER_CODE, user=user_digest))


def note_poll(device_digest: bytes, interval: int, now: int) -> Step:
    """Remember when the device asked last, and how long it has to wait from now on."""
    return step(NOTE_POLL, device=device_digest, seconds=interval, now=now)


def approve(device_digest: bytes, grant_id: str, now: int) -> Step:
    """A person let the device in; required: fails for one that waits no longer."""
    return required(APPROVE, device=device_digest, grant=grant_id, now=now)


def deny(device_digest: bytes, now: int) -> Step:
    """A person, or we, refused the device; one that waits no longer stays as it is."""
    return step(DENY, device=device_digest, now=now)


def use(device_digest: bytes, now: int) -> Step:
    """Use up an approved device code; required: of many at once one succeeds."""
    return required(USE, device=device_digest, now=now)


def give_back(device_digest: bytes) -> Step:
    """Let a device code be used again that was used up and gave nothing."""
    return step(GIVE_BACK, device=device_digest)
