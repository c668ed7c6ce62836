"""Who has fetched which key set, and who still shows old keys."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _time(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, comment=f"{comment}; epoch seconds")


def upgrade() -> None:
    """Four tables of counts."""
    op.create_table(
        "key_sets",
        sa.Column(
            "etag", sa.Text(), nullable=False, comment="strong entity tag of the set, without its quotes"
        ),
        sa.Column(
            "kids", sa.Text(), nullable=False, comment="identifiers of the keys in it, space separated"
        ),
        _time("first_at", "when it was first given to anybody"),
        sa.PrimaryKeyConstraint("etag", name=op.f("pk_key_sets")),
        comment="Key sets that were given out at jwks_uri",
    )
    op.create_table(
        "key_set_fetches",
        sa.Column("client_id", sa.Text(), nullable=False, comment="who fetched; '' where that is not known"),
        sa.Column(
            "agent",
            sa.Text(),
            nullable=False,
            comment="of the unknown: the program's name without its version",
        ),
        sa.Column(
            "network", sa.Text(), nullable=False, comment="of the unknown: the address cut to its network"
        ),
        sa.Column("etag", sa.Text(), nullable=False, comment="the set that was given, or was there already"),
        _time("first_at", "first fetch"),
        _time("last_at", "last fetch"),
        sa.Column("fetches", sa.BigInteger(), nullable=False, comment="how many"),
        sa.Column(
            "bad_assertions",
            sa.BigInteger(),
            nullable=False,
            comment="how many of them with a bad signature",
        ),
        sa.CheckConstraint(
            "client_id = '' OR (agent = '' AND network = '')",
            name=op.f("ck_key_set_fetches_clients_leave_no_trace"),
        ),
        sa.PrimaryKeyConstraint("client_id", "agent", "network", "etag", name=op.f("pk_key_set_fetches")),
        comment="Who fetched which key set, counted",
    )
    op.create_index("ix_key_set_fetches_etag", "key_set_fetches", ["etag"])
    op.create_index("ix_key_set_fetches_last_at", "key_set_fetches", ["last_at"])
    op.create_table(
        "stale_key_uses",
        sa.Column("client_id", sa.Text(), nullable=False, comment="the client that showed it"),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="id_token_hint, access_token, introspection, key_set",
        ),
        sa.Column(
            "shown",
            sa.Text(),
            nullable=False,
            comment="kid of a key that signs no more, or etag of an old set",
        ),
        _time("first_at", "first time"),
        _time("last_at", "last time"),
        sa.Column("uses", sa.BigInteger(), nullable=False, comment="how often"),
        sa.CheckConstraint(
            "kind IN ('id_token_hint', 'access_token', 'introspection', 'key_set')",
            name=op.f("ck_stale_key_uses_kind_known"),
        ),
        sa.PrimaryKeyConstraint("client_id", "kind", "shown", name=op.f("pk_stale_key_uses")),
        comment="Signs that a client lives with old keys, counted",
    )
    op.create_index("ix_stale_key_uses_last_at", "stale_key_uses", ["last_at"])
    op.create_table(
        "client_activity",
        sa.Column("client_id", sa.Text(), nullable=False),
        _time("last_at", "last use of the token endpoint, to within an hour"),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client_activity")),
        comment="Which clients are in use",
    )
    op.create_index("ix_client_activity_last_at", "client_activity", ["last_at"])
