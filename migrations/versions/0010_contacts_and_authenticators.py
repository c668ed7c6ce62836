"""What a person gave us: contacts, and an authenticator app."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What a person gave us: contacts, and an authenticator app."""
    op.create_table(
        "authenticators",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column(
            "secret_sealed",
            sa.LargeBinary(),
            nullable=False,
            comment="RFC 6238 secret, sealed as personal data",
        ),
        sa.Column(
            "last_step", sa.BigInteger(), nullable=False, comment="time step used last: a code works once"
        ),
        sa.Column(
            "session_id",
            sa.Text(),
            nullable=False,
            comment="session in which it was set up; no other confirms it",
        ),
        sa.Column(
            "enrolled_at",
            sa.BigInteger(),
            nullable=False,
            comment="when the secret was made; epoch seconds",
        ),
        sa.Column(
            "confirmed_at",
            sa.BigInteger(),
            nullable=True,
            comment="when the first code was right; until then it counts for nothing; epoch seconds",
        ),
        sa.Column(
            "always_since",
            sa.BigInteger(),
            nullable=True,
            comment="since when the person wants it asked for at every login; epoch seconds",
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("fk_authenticators_account_id_accounts")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_authenticators")),
        comment="Authenticator apps, RFC 6238: something that a person has",
    )
    op.create_table(
        "authenticator_browsers",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column(
            "browser_digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the browser cookie"
        ),
        sa.Column(
            "known_since", sa.BigInteger(), nullable=False, comment="first right code from it; epoch seconds"
        ),
        sa.CheckConstraint(
            "length(browser_digest) = 32", name=op.f("ck_authenticator_browsers_browser_digest_length")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.account_id"],
            name=op.f("fk_authenticator_browsers_account_id_accounts"),
        ),
        sa.PrimaryKeyConstraint("account_id", "browser_digest", name=op.f("pk_authenticator_browsers")),
        comment="Browsers in which a right code was given: their attempts are counted apart from strangers'",
    )
    op.create_table(
        "contacts",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="phone_number, email"),
        sa.Column(
            "sealed",
            sa.LargeBinary(),
            nullable=False,
            comment="the number or address, sealed as personal data",
        ),
        sa.Column("changed_at", sa.BigInteger(), nullable=False, comment="when it was given; epoch seconds"),
        sa.Column(
            "verified_at",
            sa.BigInteger(),
            nullable=True,
            comment="when it was seen to be the person's; epoch seconds",
        ),
        sa.CheckConstraint("kind IN ('phone_number', 'email')", name=op.f("ck_contacts_kind_known")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("fk_contacts_account_id_accounts")
        ),
        sa.PrimaryKeyConstraint("account_id", "kind", name=op.f("pk_contacts")),
        comment="How a person can be reached: neither register knows",
    )
