"""The tables of keys, secrets, the key log and changes that wait for a signature."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

from keys.policy import BACKENDS, State

metadata: Final = MetaData()

_STATES: Final = ", ".join(f"'{state}'" for state in State)
_BACKENDS: Final = ", ".join(f"'{backend}'" for backend in BACKENDS)

signing_keys: Final = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True, comment="RFC 7638 thumbprint of the public key"),
    Column("purpose", Text, nullable=False, comment="the one kind of token it signs"),
    Column("algorithm", Text, nullable=False, comment="the one JWS algorithm it signs with"),
    Column(
        "backend", Text, nullable=False, comment="where the private key lives: software, pkcs11, certified"
    ),
    Column("state", Text, nullable=False, comment="pending, active, retiring, retired, revoked"),
    Column("public_jwk", Text, nullable=False, comment="as published; JSON"),
    Column(
        "sealed_private_key",
        LargeBinary,
        comment="PKCS #8 under the key-encryption key; destroyed when it is needed no more; none in hardware",
    ),
    Column("created_at", BigInteger, nullable=False),
    Column("published_at", BigInteger, comment="first in the key set"),
    Column("activated_at", BigInteger, comment="first allowed to sign"),
    Column("retiring_at", BigInteger, comment="signs no more"),
    Column("retired_at", BigInteger, comment="no longer published"),
    Column("revoked_at", BigInteger, comment="nothing it signed is believed any more"),
    CheckConstraint(f"state IN ({_STATES})", name="signing_keys_state"),
    CheckConstraint(f"backend IN ({_BACKENDS})", name="signing_keys_backend"),
    CheckConstraint(
        "state <> 'active' OR (activated_at IS NOT NULL AND published_at IS NOT NULL)",
        name="signing_keys_active_since",
    ),
    CheckConstraint("state <> 'retiring' OR retiring_at IS NOT NULL", name="signing_keys_retiring_since"),
    CheckConstraint("state <> 'retired' OR retired_at IS NOT NULL", name="signing_keys_retired_since"),
    CheckConstraint("(state = 'revoked') = (revoked_at IS NOT NULL)", name="signing_keys_revoked_since"),
    CheckConstraint(
        "(sealed_private_key IS NOT NULL) = (backend <> 'pkcs11' AND"
        " (state IN ('pending', 'active') OR (state = 'retiring' AND purpose = 'encryption')))",
        name="signing_keys_private_while_needed",
    ),
    comment="Keys of every purpose, from creation to the end of their records; the image of the key log",
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

key_log: Final = Table(
    "key_log",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False, comment="from 0, without a gap"),
    Column("entry", LargeBinary, nullable=False, comment="canonical JSON, a leaf of the Merkle tree"),
    Column("checkpoint", Text, comment="signed note for the log up to here; on the last entry of a write"),
    CheckConstraint("position >= 0", name="key_log_from_zero"),
    comment="Every event in the life of keys, append-only; public",
)

key_changes: Final = Table(
    "key_changes",
    metadata,
    Column("change_id", Text, primary_key=True, comment="SHA-256 of the document, base64url"),
    Column("document", LargeBinary, nullable=False, comment="canonical JSON, what officers sign"),
    Column("proposed_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, comment="carried out no more from then on"),
    Column("applied_at", BigInteger, comment="carried out, and in the key log since"),
    comment="Changes of keys that were proposed",
)

key_approvals: Final = Table(
    "key_approvals",
    metadata,
    Column("change_id", Text, ForeignKey("key_changes.change_id"), primary_key=True),
    Column("officer", Text, primary_key=True, comment="thumbprint of the officer's key"),
    Column("signature", Text, nullable=False, comment="over the document, base64url"),
    Column("approved_at", BigInteger, nullable=False),
    comment="Officers' signatures under proposed changes; one of each officer",
)
