"""Keys and secrets of a fresh installation, made in a ceremony of two officers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Table, insert, select

from idp.settings import Settings
from idp.store.database import Database, Step, open_database, required, step
from keys import policy
from keys.actions import Action, Officers, Rotation, standard_rotation
from keys.backends.pkcs11 import Pkcs11Token
from keys.changes import Approval, Change, approve, propose
from keys.ground import Ground, load_ground
from keys.history import History
from keys.keyring import Keyring
from keys.lifecycle import Plan
from keys.officers import OfficerKey
from keys.seal import KeyEncryptionKey
from keys.store import Statement, StoredKey, StoredSecret
from keys.tables import key_changes, key_log, sealed_secrets, signing_keys
from tests.support.databases import fresh_database

ISSUER: Final = "https://sso.example.gov.vn"
LOCAL: Final = Settings().issuer
"""Where no issuer is set."""

OFFICERS: Final = (OfficerKey.generate(), OfficerKey.generate(), OfficerKey.generate())
"""The officers of every installation of this process; any two of them suffice."""

ELLIPTIC: Final[Mapping[str, tuple[str, ...]]] = {
    purpose: tuple(alg for alg in algorithms if alg in {"ES256", "EdDSA", "ECDH-ES"})
    for purpose, algorithms in ((purpose.value, algorithms) for purpose, algorithms in policy.KEYS.items())
}
"""Kinds of keys that are made in a moment; RSA takes its time."""


def rotation(now: int, **changes: Any) -> Rotation:
    """The standard rotation, or a part of it."""
    return replace(standard_rotation(now, post_quantum=True), **changes)


def first_actions(now: int, **changes: Any) -> tuple[Action, ...]:
    """What a first ceremony does."""
    return Officers(tuple(key.officer for key in OFFICERS)), rotation(now, **changes)


def signed(change: Change, *keys: OfficerKey) -> list[Approval]:
    """Officers' approvals; of the first two unless others are named."""
    return [approve(change, key) for key in keys or OFFICERS[:2]]


def steps(statements: Iterable[Statement]) -> list[Step]:
    """The statements as steps of a write that must all touch something."""
    return [required(statement.query, **statement.values) for statement in statements]


async def _carried_out(
    ground: Ground, kek: KeyEncryptionKey, now: int, hardware: Pkcs11Token | None, *actions: Action
) -> Plan:
    plan = Plan(ground, kek, now, hardware)
    change = propose(ground.issuer, actions, now)
    await plan.carry_out(change, signed(change), proposed=False)
    return plan


async def establish(
    db: Database,
    kek: KeyEncryptionKey,
    now: int,
    *,
    issuer: str = ISSUER,
    hardware: Pkcs11Token | None = None,
    **changes: Any,
) -> Plan:
    """Hold the first ceremony; `changes` are those of the rotation that it approves."""
    ground = await load_ground(db, kek, issuer)
    plan = await _carried_out(ground, kek, now, hardware, *first_actions(now, **changes))
    await plan.rotate()
    await db.write(*steps(plan.statements()))
    return plan


async def act(
    db: Database,
    kek: KeyEncryptionKey,
    now: int,
    *actions: Action,
    issuer: str = ISSUER,
    hardware: Pkcs11Token | None = None,
) -> Plan:
    """Carry out a change that two officers have signed."""
    plan = await _carried_out(await load_ground(db, kek, issuer), kek, now, hardware, *actions)
    await db.write(*steps(plan.statements()))
    return plan


async def turn(
    db: Database,
    kek: KeyEncryptionKey,
    now: int,
    *,
    issuer: str = ISSUER,
    hardware: Pkcs11Token | None = None,
) -> Plan:
    """Rotate as the job does."""
    plan = Plan(await load_ground(db, kek, issuer), kek, now, hardware)
    await plan.rotate()
    if not plan.empty:
        await db.write(*steps(plan.statements()))
    return plan


async def install(
    database_url: str, kek_file: Path, now: int, *, issuer: str = LOCAL, **changes: Any
) -> None:
    """Hold the first ceremony on a database, with the key-encryption key of a file."""
    db = await open_database(database_url)
    try:
        await establish(db, KeyEncryptionKey.read_file(kek_file), now, issuer=issuer, **changes)
    finally:
        await db.close()


_KEPT: Final = (signing_keys, sealed_secrets, key_log, key_changes)


@dataclass(frozen=True, slots=True)
class Impression:
    """The rows of an installation's keys, to be laid into other databases."""

    inserts: tuple[Step, ...] = field(repr=False)

    @classmethod
    async def of(cls, db: Database) -> Impression:
        """Take it from a database."""
        return cls(tuple([await _copied(db, table) for table in _KEPT]))

    async def lay_into(self, db: Database) -> None:
        """Put the rows into an empty database."""
        await db.write(*self.inserts)


async def _copied(db: Database, table: Table) -> Step:
    rows: Sequence[Any] = await db.fetch_all(select(table))
    names = [column.name for column in table.columns]
    return step(insert(table).values([{name: row[name] for name in names} for row in rows]))


async def impress(
    folder: Path, kek: KeyEncryptionKey, now: int, *, hardware: Pkcs11Token | None = None, **changes: Any
) -> Impression:
    """Hold the first ceremony in a folder, for as many databases as need its keys; `changes` as in `establish`."""
    async with fresh_database("sqlite", "provider", folder) as url:
        db = await open_database(url)
        await establish(db, kek, now, hardware=hardware, **changes)
        impression = await Impression.of(db)
        await db.close()
    return impression


def bare_keyring(
    keys: Sequence[StoredKey],
    secrets: Sequence[StoredSecret],
    kek: KeyEncryptionKey,
    now: int,
    *,
    issuer: str = ISSUER,
) -> Keyring:
    """A keyring of chosen keys, as if a log had vouched for them."""
    return Keyring(Ground(issuer, tuple(keys), (), tuple(secrets), History(), None, None), kek, now)
