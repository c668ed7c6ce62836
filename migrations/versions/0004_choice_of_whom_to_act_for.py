"""Nobody has chosen for whom to act where no portal asked: that is told apart from acting for oneself."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BEFORE = "organisation record acted for at this client; '' for oneself"
COMMENT = "organisation record acted for at this client; '' for oneself; NULL while nobody asked"


def upgrade() -> None:
    """Allow NULL; what is there stays as it is."""
    with op.batch_alter_table("session_clients") as table:
        table.alter_column(
            "acting_for", existing_type=sa.Text(), nullable=True, comment=COMMENT, existing_comment=BEFORE
        )
