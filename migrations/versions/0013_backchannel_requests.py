"""Logins that a portal begins and a person answers elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Logins that a portal begins and a person answers elsewhere."""
    op.create_table(
        "backchannel_requests",
        sa.Column("request_digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of auth_req_id"),
        sa.Column(
            "person_digest",
            sa.LargeBinary(),
            nullable=False,
            comment="keyed digest of the hint: of somebody, known or not",
        ),
        sa.Column(
            "sector",
            sa.Text(),
            nullable=True,
            comment="whose sub the hint held; NULL where it was a personal number",
        ),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False, comment="what was asked for, as JSON"),
        sa.Column(
            "binding_message",
            sa.Text(),
            nullable=False,
            comment="what the person compares with the other screen",
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="waiting, approved, denied, used, replaced"),
        sa.Column("grant_id", sa.Text(), nullable=True, comment="what the person granted, once approved"),
        sa.Column(
            "interval",
            sa.SmallInteger(),
            nullable=False,
            comment="seconds between two polls; grows by slow_down",
        ),
        sa.Column(
            "notification",
            sa.LargeBinary(),
            nullable=True,
            comment="sealed: what a ping says, and its token; NULL for polls",
        ),
        sa.Column("ping_attempts", sa.SmallInteger(), nullable=False, comment="how often a ping was begun"),
        sa.Column(
            "ping_at",
            sa.BigInteger(),
            nullable=True,
            comment="when a ping is due; NULL where none is; epoch seconds",
        ),
        sa.Column("polled_at", sa.BigInteger(), nullable=True, comment="last poll; epoch seconds"),
        sa.Column(
            "created_at", sa.BigInteger(), nullable=False, comment="when the portal asked; epoch seconds"
        ),
        sa.Column(
            "expires_at",
            sa.BigInteger(),
            nullable=False,
            comment="when auth_req_id stops working; epoch seconds",
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'approved', 'denied', 'used', 'replaced')",
            name=op.f("ck_backchannel_requests_state_known"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('approved', 'used') OR grant_id IS NOT NULL",
            name=op.f("ck_backchannel_requests_approved_has_grant"),
        ),
        sa.PrimaryKeyConstraint("request_digest", name=op.f("pk_backchannel_requests")),
        comment="Logins that a portal began, and that wait for a person's answer",
    )
    op.create_index("ix_backchannel_requests_expires_at", "backchannel_requests", ["expires_at"])
    _where(
        "uq_backchannel_requests_waiting", ["person_digest", "client_id"], "state = 'waiting'", unique=True
    )
    _where("ix_backchannel_requests_sector", ["sector"], "state = 'waiting' AND sector IS NOT NULL")
    _where("ix_backchannel_requests_ping_at", ["ping_at"], "ping_at IS NOT NULL")
    op.create_table(
        "backchannel_blocks",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column(
            "until",
            sa.BigInteger(),
            nullable=False,
            comment="when its requests are shown again; epoch seconds",
        ),
        sa.PrimaryKeyConstraint("account_id", "client_id", name=op.f("pk_backchannel_blocks")),
        comment="Portals whose requests a person does not want to see for a while",
    )
    op.create_index("ix_backchannel_blocks_until", "backchannel_blocks", ["until"])


def _where(name: str, columns: list[str], condition: str, *, unique: bool = False) -> None:
    """An index over a part of the rows."""
    op.create_index(
        name,
        "backchannel_requests",
        columns,
        unique=unique,
        sqlite_where=sa.text(condition),
        postgresql_where=sa.text(condition),
    )
