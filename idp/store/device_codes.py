"""Devices that wait for a person's approval elsewhere (RFC 8628): one row for each pair of codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from sqlalchemy import bindparam, select

from idp.store.awaiting import WAITING, Answers, Awaiting
from idp.store.columns import bound
from idp.store.database import Database, Row
from idp.store.device_schema import device_codes
from idp.store.upsert import insert_unless_present

ANSWERS = Answers(device_codes, device_codes.c.device_digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceAuthorization(Awaiting):
    """A device that asked, and what became of it; `network` is where it asked from."""

    user_digest: bytes = field(repr=False)
    network: str

    answers: ClassVar[Answers] = ANSWERS
    secret: ClassVar[str] = "device code"


ADD = (
    insert_unless_present(device_codes, bound(device_codes, "grant_id", "polled_at"))
    .returning(device_codes.c.device_digest)
)  # fmt: skip
FIND_BY_USER_CODE = select(device_codes).where(device_codes.c.user_digest == bindparam("user"))
PURGE = ANSWERS.purged


def _device(row: Row | None) -> DeviceAuthorization | None:
    if row is None:
        return None
    return DeviceAuthorization(
        digest=bytes(row["device_digest"]),
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
        device_digest=asked.digest,
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
    return _device(await db.fetch_one(ANSWERS.find, asked=device_digest))


async def find_by_user_code(db: Database, user_digest: bytes) -> DeviceAuthorization | None:
    """The device of a user code, in any state."""
    return _device(await db.fetch_one(FIND_BY_USER_CODE, user=user_digest))
