"""Accounts, sessions and what happened to them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Accounts, sessions and what happened to them."""
    op.create_table(
        "accounts",
        sa.Column(
            "account_id", sa.Text(), nullable=False, comment="internal UUID; never leaves us, never changes"
        ),
        sa.Column("register_record_id", sa.Text(), nullable=False, comment="key of the population register"),
        sa.Column("ial", sa.Text(), nullable=False, comment="account level of Decree 69/2024: 01 or 02"),
        sa.Column(
            "created_at", sa.BigInteger(), nullable=False, comment="when an officer opened it; epoch seconds"
        ),
        sa.Column(
            "activated_at",
            sa.BigInteger(),
            nullable=True,
            comment="when the person first set a credential; epoch seconds",
        ),
        sa.Column(
            "locked_at", sa.BigInteger(), nullable=True, comment="since when it is locked; epoch seconds"
        ),
        sa.Column(
            "lock_reason", sa.Text(), nullable=True, comment="why it is locked, an id of the closed list"
        ),
        sa.CheckConstraint("ial IN ('01', '02')", name=op.f("ck_accounts_ial_known")),
        sa.CheckConstraint(
            "(locked_at IS NULL) = (lock_reason IS NULL)", name=op.f("ck_accounts_lock_has_reason")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("register_record_id", name=op.f("uq_accounts_register_record_id")),
    )
    op.create_table(
        "audit_events",
        sa.Column("event_id", sa.Text(), nullable=False, comment="UUIDv7: sorts by time"),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="when it happened; epoch seconds"),
        sa.Column("kind", sa.Text(), nullable=False, comment="an id of idp.audit.events"),
        sa.Column("outcome", sa.Text(), nullable=False, comment="ok, or the reason why not"),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("grant_id", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("network", sa.Text(), nullable=False, comment="client address cut to its network"),
        sa.Column(
            "details",
            sa.Text(),
            nullable=False,
            comment="further facts as JSON; no secret, no personal number",
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_audit_events")),
    )
    op.create_index(
        "ix_audit_events_account_id",
        "audit_events",
        ["account_id", "event_id"],
        unique=False,
        postgresql_where=sa.text("account_id IS NOT NULL"),
        sqlite_where=sa.text("account_id IS NOT NULL"),
    )
    op.create_table(
        "throttle_buckets",
        sa.Column(
            "bucket",
            sa.Text(),
            nullable=False,
            comment="kind of path and a digest; no address or number in the clear",
        ),
        sa.Column(
            "full_at_ms",
            sa.BigInteger(),
            nullable=False,
            comment="GCRA: theoretical arrival time; epoch milliseconds",
        ),
        sa.PrimaryKeyConstraint("bucket", name=op.f("pk_throttle_buckets")),
    )
    op.create_table(
        "activation_codes",
        sa.Column(
            "code_digest", sa.LargeBinary(), nullable=False, comment="keyed digest of the one-time code"
        ),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=False, comment="the officer who proofed the person"),
        sa.Column("issued_at", sa.BigInteger(), nullable=False, comment="when it was issued; epoch seconds"),
        sa.Column(
            "expires_at", sa.BigInteger(), nullable=False, comment="when it stops working; epoch seconds"
        ),
        sa.Column("used_at", sa.BigInteger(), nullable=True, comment="when it was redeemed; epoch seconds"),
        sa.Column(
            "superseded_at",
            sa.BigInteger(),
            nullable=True,
            comment="when a newer code took its place; epoch seconds",
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("fk_activation_codes_account_id_accounts")
        ),
        sa.PrimaryKeyConstraint("code_digest", name=op.f("pk_activation_codes")),
    )
    op.create_index(op.f("ix_activation_codes_account_id"), "activation_codes", ["account_id"], unique=False)
    op.create_index("ix_activation_codes_expires_at", "activation_codes", ["expires_at"], unique=False)
    op.create_table(
        "consents",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column(
            "basis",
            sa.Text(),
            nullable=False,
            comment="statutory_task: a notice was shown; consent: the person agreed",
        ),
        sa.Column(
            "asked_digest",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of exactly what was asked or shown",
        ),
        sa.Column("asked", sa.Text(), nullable=False, comment="what was asked or shown, as JSON"),
        sa.Column("claims", sa.Text(), nullable=False, comment="claims agreed to, as a JSON list"),
        sa.Column("given_at", sa.BigInteger(), nullable=False, comment="when; epoch seconds"),
        sa.Column(
            "withdrawn_at",
            sa.BigInteger(),
            nullable=True,
            comment="when the person took it back; epoch seconds",
        ),
        sa.CheckConstraint("basis IN ('statutory_task', 'consent')", name=op.f("ck_consents_basis_known")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("fk_consents_account_id_accounts")
        ),
        sa.PrimaryKeyConstraint("account_id", "client_id", name=op.f("pk_consents")),
    )
    op.create_table(
        "credentials",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="password"),
        sa.Column("verifier", sa.Text(), nullable=False, comment="Argon2id hash in PHC format"),
        sa.Column(
            "changed_at", sa.BigInteger(), nullable=False, comment="when the person set it; epoch seconds"
        ),
        sa.CheckConstraint("kind IN ('password')", name=op.f("ck_credentials_kind_known")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("fk_credentials_account_id_accounts")
        ),
        sa.PrimaryKeyConstraint("account_id", "kind", name=op.f("pk_credentials")),
    )
    op.create_table(
        "known_browsers",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column(
            "browser_digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the browser cookie"
        ),
        sa.Column(
            "known_since", sa.BigInteger(), nullable=False, comment="first login from it; epoch seconds"
        ),
        sa.Column("seen_at", sa.BigInteger(), nullable=False, comment="last login from it; epoch seconds"),
        sa.CheckConstraint(
            "length(browser_digest) = 32", name=op.f("ck_known_browsers_browser_digest_length")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("fk_known_browsers_account_id_accounts")
        ),
        sa.PrimaryKeyConstraint("account_id", "browser_digest", name=op.f("pk_known_browsers")),
    )
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.Text(), nullable=False, comment="the `sid` of OpenID Connect"),
        sa.Column("cookie_digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the session cookie"),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column(
            "auth_time",
            sa.BigInteger(),
            nullable=False,
            comment="when the person last proved who they are; epoch seconds",
        ),
        sa.Column("amr", sa.Text(), nullable=False, comment="RFC 8176 methods, space separated"),
        sa.Column(
            "authentication_level", sa.SmallInteger(), nullable=False, comment="Decree 69/2024, 1 to 4"
        ),
        sa.Column(
            "browser_digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the browser cookie"
        ),
        sa.Column(
            "browser_label", sa.Text(), nullable=False, comment="shown to the person, e.g. Chrome, Android"
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="when it was opened; epoch seconds"),
        sa.Column(
            "seen_at", sa.BigInteger(), nullable=False, comment="last use, to within a minute; epoch seconds"
        ),
        sa.Column(
            "expires_at", sa.BigInteger(), nullable=False, comment="when it ends at the latest; epoch seconds"
        ),
        sa.Column("ended_at", sa.BigInteger(), nullable=True, comment="when it was ended; epoch seconds"),
        sa.Column(
            "end_reason", sa.Text(), nullable=True, comment="logout, person, staff, lock, register, replaced"
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (end_reason IS NULL)", name=op.f("ck_sessions_end_has_reason")
        ),
        sa.CheckConstraint(
            "authentication_level BETWEEN 1 AND 4", name=op.f("ck_sessions_authentication_level_range")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("fk_sessions_account_id_accounts")
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("cookie_digest", name=op.f("uq_sessions_cookie_digest")),
    )
    op.create_index(op.f("ix_sessions_account_id"), "sessions", ["account_id"], unique=False)
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"], unique=False)
    op.create_table(
        "session_clients",
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column(
            "acting_for",
            sa.Text(),
            nullable=False,
            comment="organisation record acted for at this client; '' for oneself",
        ),
        sa.Column(
            "first_at",
            sa.BigInteger(),
            nullable=False,
            comment="first token for this client in the session; epoch seconds",
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sessions.session_id"],
            name=op.f("fk_session_clients_session_id_sessions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("session_id", "client_id", name=op.f("pk_session_clients")),
    )
