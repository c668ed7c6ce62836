"""Keys and secrets."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keys and secrets."""
    op.create_table(
        "sealed_secrets",
        sa.Column("purpose", sa.Text(), nullable=False, comment="what the secret is for"),
        sa.Column(
            "sealed", sa.LargeBinary(), nullable=False, comment="256 bits under the key-encryption key"
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("purpose"),
        comment="Symmetric secrets, one for each purpose",
    )
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text(), nullable=False, comment="RFC 7638 thumbprint of the public key"),
        sa.Column("purpose", sa.Text(), nullable=False, comment="the one kind of token it signs"),
        sa.Column("algorithm", sa.Text(), nullable=False, comment="the one JWS algorithm it signs with"),
        sa.Column("state", sa.Text(), nullable=False, comment="pending, active, retiring, retired, revoked"),
        sa.Column("public_jwk", sa.Text(), nullable=False, comment="as published; JSON"),
        sa.Column(
            "sealed_private_key",
            sa.LargeBinary(),
            nullable=True,
            comment="PKCS #8 under the key-encryption key; destroyed when it signs no more",
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
            "(state = 'revoked') = (revoked_at IS NOT NULL)", name="signing_keys_revoked_since"
        ),
        sa.CheckConstraint(
            "(state IN ('pending', 'active')) = (sealed_private_key IS NOT NULL)",
            name="signing_keys_private_while_needed",
        ),
        sa.CheckConstraint("state <> 'active' OR activated_at IS NOT NULL", name="signing_keys_active_since"),
        sa.CheckConstraint("state <> 'retired' OR retired_at IS NOT NULL", name="signing_keys_retired_since"),
        sa.CheckConstraint(
            "state <> 'retiring' OR retiring_at IS NOT NULL", name="signing_keys_retiring_since"
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'active', 'retiring', 'retired', 'revoked')", name="signing_keys_state"
        ),
        sa.PrimaryKeyConstraint("kid"),
        comment="Signing keys of every purpose, from creation to the end of their records",
    )
    op.create_index(
        "signing_keys_one_active",
        "signing_keys",
        ["purpose", "algorithm"],
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
