"""The key log, changes that officers sign, and where a private key lives.

Keys that were made before there was a log were approved by nobody: they go, and the ceremony makes new ones.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The key log."""
    op.drop_table("signing_keys")
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text(), nullable=False, comment="RFC 7638 thumbprint of the public key"),
        sa.Column("purpose", sa.Text(), nullable=False, comment="the one kind of token it signs"),
        sa.Column("algorithm", sa.Text(), nullable=False, comment="the one JWS algorithm it signs with"),
        sa.Column(
            "backend",
            sa.Text(),
            nullable=False,
            comment="where the private key lives: software, pkcs11, certified",
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="pending, active, retiring, retired, revoked"),
        sa.Column("public_jwk", sa.Text(), nullable=False, comment="as published; JSON"),
        sa.Column(
            "sealed_private_key",
            sa.LargeBinary(),
            nullable=True,
            comment="PKCS #8 under the key-encryption key; destroyed when it is needed no more; none in hardware",
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=True, comment="first in the key set"),
        sa.Column("activated_at", sa.BigInteger(), nullable=True, comment="first allowed to sign"),
        sa.Column("retiring_at", sa.BigInteger(), nullable=True, comment="signs no more"),
        sa.Column("retired_at", sa.BigInteger(), nullable=True, comment="no longer published"),
        sa.Column(
            "revoked_at", sa.BigInteger(), nullable=True, comment="nothing it signed is believed any more"
        ),
        sa.CheckConstraint(
            "(sealed_private_key IS NOT NULL) = (backend <> 'pkcs11' AND"
            " (state IN ('pending', 'active') OR (state = 'retiring' AND purpose = 'encryption')))",
            name="signing_keys_private_while_needed",
        ),
        sa.CheckConstraint(
            "(state = 'revoked') = (revoked_at IS NOT NULL)", name="signing_keys_revoked_since"
        ),
        sa.CheckConstraint("backend IN ('software', 'pkcs11', 'certified')", name="signing_keys_backend"),
        sa.CheckConstraint(
            "state <> 'active' OR (activated_at IS NOT NULL AND published_at IS NOT NULL)",
            name="signing_keys_active_since",
        ),
        sa.CheckConstraint("state <> 'retired' OR retired_at IS NOT NULL", name="signing_keys_retired_since"),
        sa.CheckConstraint(
            "state <> 'retiring' OR retiring_at IS NOT NULL", name="signing_keys_retiring_since"
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'active', 'retiring', 'retired', 'revoked')", name="signing_keys_state"
        ),
        sa.PrimaryKeyConstraint("kid"),
        comment="Keys of every purpose, from creation to the end of their records; the image of the key log",
    )
    op.create_index(
        "signing_keys_one_active",
        "signing_keys",
        ["purpose", "algorithm"],
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "key_log",
        sa.Column(
            "position", sa.BigInteger(), autoincrement=False, nullable=False, comment="from 0, without a gap"
        ),
        sa.Column(
            "entry", sa.LargeBinary(), nullable=False, comment="canonical JSON, a leaf of the Merkle tree"
        ),
        sa.Column(
            "checkpoint",
            sa.Text(),
            nullable=True,
            comment="signed note for the log up to here; on the last entry of a write",
        ),
        sa.CheckConstraint("position >= 0", name="key_log_from_zero"),
        sa.PrimaryKeyConstraint("position"),
        comment="Every event in the life of keys, append-only; public",
    )
    op.create_table(
        "key_changes",
        sa.Column("change_id", sa.Text(), nullable=False, comment="SHA-256 of the document, base64url"),
        sa.Column("document", sa.LargeBinary(), nullable=False, comment="canonical JSON, what officers sign"),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False, comment="carried out no more from then on"),
        sa.Column(
            "applied_at", sa.BigInteger(), nullable=True, comment="carried out, and in the key log since"
        ),
        sa.PrimaryKeyConstraint("change_id"),
        comment="Changes of keys that were proposed",
    )
    op.create_table(
        "key_approvals",
        sa.Column("change_id", sa.Text(), nullable=False),
        sa.Column("officer", sa.Text(), nullable=False, comment="thumbprint of the officer's key"),
        sa.Column("signature", sa.Text(), nullable=False, comment="over the document, base64url"),
        sa.Column("approved_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["change_id"], ["key_changes.change_id"]),
        sa.PrimaryKeyConstraint("change_id", "officer"),
        comment="Officers' signatures under proposed changes; one of each officer",
    )
