"""Clients, interactions, grants and tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Clients, interactions, grants and tokens."""
    op.create_table(
        "clients",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column(
            "metadata",
            sa.Text(),
            nullable=False,
            comment="registered client metadata as JSON, RFC 7591 names",
        ),
        sa.Column(
            "secret_digest",
            sa.LargeBinary(),
            nullable=True,
            comment="SHA-256 of a 256-bit random secret, where the method needs one",
        ),
        sa.Column(
            "created_at", sa.BigInteger(), nullable=False, comment="when it was registered; epoch seconds"
        ),
        sa.Column(
            "disabled_at",
            sa.BigInteger(),
            nullable=True,
            comment="since when nothing is issued to it; epoch seconds",
        ),
        sa.CheckConstraint(
            "secret_digest IS NULL OR length(secret_digest) = 32",
            name=op.f("ck_clients_secret_digest_length"),
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_clients")),
    )
    op.create_table(
        "interactions",
        sa.Column("interaction_id", sa.Text(), nullable=False),
        sa.Column(
            "browser_digest",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the browser cookie that may go on with it",
        ),
        sa.Column(
            "client_id", sa.Text(), nullable=True, comment="NULL where the person came to our own pages"
        ),
        sa.Column(
            "request",
            sa.Text(),
            nullable=False,
            comment="the authorization request, or our own page asked for, as JSON",
        ),
        sa.Column(
            "session_id",
            sa.Text(),
            nullable=True,
            comment="the session that logged in, or confirmed itself, within it",
        ),
        sa.Column(
            "acting_for",
            sa.Text(),
            nullable=True,
            comment="organisation record chosen; '' for oneself; NULL while not chosen",
        ),
        sa.Column(
            "created_at", sa.BigInteger(), nullable=False, comment="when the request arrived; epoch seconds"
        ),
        sa.Column("expires_at", sa.BigInteger(), nullable=False, comment="when it is stale; epoch seconds"),
        sa.Column(
            "finished_at", sa.BigInteger(), nullable=True, comment="when its answer was sent; epoch seconds"
        ),
        sa.PrimaryKeyConstraint("interaction_id", name=op.f("pk_interactions")),
    )
    op.create_index("ix_interactions_expires_at", "interactions", ["expires_at"], unique=False)
    op.create_table(
        "job_leases",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False, comment="the worker process that runs it"),
        sa.Column(
            "expires_at",
            sa.BigInteger(),
            nullable=False,
            comment="when another worker may take it; epoch seconds",
        ),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_job_leases")),
    )
    op.create_table(
        "revoked_access_tokens",
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column(
            "expires_at",
            sa.BigInteger(),
            nullable=False,
            comment="when the token would have expired anyway; epoch seconds",
        ),
        sa.PrimaryKeyConstraint("jti", name=op.f("pk_revoked_access_tokens")),
    )
    op.create_index(
        "ix_revoked_access_tokens_expires_at", "revoked_access_tokens", ["expires_at"], unique=False
    )
    op.create_table(
        "used_assertions",
        sa.Column(
            "assertion_digest",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of client and jti (RFC 7523 §3)",
        ),
        sa.Column(
            "expires_at", sa.BigInteger(), nullable=False, comment="when the assertion expires; epoch seconds"
        ),
        sa.PrimaryKeyConstraint("assertion_digest", name=op.f("pk_used_assertions")),
    )
    op.create_index("ix_used_assertions_expires_at", "used_assertions", ["expires_at"], unique=False)
    op.create_table(
        "versions",
        sa.Column("name", sa.Text(), nullable=False, comment="what is cached by the workers: clients, keys"),
        sa.Column(
            "version",
            sa.BigInteger(),
            nullable=False,
            comment="raised by every change; workers reload when it moves",
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_versions")),
    )
    op.create_table(
        "grants",
        sa.Column(
            "grant_id",
            sa.Text(),
            nullable=False,
            comment="one authorization and all tokens that come from it",
        ),
        sa.Column(
            "code_digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the authorization code"
        ),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column(
            "redirect_uri",
            sa.Text(),
            nullable=False,
            comment="as sent; must be repeated at the token endpoint",
        ),
        sa.Column(
            "code_challenge", sa.Text(), nullable=True, comment="RFC 7636 S256; NULL for legacy clients only"
        ),
        sa.Column("nonce", sa.Text(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=False, comment="granted scope, space separated"),
        sa.Column(
            "claims", sa.Text(), nullable=False, comment="granted claims for UserInfo and ID token as JSON"
        ),
        sa.Column(
            "auth_time",
            sa.BigInteger(),
            nullable=False,
            comment="of the session at that moment; epoch seconds",
        ),
        sa.Column("amr", sa.Text(), nullable=False),
        sa.Column("authentication_level", sa.SmallInteger(), nullable=False),
        sa.Column("acting_for", sa.Text(), nullable=False, comment="organisation record; '' for oneself"),
        sa.Column(
            "created_at", sa.BigInteger(), nullable=False, comment="when the code was issued; epoch seconds"
        ),
        sa.Column(
            "code_expires_at",
            sa.BigInteger(),
            nullable=False,
            comment="when the code stops working; epoch seconds",
        ),
        sa.Column(
            "code_used_at",
            sa.BigInteger(),
            nullable=True,
            comment="when the code was redeemed; epoch seconds",
        ),
        sa.Column(
            "revoked_at",
            sa.BigInteger(),
            nullable=True,
            comment="since when nothing from it works; epoch seconds",
        ),
        sa.Column(
            "revoke_reason",
            sa.Text(),
            nullable=True,
            comment="code_replay, refresh_replay, client, person, staff",
        ),
        sa.Column(
            "expires_at",
            sa.BigInteger(),
            nullable=False,
            comment="when no token of it can be alive any more; epoch seconds",
        ),
        sa.CheckConstraint(
            "(revoked_at IS NULL) = (revoke_reason IS NULL)", name=op.f("ck_grants_revoke_has_reason")
        ),
        sa.CheckConstraint("length(code_digest) = 32", name=op.f("ck_grants_code_digest_length")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("fk_grants_account_id_accounts")
        ),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_grants")),
        sa.UniqueConstraint("code_digest", name=op.f("uq_grants_code_digest")),
    )
    op.create_index("ix_grants_account_id_client_id", "grants", ["account_id", "client_id"], unique=False)
    op.create_index("ix_grants_expires_at", "grants", ["expires_at"], unique=False)
    op.create_table(
        "refresh_tokens",
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column(
            "family_digest",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the part of the token that stays",
        ),
        sa.Column(
            "current_digest",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the token that may be used next",
        ),
        sa.Column(
            "previous_digest", sa.LargeBinary(), nullable=True, comment="SHA-256 of the token used last"
        ),
        sa.Column(
            "successor_sealed",
            sa.LargeBinary(),
            nullable=True,
            comment="the current token, sealed under the previous one, for a lost response",
        ),
        sa.Column(
            "rotated_at",
            sa.BigInteger(),
            nullable=True,
            comment="when the previous one was used; epoch seconds",
        ),
        sa.Column(
            "idle_expires_at",
            sa.BigInteger(),
            nullable=False,
            comment="when the current one stops working for lack of use; epoch seconds",
        ),
        sa.Column(
            "expires_at", sa.BigInteger(), nullable=False, comment="when the family ends; epoch seconds"
        ),
        sa.CheckConstraint(
            "length(current_digest) = 32", name=op.f("ck_refresh_tokens_current_digest_length")
        ),
        sa.ForeignKeyConstraint(
            ["grant_id"],
            ["grants.grant_id"],
            name=op.f("fk_refresh_tokens_grant_id_grants"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_refresh_tokens")),
        sa.UniqueConstraint("family_digest", name=op.f("uq_refresh_tokens_family_digest")),
    )

    versions = sa.table("versions", sa.column("name", sa.Text()), sa.column("version", sa.BigInteger()))
    op.bulk_insert(versions, [{"name": "clients", "version": 1}, {"name": "keys", "version": 1}])
