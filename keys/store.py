"""The tables of keys and secrets, and every query on them. Private material stands here sealed only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Executable,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    select,
)
from sqlalchemy.dialects.postgresql import insert  # its ON CONFLICT DO NOTHING compiles for SQLite as well

from keys.policy import Purpose, SecretPurpose, State
from keys.signatures import KEY_TYPES


class Row(Protocol):
    """A row: values by column name."""

    def __getitem__(self, key: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with its values, for a write of the caller's."""

    query: Executable
    values: Mapping[str, object] = field(repr=False)


class Database(Protocol):
    """The part of a database that keys need: they read, and hand their caller what is to be written."""

    async def fetch_all(self, query: Executable, /, **values: object) -> Sequence[Row]:
        """All rows."""


metadata: Final = MetaData()

_PURPOSES: Final = frozenset(purpose.value for purpose in Purpose)
_SECRET_PURPOSES: Final = frozenset(purpose.value for purpose in SecretPurpose)
_STATES: Final = ", ".join(f"'{state}'" for state in State)

signing_keys: Final = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True, comment="RFC 7638 thumbprint of the public key"),
    Column("purpose", Text, nullable=False, comment="the one kind of token it signs"),
    Column("algorithm", Text, nullable=False, comment="the one JWS algorithm it signs with"),
    Column("state", Text, nullable=False, comment="pending, active, retiring, retired, revoked"),
    Column("public_jwk", Text, nullable=False, comment="as published; JSON"),
    Column(
        "sealed_private_key",
        LargeBinary,
        comment="PKCS #8 under the key-encryption key; destroyed when it signs no more",
    ),
    Column("created_at", BigInteger, nullable=False),
    Column("published_at", BigInteger, comment="first in the key set"),
    Column("activated_at", BigInteger, comment="first allowed to sign"),
    Column("retiring_at", BigInteger, comment="signs no more"),
    Column("retired_at", BigInteger, comment="no longer published"),
    Column("revoked_at", BigInteger, comment="nothing it signed is believed any more"),
    CheckConstraint(f"state IN ({_STATES})", name="signing_keys_state"),
    CheckConstraint("state <> 'active' OR activated_at IS NOT NULL", name="signing_keys_active_since"),
    CheckConstraint("state <> 'retiring' OR retiring_at IS NOT NULL", name="signing_keys_retiring_since"),
    CheckConstraint("state <> 'retired' OR retired_at IS NOT NULL", name="signing_keys_retired_since"),
    CheckConstraint("(state = 'revoked') = (revoked_at IS NOT NULL)", name="signing_keys_revoked_since"),
    CheckConstraint(
        "(state IN ('pending', 'active')) = (sealed_private_key IS NOT NULL)",
        name="signing_keys_private_while_needed",
    ),
    comment="Signing keys of every purpose, from creation to the end of their records",
)

Index(
    "signing_keys_one_active",
    signing_keys.c.purpose,
    signing_keys.c.algorithm,
    unique=True,
    sqlite_where=signing_keys.c.state == State.ACTIVE.value,
    postgresql_where=signing_keys.c.state == State.ACTIVE.value,
)

sealed_secrets: Final = Table(
    "sealed_secrets",
    metadata,
    Column("purpose", Text, primary_key=True, comment="what the secret is for"),
    Column("sealed", LargeBinary, nullable=False, comment="256 bits under the key-encryption key"),
    Column("created_at", BigInteger, nullable=False),
    comment="Symmetric secrets, one for each purpose",
)


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
    activated_at: int | None = None
    retiring_at: int | None = None


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A row of `sealed_secrets`."""

    purpose: SecretPurpose
    sealed: bytes = field(repr=False)


_ALL_KEYS: Final = select(
    signing_keys.c.kid,
    signing_keys.c.purpose,
    signing_keys.c.algorithm,
    signing_keys.c.state,
    signing_keys.c.public_jwk,
    signing_keys.c.sealed_private_key,
    signing_keys.c.created_at,
    signing_keys.c.activated_at,
    signing_keys.c.retiring_at,
).order_by(signing_keys.c.purpose, signing_keys.c.algorithm, signing_keys.c.created_at, signing_keys.c.kid)

_ALL_STATES: Final = select(
    signing_keys.c.kid, signing_keys.c.purpose, signing_keys.c.algorithm, signing_keys.c.state
).order_by(signing_keys.c.kid)

_KEEP_ACTIVE_KEY: Final = (
    insert(signing_keys)
    .values(
        kid=bindparam("kid"),
        purpose=bindparam("purpose"),
        algorithm=bindparam("algorithm"),
        state=State.ACTIVE.value,
        public_jwk=bindparam("public_jwk"),
        sealed_private_key=bindparam("sealed_private_key"),
        created_at=bindparam("now"),
        published_at=bindparam("now"),
        activated_at=bindparam("now"),
    )
    .on_conflict_do_nothing()
)

_ALL_SECRETS: Final = select(sealed_secrets.c.purpose, sealed_secrets.c.sealed).order_by(
    sealed_secrets.c.purpose
)

_KEEP_SECRET: Final = (
    insert(sealed_secrets)
    .values(purpose=bindparam("purpose"), sealed=bindparam("sealed"), created_at=bindparam("now"))
    .on_conflict_do_nothing()
)


def _is_known(row: Row) -> bool:
    """Whether this version of the program knows what the key is for; a newer one beside it may know more."""
    return row["purpose"] in _PURPOSES and row["algorithm"] in KEY_TYPES


async def find_keys(db: Database) -> list[StoredKey]:
    """Every signing key, revoked ones too, by purpose, algorithm and age."""
    return [
        StoredKey(
            kid=row["kid"],
            purpose=Purpose(row["purpose"]),
            algorithm=row["algorithm"],
            state=State(row["state"]),
            public_jwk=row["public_jwk"],
            sealed_private_key=row["sealed_private_key"],
            created_at=row["created_at"],
            activated_at=row["activated_at"],
            retiring_at=row["retiring_at"],
        )
        for row in await db.fetch_all(_ALL_KEYS)
        if _is_known(row)
    ]


async def find_states(db: Database) -> tuple[tuple[str, str], ...]:
    """Identifier and state of every signing key, in order: differs as soon as a key has come or changed."""
    return tuple(
        sorted((row["kid"], row["state"]) for row in await db.fetch_all(_ALL_STATES) if _is_known(row))
    )


def keep_active_key(key: StoredKey, now: int) -> Statement:
    """Keep a new key as the active one; touches nothing if its purpose and algorithm have one already."""
    return Statement(
        _KEEP_ACTIVE_KEY,
        {
            "kid": key.kid,
            "purpose": key.purpose.value,
            "algorithm": key.algorithm,
            "public_jwk": key.public_jwk,
            "sealed_private_key": key.sealed_private_key,
            "now": now,
        },
    )


async def find_secrets(db: Database) -> list[StoredSecret]:
    """Every secret."""
    rows = await db.fetch_all(_ALL_SECRETS)
    return [
        StoredSecret(SecretPurpose(row["purpose"]), row["sealed"])
        for row in rows
        if row["purpose"] in _SECRET_PURPOSES
    ]


def keep_secret(secret: StoredSecret, now: int) -> Statement:
    """Keep the secret of a purpose; touches nothing if the purpose has one already."""
    return Statement(_KEEP_SECRET, {"purpose": secret.purpose.value, "sealed": secret.sealed, "now": now})
