"""Profiles of clients; requests that are pushed; codes and tokens that are bound to a key."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

LAST_DAY = "2027-06-30"
"""Of clients that were registered as legacy before legacy had an end."""


def upgrade() -> None:
    """Profiles of clients; requests that are pushed; codes and tokens that are bound to a key."""
    _name_profiles()
    for table in ("initial_access_tokens", "statement_issuers", "registrations"):
        _widen_terms(table)
    op.create_table(
        "pushed_requests",
        sa.Column(
            "request_digest",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the random part of request_uri",
        ),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column(
            "request", sa.Text(), nullable=False, comment="the request, as JSON; empty once it is answered"
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="when it was pushed; epoch seconds"),
        sa.Column(
            "expires_at",
            sa.BigInteger(),
            nullable=False,
            comment="when request_uri stops working; epoch seconds",
        ),
        sa.Column(
            "used_at", sa.BigInteger(), nullable=True, comment="when its answer was sent; epoch seconds"
        ),
        sa.CheckConstraint(
            "length(request_digest) = 32", name=op.f("ck_pushed_requests_request_digest_length")
        ),
        sa.PrimaryKeyConstraint("request_digest", name=op.f("pk_pushed_requests")),
        comment="Authorization requests that a client sent us itself; the browser brings only their names",
    )
    op.create_index("ix_pushed_requests_expires_at", "pushed_requests", ["expires_at"])
    _widen_single_use()
    _bind()


def _name_profiles() -> None:
    """`legacy` was a flag without an end; every other client was held to what is the profile `oidc` now."""
    clients = sa.table("clients", sa.column("client_id", sa.Text()), sa.column("metadata", sa.Text()))
    connection = op.get_bind()
    for client_id, text in connection.execute(sa.select(clients.c.client_id, clients.c.metadata)).all():
        kept = json.loads(text)
        ended = {"profile": "legacy", "legacy_until": LAST_DAY}
        kept |= ended if kept.pop("legacy", False) else {"profile": "oidc"}
        connection.execute(
            clients.update().where(clients.c.client_id == client_id).values(metadata=json.dumps(kept))
        )


def _widen_terms(name: str) -> None:
    """Terms said nothing of profiles; what their clients were is what they may be."""
    table = sa.table(name, sa.column("terms", sa.Text()))
    connection = op.get_bind()
    for text in set(connection.execute(sa.select(table.c.terms)).scalars()):
        kept = json.loads(text)
        profiles = ["legacy", "oidc"] if kept.get("trial") else ["oidc"]
        widened = json.dumps({**kept, "profiles": profiles})
        connection.execute(table.update().where(table.c.terms == text).values(terms=widened))


def _widen_single_use() -> None:
    """What was used before can come back for six minutes at most; nobody is served while tables are changed."""
    op.drop_table("used_assertions")
    op.create_table(
        "used_jtis",
        sa.Column(
            "jti_digest",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of whose it is and the jti: of assertions, DPoP proofs",
        ),
        sa.Column(
            "expires_at",
            sa.BigInteger(),
            nullable=False,
            comment="when it would be refused anyway; epoch seconds",
        ),
        sa.PrimaryKeyConstraint("jti_digest", name=op.f("pk_used_jtis")),
    )
    op.create_index("ix_used_jtis_expires_at", "used_jtis", ["expires_at"])


def _bind() -> None:
    with op.batch_alter_table("grants") as table:
        table.add_column(
            sa.Column(
                "authorization_details",
                sa.Text(),
                server_default="",
                nullable=False,
                comment="RFC 9396, JSON, as granted",
            )
        )
    op.add_column(
        "grants",
        sa.Column(
            "dpop_jkt",
            sa.Text(),
            nullable=True,
            comment="thumbprint of the key that the code is bound to (RFC 9449 §10)",
        ),
    )
    op.add_column(
        "refresh_tokens",
        sa.Column(
            "dpop_jkt",
            sa.Text(),
            nullable=True,
            comment="thumbprint of the key that a public client must prove (RFC 9449 §5)",
        ),
    )
    if op.get_bind().dialect.supports_comments:
        op.alter_column(
            "grants",
            "code_challenge",
            existing_type=sa.Text(),
            existing_nullable=True,
            existing_comment="RFC 7636 S256; NULL for legacy clients only",
            comment="RFC 7636 S256; NULL where the profile can do without",
        )
