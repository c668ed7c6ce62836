"""Tables of what a person gave the provider beyond the registers: contacts, and an authenticator app."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, LargeBinary, Table, Text

from idp.store.schema_parts import metadata, time_column

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
    time_column("enrolled_at", "when the person scanned the secret"),
    time_column(
        "confirmed_at", "when the first code was right; until then it counts for nothing", nullable=True
    ),
    comment="Authenticator apps, RFC 6238: something that a person has",
)
