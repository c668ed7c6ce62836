"""Devices that wait for an approval elsewhere, and what people and browsers confirm."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Devices that wait for an approval elsewhere, and what people and browsers confirm."""
    op.create_table(
        "device_codes",
        sa.Column("device_digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the device code"),
        sa.Column("user_digest", sa.LargeBinary(), nullable=False, comment="keyed digest of the user code"),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False, comment="what was asked for, as JSON"),
        sa.Column("state", sa.Text(), nullable=False, comment="waiting, approved, denied, used"),
        sa.Column("grant_id", sa.Text(), nullable=True, comment="what the person granted, once approved"),
        sa.Column(
            "network", sa.Text(), nullable=False, comment="where the device asked from, cut to its network"
        ),
        sa.Column(
            "interval",
            sa.SmallInteger(),
            nullable=False,
            comment="seconds between two polls; grows by slow_down",
        ),
        sa.Column("polled_at", sa.BigInteger(), nullable=True, comment="last poll; epoch seconds"),
        sa.Column(
            "created_at", sa.BigInteger(), nullable=False, comment="when the device asked; epoch seconds"
        ),
        sa.Column(
            "expires_at",
            sa.BigInteger(),
            nullable=False,
            comment="when both codes stop working; epoch seconds",
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'approved', 'denied', 'used')", name=op.f("ck_device_codes_state_known")
        ),
        sa.CheckConstraint(
            "state NOT IN ('approved', 'used') OR grant_id IS NOT NULL",
            name=op.f("ck_device_codes_approved_has_grant"),
        ),
        sa.PrimaryKeyConstraint("device_digest", name=op.f("pk_device_codes")),
        sa.UniqueConstraint("user_digest", name=op.f("uq_device_codes_user_digest")),
        comment="Devices without a browser that wait for a person's approval elsewhere",
    )
    op.create_index("ix_device_codes_expires_at", "device_codes", ["expires_at"])

    op.add_column(
        "clients",
        sa.Column(
            "browser_origins",
            sa.Text(),
            nullable=True,
            comment="as id_token_alg, space separated; NULL but for browser clients",
        ),
    )
    op.add_column(
        "interactions",
        sa.Column(
            "confirmed_at",
            sa.BigInteger(),
            nullable=True,
            comment="when the person pressed that they began this themselves; epoch seconds",
        ),
    )
