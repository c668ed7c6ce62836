"""Tables of what a person gave the provider beyond the registers: contacts, and an authenticator app."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, LargeBinary, Table, Text

from idp.store.schema_parts import digest_column, metadata, time_column

contacts = Table(
    "contacts",
    metadata,
    Column("account_id", ForeignKey("accounts.account_id"), primary_key=True),
    Column("kind", Text, primary_key=True, comment="phone_number, email"),
    Column("sealed", LargeBinary, nullable=False, comment="the number or address, sealed as personal data"),
    time_column("changed_at", "when it was given"),
    time_column("verified_at", "when it was seen to be the person's", nullable=True),
    CheckConstraint("kind IN ('phone_number', 'email')", name="kind_known"),
    comment="How a person can be reached: neither register knows",
)

authenticators = Table(
    "authenticators",
    metadata,
    Column("account_id", ForeignKey("accounts.account_id"), primary_key=True),
    Column("secret_sealed", LargeBinary, nullable=False, comment="RFC 6238 secret, sealed as personal data"),
    Column("last_step", BigInteger, nullable=False, comment="time step used last: a code works once"),
    Column(
        "session_id", Text, nullable=False, comment="session in which it was set up; no other confirms it"
    ),
    time_column("enrolled_at", "when the secret was made"),
    time_column(
        "confirmed_at", "when the first code was right; until then it counts for nothing", nullable=True
    ),
    time_column("always_since", "since when the person wants it asked for at every login", nullable=True),
    comment="Authenticator apps, RFC 6238: something that a person has",
)

authenticator_browsers = Table(
    "authenticator_browsers",
    metadata,
    Column("account_id", ForeignKey("accounts.account_id"), primary_key=True),
    digest_column("browser_digest", "SHA-256 of the browser cookie", primary_key=True),
    time_column("known_since", "first right code from it"),
    CheckConstraint("length(browser_digest) = 32", name="browser_digest_length"),
    comment="Browsers in which a right code was given: their attempts are counted apart from strangers'",
)
