"""Grants for named resources; sessions that expire are ended."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

REASONS = "logout, person, staff, lock, register, replaced"


def upgrade() -> None:
    """Grants for named resources; sessions that expire are ended."""
    with op.batch_alter_table("grants") as table:
        table.add_column(
            sa.Column(
                "resources", sa.Text(), server_default="", nullable=False, comment="RFC 8707, space separated"
            )
        )

    # Sessions of before are looked at once, at once: zero is long ago.
    op.add_column(
        "sessions",
        sa.Column(
            "check_at",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="before this it cannot have expired for lack of use; moved on lazily, not by a use; epoch seconds",
        ),
    )
    op.create_index(
        "ix_sessions_check_at",
        "sessions",
        ["check_at", "session_id"],
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )

    if op.get_bind().dialect.supports_comments:
        op.alter_column(
            "sessions",
            "end_reason",
            existing_type=sa.Text(),
            existing_comment=REASONS,
            comment=f"{REASONS}, expired",
        )
