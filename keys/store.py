"""Every query on keys, secrets, the key log and proposed changes. Private material stands there sealed only.

What changes the database is handed to the caller as statements: one write holds them all, with what else belongs to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import orjson
from sqlalchemy import Executable, bindparam, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert  # its ON CONFLICT compiles for SQLite as well

from keys.changes import Approval
from keys.encryption import KEY_TYPES as ENCRYPTION_TYPES
from keys.key_record import KeyRecord
from keys.policy import Purpose, SecretPurpose, State
from keys.signatures import KEY_TYPES as SIGNATURE_TYPES
from keys.tables import key_approvals, key_changes, key_log, metadata, sealed_secrets, signing_keys

__all__ = ["Database", "Row", "Statement", "StoredKey", "StoredSecret", "metadata"]


class Row(Protocol):
    """A row: values by column name."""

    def __getitem__(self, key: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with its values, for a write of the caller's; one that touches no row must undo that write."""

    query: Executable
    values: Mapping[str, object] = field(repr=False)


class Database(Protocol):
    """The part of a database that keys need: they read, and hand their caller what is to be written."""

    async def fetch_all(self, query: Executable, /, **values: object) -> Sequence[Row]:
        """All rows."""


_PURPOSES: Final = frozenset(purpose.value for purpose in Purpose)
_SECRET_PURPOSES: Final = frozenset(purpose.value for purpose in SecretPurpose)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A row of `signing_keys`."""

    kid: str
    purpose: Purpose
    algorithm: str
    state: State
    public_jwk: str
    sealed_private_key: bytes | None = field(repr=False)
    created_at: int
    backend: str = "software"
    published_at: int | None = None
    activated_at: int | None = None
    retiring_at: int | None = None


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A row of `sealed_secrets`."""

    purpose: SecretPurpose
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredLog:
    """The key log as it stands in the database; `checkpoint` is empty if there is none. Nothing has been verified."""

    entries: tuple[bytes, ...]
    checkpoint: str


@dataclass(frozen=True, slots=True)
class StoredChange:
    """A proposed change with the signatures that it has. Nothing has been verified."""

    change_id: str
    document: bytes
    expires_at: int
    applied_at: int | None
    approvals: tuple[Approval, ...]


_ALL_KEYS: Final = select(
    signing_keys.c.kid,
    signing_keys.c.purpose,
    signing_keys.c.algorithm,
    signing_keys.c.backend,
    signing_keys.c.state,
    signing_keys.c.public_jwk,
    signing_keys.c.sealed_private_key,
    signing_keys.c.created_at,
    signing_keys.c.published_at,
    signing_keys.c.activated_at,
    signing_keys.c.retiring_at,
).order_by(signing_keys.c.purpose, signing_keys.c.algorithm, signing_keys.c.created_at, signing_keys.c.kid)

_ALL_SECRETS: Final = select(sealed_secrets.c.purpose, sealed_secrets.c.sealed).order_by(
    sealed_secrets.c.purpose
)

_LOG: Final = select(key_log.c.entry, key_log.c.checkpoint).order_by(key_log.c.position)
_LOG_SIZE: Final = select(func.count().label("size")).select_from(key_log)

_CHANGES: Final = select(key_changes).order_by(key_changes.c.proposed_at, key_changes.c.change_id)
_APPROVALS: Final = select(key_approvals).order_by(key_approvals.c.change_id, key_approvals.c.approved_at)

_ADD_KEY: Final = insert(signing_keys).values(
    kid=bindparam("kid"),
    purpose=bindparam("purpose"),
    algorithm=bindparam("algorithm"),
    backend=bindparam("backend"),
    state=State.PENDING.value,
    public_jwk=bindparam("public_jwk"),
    sealed_private_key=bindparam("sealed_private_key"),
    created_at=bindparam("now"),
)


def _transition(
    was: tuple[State, ...], becomes: State, at: str, *, keeps_private: bool = False
) -> Executable:
    """One step in the life of a key, from the state that the planner saw."""
    private = {} if keeps_private else {"sealed_private_key": None}
    return (
        update(signing_keys)
        .where(
            signing_keys.c.kid == bindparam("key"),
            or_(*(signing_keys.c.state == state.value for state in was)),
        )
        .values({"state": becomes.value, at: bindparam("now"), **private})
    )


_PUBLISH: Final = (
    update(signing_keys)
    .where(
        signing_keys.c.kid == bindparam("key"),
        signing_keys.c.state == State.PENDING.value,
        signing_keys.c.published_at.is_(None),
    )
    .values(published_at=bindparam("now"))
)
_ACTIVATE: Final = _transition((State.PENDING,), State.ACTIVE, "activated_at", keeps_private=True)
_STOP_SIGNING: Final = _transition((State.ACTIVE,), State.RETIRING, "retiring_at")
_STOP_ENCRYPTING: Final = _transition((State.ACTIVE,), State.RETIRING, "retiring_at", keeps_private=True)
_RETIRE: Final = _transition((State.PENDING, State.RETIRING), State.RETIRED, "retired_at")
_REVOKE: Final = _transition(
    (State.PENDING, State.ACTIVE, State.RETIRING, State.RETIRED), State.REVOKED, "revoked_at"
)
_ROW_OF_RECORD: Final = upsert(signing_keys).values(
    {column.name: bindparam(column.name) for column in signing_keys.columns}
)
_RESTORE: Final = _ROW_OF_RECORD.on_conflict_do_update(
    index_elements=[signing_keys.c.kid],
    set_={
        column.name: _ROW_OF_RECORD.excluded[column.name]
        for column in signing_keys.columns
        if column.name != signing_keys.c.kid.name
    },
)
_ADD_SECRET: Final = (
    upsert(sealed_secrets)
    .values(purpose=bindparam("purpose"), sealed=bindparam("sealed"), created_at=bindparam("now"))
    .on_conflict_do_nothing()
)
_APPEND: Final = (
    upsert(key_log)
    .values(position=bindparam("position"), entry=bindparam("entry"), checkpoint=bindparam("checkpoint"))
    .on_conflict_do_nothing()
)
_CHANGE: Final = upsert(key_changes).values(
    change_id=bindparam("change_id"),
    document=bindparam("document"),
    proposed_at=bindparam("proposed_at"),
    expires_at=bindparam("expires_at"),
    applied_at=bindparam("applied_at"),
)
_ADD_CHANGE: Final = _CHANGE.on_conflict_do_nothing()
# What was proposed may be carried out with all its signatures in a file; the key log knows that it was not before.
_CARRY_OUT: Final = _CHANGE.on_conflict_do_update(
    index_elements=[key_changes.c.change_id], set_={"applied_at": _CHANGE.excluded.applied_at}
)
_APPROVAL: Final = upsert(key_approvals).values(
    change_id=bindparam("change_id"),
    officer=bindparam("officer"),
    signature=bindparam("signature"),
    approved_at=bindparam("approved_at"),
)
# An officer has one signature under a change (RFC 8032: it is deterministic); another in its place was forged.
_ADD_APPROVAL: Final = _APPROVAL.on_conflict_do_update(
    index_elements=[key_approvals.c.change_id, key_approvals.c.officer],
    set_={"signature": _APPROVAL.excluded.signature, "approved_at": _APPROVAL.excluded.approved_at},
    where=key_approvals.c.signature != _APPROVAL.excluded.signature,
)
_APPLY_CHANGE: Final = (
    update(key_changes)
    .where(key_changes.c.change_id == bindparam("change"), key_changes.c.applied_at.is_(None))
    .values(applied_at=bindparam("now"))
)


def is_known(purpose: str, algorithm: str) -> bool:
    """Whether this version of the program knows what a key is for; a newer one beside it may know more."""
    return algorithm in (ENCRYPTION_TYPES if purpose == Purpose.ENCRYPTION else SIGNATURE_TYPES) and (
        purpose in _PURPOSES
    )


async def find_keys(db: Database) -> list[StoredKey]:
    """Every key, revoked ones too, by purpose, algorithm and age."""
    return [
        StoredKey(
            kid=row["kid"],
            purpose=Purpose(row["purpose"]),
            algorithm=row["algorithm"],
            backend=row["backend"],
            state=State(row["state"]),
            public_jwk=row["public_jwk"],
            sealed_private_key=row["sealed_private_key"],
            created_at=row["created_at"],
            published_at=row["published_at"],
            activated_at=row["activated_at"],
            retiring_at=row["retiring_at"],
        )
        for row in await db.fetch_all(_ALL_KEYS)
        if is_known(row["purpose"], row["algorithm"])
    ]


async def find_secrets(db: Database) -> list[StoredSecret]:
    """Every secret."""
    rows = await db.fetch_all(_ALL_SECRETS)
    return [
        StoredSecret(SecretPurpose(row["purpose"]), row["sealed"])
        for row in rows
        if row["purpose"] in _SECRET_PURPOSES
    ]


async def find_log(db: Database) -> StoredLog:
    """The whole key log."""
    rows = await db.fetch_all(_LOG)
    return StoredLog(
        tuple(bytes(row["entry"]) for row in rows), (rows[-1]["checkpoint"] or "") if rows else ""
    )


async def find_log_size(db: Database) -> int:
    """How many entries the key log has: differs as soon as a key has come or changed."""
    rows = await db.fetch_all(_LOG_SIZE)
    return int(rows[0]["size"])


async def find_changes(db: Database) -> list[StoredChange]:
    """Every proposed change with its signatures, oldest first."""
    approvals: dict[str, list[Approval]] = {}
    for row in await db.fetch_all(_APPROVALS):
        approvals.setdefault(row["change_id"], []).append(Approval(row["officer"], row["signature"]))
    return [
        StoredChange(
            row["change_id"],
            bytes(row["document"]),
            row["expires_at"],
            row["applied_at"],
            tuple(approvals.get(row["change_id"], ())),
        )
        for row in await db.fetch_all(_CHANGES)
    ]


def add_key(key: StoredKey, now: int) -> Statement:
    """Keep a new key: pending, and not published yet."""
    return Statement(
        _ADD_KEY,
        {
            "kid": key.kid,
            "purpose": key.purpose.value,
            "algorithm": key.algorithm,
            "backend": key.backend,
            "public_jwk": key.public_jwk,
            "sealed_private_key": key.sealed_private_key,
            "now": now,
        },
    )


def publish(kid: str, now: int) -> Statement:
    """Put a pending key into the key set."""
    return Statement(_PUBLISH, {"key": kid, "now": now})


def activate(kid: str, now: int) -> Statement:
    """Have a pending key sign; the one before it must have stopped in the same write."""
    return Statement(_ACTIVATE, {"key": kid, "now": now})


def stop(kid: str, purpose: str, now: int) -> Statement:
    """Have an active key sign no more; its private half goes, unless it opens what others still encrypt for it."""
    query = _STOP_ENCRYPTING if purpose == Purpose.ENCRYPTION else _STOP_SIGNING
    return Statement(query, {"key": kid, "now": now})


def retire(kid: str, now: int) -> Statement:
    """Take a key that does not sign out of the key set."""
    return Statement(_RETIRE, {"key": kid, "now": now})


def revoke(kid: str, now: int) -> Statement:
    """Believe nothing any more that a key signed."""
    return Statement(_REVOKE, {"key": kid, "now": now})


def add_secret(secret: StoredSecret, now: int) -> Statement:
    """Keep the secret of a purpose; touches nothing if the purpose has one already."""
    return Statement(_ADD_SECRET, {"purpose": secret.purpose.value, "sealed": secret.sealed, "now": now})


def restore(record: KeyRecord) -> Statement:
    """Make the row of a key that signs no more what the key log says, whatever somebody has made of it.

    Its private half is gone; where the table demands one, it is one that nothing opens.
    """
    opens_yet = record.state is State.RETIRING and record.purpose == Purpose.ENCRYPTION
    return Statement(
        _RESTORE,
        {
            "kid": record.kid,
            "purpose": record.purpose,
            "algorithm": record.alg,
            "backend": record.backend,
            "state": record.state.value,
            "public_jwk": orjson.dumps(dict(record.jwk)).decode(),
            "sealed_private_key": b"" if opens_yet else None,
            "created_at": record.generated_at,
            "published_at": record.published_at,
            "activated_at": record.activated_at,
            "retiring_at": record.retiring_at,
            "retired_at": record.retired_at,
            "revoked_at": record.revoked_at,
        },
    )


def append_entry(position: int, entry: bytes, checkpoint: str | None) -> Statement:
    """The next entry of the key log; touches nothing if another process wrote that position."""
    return Statement(_APPEND, {"position": position, "entry": entry, "checkpoint": checkpoint})


def add_change(
    change_id: str, document: bytes, now: int, expires_at: int, *, applied: bool = False
) -> Statement:
    """Keep a proposed change, or one that is carried out in the same write.

    Touches nothing if it was proposed before, and proposing is all that is asked.
    """
    return Statement(
        _CARRY_OUT if applied else _ADD_CHANGE,
        {
            "change_id": change_id,
            "document": document,
            "proposed_at": now,
            "expires_at": expires_at,
            "applied_at": now if applied else None,
        },
    )


def add_approval(change_id: str, approval: Approval, now: int) -> Statement:
    """Keep an officer's signature, which was verified; touches nothing if it is there already."""
    return Statement(
        _ADD_APPROVAL,
        {
            "change_id": change_id,
            "officer": approval.officer,
            "signature": approval.signature,
            "approved_at": now,
        },
    )


def apply_change(change_id: str, now: int) -> Statement:
    """Note that a proposed change was carried out; touches nothing if it was before."""
    return Statement(_APPLY_CHANGE, {"change": change_id, "now": now})
