"""Clients that register themselves, and copies of their logos."""

import json

import sqlalchemy as sa
from alembic import op

from idp.store.client_names import name_key

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Four tables, and whose clients are called what."""
    _fill_clients()
    op.create_table(
        "initial_access_tokens",
        sa.Column("token_id", sa.Text(), nullable=False, comment="told in lists and in the audit"),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the token"),
        sa.Column("terms", sa.Text(), nullable=False, comment="what clients registered with it get, as JSON"),
        sa.Column("issued_by", sa.Text(), nullable=False, comment="the operator who issued it"),
        sa.Column(
            "uses_left", sa.BigInteger(), nullable=False, comment="registrations that are still possible"
        ),
        sa.Column("issued_at", sa.BigInteger(), nullable=False, comment="when it was issued; epoch seconds"),
        sa.Column(
            "expires_at", sa.BigInteger(), nullable=False, comment="when it stops working; epoch seconds"
        ),
        sa.Column(
            "revoked_at", sa.BigInteger(), nullable=True, comment="since when it does not work; epoch seconds"
        ),
        sa.CheckConstraint(
            "length(token_digest) = 32", name=op.f("ck_initial_access_tokens_token_digest_length")
        ),
        sa.CheckConstraint("uses_left >= 0", name=op.f("ck_initial_access_tokens_uses_left_not_negative")),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_initial_access_tokens")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_initial_access_tokens_token_digest")),
        comment="Leaves to register clients, RFC 7591 section 3",
    )

    op.create_table(
        "statement_issuers",
        sa.Column("issuer", sa.Text(), nullable=False, comment="`iss` of its software statements"),
        sa.Column("jwks", sa.Text(), nullable=False, comment="its public keys, RFC 7517 section 5"),
        sa.Column("terms", sa.Text(), nullable=False, comment="as of initial_access_tokens"),
        sa.Column("added_by", sa.Text(), nullable=False, comment="the operator who trusts it"),
        sa.Column(
            "added_at", sa.BigInteger(), nullable=False, comment="since when it is trusted; epoch seconds"
        ),
        sa.PrimaryKeyConstraint("issuer", name=op.f("pk_statement_issuers")),
        comment="Who may vouch for clients by software statements, RFC 7591 section 2.3",
    )
    op.create_table(
        "registrations",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column(
            "access_digest",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the registration access token",
        ),
        sa.Column("vouched_by", sa.Text(), nullable=False, comment="token:ID, statement:ISSUER, or sandbox"),
        sa.Column(
            "terms", sa.Text(), nullable=False, comment="the terms at registration; updates are held to them"
        ),
        sa.Column(
            "software_statement",
            sa.Text(),
            nullable=True,
            comment="as it was sent; its claims hold for updates too",
        ),
        sa.Column("registered_at", sa.BigInteger(), nullable=False, comment="when; epoch seconds"),
        sa.CheckConstraint("length(access_digest) = 32", name=op.f("ck_registrations_access_digest_length")),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["clients.client_id"],
            name=op.f("fk_registrations_client_id_clients"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_registrations")),
        sa.UniqueConstraint("access_digest", name=op.f("uq_registrations_access_digest")),
        comment="Clients that registered themselves, and may manage it by RFC 7592",
    )
    op.create_index("ix_registrations_vouched_by", "registrations", ["vouched_by"])
    op.create_table(
        "client_logos",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("logo_uri", sa.Text(), nullable=False, comment="where it was fetched"),
        sa.Column("media_type", sa.Text(), nullable=False, comment="image/png, image/jpeg, image/webp"),
        sa.Column("image", sa.LargeBinary(), nullable=False, comment="as people are shown it"),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False, comment="when; epoch seconds"),
        sa.CheckConstraint(
            "media_type IN ('image/png', 'image/jpeg', 'image/webp')",
            name=op.f("ck_client_logos_media_type_known"),
        ),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["clients.client_id"],
            name=op.f("fk_client_logos_client_id_clients"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client_logos")),
        comment="Our copies of logos: people's browsers ask nobody else for them",
    )


def _fill_clients() -> None:
    """Owner and look of the name in columns of their own, so that nobody registers another's name."""
    comments = {
        "owner": "as id_token_alg",
        "name_key": "what its name looks like; as id_token_alg",
        "name_key_en": "as name_key, of its English name",
    }
    with op.batch_alter_table("clients") as table:
        for name, comment in comments.items():
            table.add_column(sa.Column(name, sa.Text(), nullable=True, comment=comment))
    clients = sa.table(
        "clients", *(sa.column(name, sa.Text()) for name in ("client_id", "metadata", *comments))
    )
    connection = op.get_bind()
    registered = connection.execute(sa.select(clients.c.client_id, clients.c.metadata)).fetchall()
    for client_id, metadata in registered:
        found = json.loads(metadata)
        name = found.get("client_name#vi") or found.get("client_name", "")
        connection.execute(
            sa.update(clients)
            .where(clients.c.client_id == client_id)
            .values(
                owner=found.get("owner", ""),
                name_key=name_key(name),
                name_key_en=name_key(found.get("client_name#en") or name),
            )
        )
    with op.batch_alter_table("clients") as table:
        for name, comment in comments.items():
            table.alter_column(name, existing_type=sa.Text(), nullable=False, existing_comment=comment)
