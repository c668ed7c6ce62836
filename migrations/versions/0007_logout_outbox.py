"""Back-channel logouts wait in an outbox, and what follows from a revoked key is kept until it is done."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

DEFAULT_ALG = "ES256"  # what clients without a registered algorithm get
REASONS = "code_replay, refresh_replay, client, person, staff"
OF_METADATA = "of the metadata, for statements over many clients"


def upgrade() -> None:
    """Two tables, and what clients registered in columns of their own."""
    _fill_clients()
    op.create_table(
        "logout_outbox",
        sa.Column(
            "cause_id",
            sa.Text(),
            nullable=False,
            comment="the ending, or the incident, that it is told because of",
        ),
        sa.Column("session_id", sa.Text(), nullable=False, comment="the `sid` of the logout token"),
        sa.Column("client_id", sa.Text(), nullable=False, comment="the portal that is told"),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="waiting, delivered, failed"),
        sa.Column(
            "attempts",
            sa.SmallInteger(),
            nullable=False,
            comment="begun so far; also tells whose attempt it is",
        ),
        sa.Column(
            "next_attempt_at",
            sa.BigInteger(),
            nullable=False,
            comment="when it is due; while an attempt goes on, when that is given up for dead; epoch seconds",
        ),
        sa.Column(
            "last_error",
            sa.Text(),
            nullable=True,
            comment="why the last attempt did not succeed, an id of a closed list",
        ),
        sa.Column(
            "created_at", sa.BigInteger(), nullable=False, comment="when the session ended; epoch seconds"
        ),
        sa.Column(
            "delivered_at",
            sa.BigInteger(),
            nullable=True,
            comment="when the portal accepted it; epoch seconds",
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'delivered', 'failed')", name=op.f("ck_logout_outbox_state_known")
        ),
        sa.CheckConstraint(
            "(state = 'delivered') = (delivered_at IS NOT NULL)",
            name=op.f("ck_logout_outbox_delivered_has_time"),
        ),
        sa.CheckConstraint(
            "state <> 'failed' OR last_error IS NOT NULL", name=op.f("ck_logout_outbox_failed_has_error")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("fk_logout_outbox_account_id_accounts")
        ),
        sa.PrimaryKeyConstraint("cause_id", "session_id", "client_id", name=op.f("pk_logout_outbox")),
    )
    op.create_index("ix_logout_outbox_created_at", "logout_outbox", ["created_at"])
    op.create_index(
        "ix_logout_outbox_waiting",
        "logout_outbox",
        ["client_id", "next_attempt_at"],
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    )
    _create_incidents()
    if op.get_bind().dialect.supports_comments:
        op.alter_column(
            "grants",
            "revoke_reason",
            existing_type=sa.Text(),
            existing_comment=REASONS,
            comment=f"{REASONS}, key_revoked",
        )


def _create_incidents() -> None:
    op.create_table(
        "key_incidents",
        sa.Column("incident_id", sa.Text(), nullable=False),
        sa.Column(
            "id_token_alg", sa.Text(), nullable=False, comment="'' where the key did not sign ID tokens"
        ),
        sa.Column(
            "access_token_alg",
            sa.Text(),
            nullable=False,
            comment="'' where the key did not sign access tokens",
        ),
        sa.Column(
            "from_at",
            sa.BigInteger(),
            nullable=False,
            comment="since when the key may have been in other hands; epoch seconds",
        ),
        sa.Column(
            "until_at",
            sa.BigInteger(),
            nullable=False,
            comment="when every worker had ceased to sign with it; epoch seconds",
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="stands in the grants that are revoked"),
        sa.Column(
            "created_at", sa.BigInteger(), nullable=False, comment="when the key was revoked; epoch seconds"
        ),
        sa.Column(
            "walk_began_at",
            sa.BigInteger(),
            nullable=False,
            comment="when the present walk over all grants began; epoch seconds",
        ),
        sa.Column(
            "after_grant_id",
            sa.Text(),
            nullable=False,
            comment="grants up to here have been looked at before",
        ),
        sa.Column(
            "upto_grant_id",
            sa.Text(),
            nullable=True,
            comment="end of the stretch looked at last; NULL at the end of the walk",
        ),
        sa.Column("grants_revoked", sa.BigInteger(), nullable=False),
        sa.Column(
            "finished_at", sa.BigInteger(), nullable=True, comment="when no grant was left; epoch seconds"
        ),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("pk_key_incidents")),
    )


def _fill_clients() -> None:
    with op.batch_alter_table("clients") as table:
        table.add_column(sa.Column("id_token_alg", sa.Text(), nullable=True, comment=OF_METADATA))
        table.add_column(sa.Column("access_token_alg", sa.Text(), nullable=True, comment="as id_token_alg"))
        table.add_column(
            sa.Column(
                "backchannel_logout_uri",
                sa.Text(),
                nullable=True,
                comment="as id_token_alg; NULL where logouts are not told",
            )
        )
    names = ("client_id", "metadata", "id_token_alg", "access_token_alg")
    clients = sa.table("clients", *(sa.column(name, sa.Text()) for name in names))
    connection = op.get_bind()
    for client_id, metadata in connection.execute(
        sa.select(clients.c.client_id, clients.c.metadata)
    ).fetchall():
        registered = json.loads(metadata)  # no client could register an address for logouts before
        connection.execute(
            sa.update(clients)
            .where(clients.c.client_id == client_id)
            .values(
                id_token_alg=registered.get("id_token_signed_response_alg", DEFAULT_ALG),
                access_token_alg=registered.get("access_token_signed_response_alg", DEFAULT_ALG),
            )
        )
    with op.batch_alter_table("clients") as table:
        table.alter_column(
            "id_token_alg", existing_type=sa.Text(), nullable=False, existing_comment=OF_METADATA
        )
        table.alter_column(
            "access_token_alg", existing_type=sa.Text(), nullable=False, existing_comment="as id_token_alg"
        )
