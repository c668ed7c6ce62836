"""Tables of registration by the clients themselves (RFC 7591, RFC 7592), and of what they registered to be shown."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, LargeBinary, Table, Text

from idp.store.schema_parts import digest_column, metadata, time_column

initial_access_tokens = Table(
    "initial_access_tokens",
    metadata,
    Column("token_id", Text, primary_key=True, comment="told in lists and in the audit"),
    digest_column("token_digest", "SHA-256 of the token", nullable=False, unique=True),
    Column("terms", Text, nullable=False, comment="what clients registered with it get, as JSON"),
    Column("issued_by", Text, nullable=False, comment="the operator who issued it"),
    Column("uses_left", BigInteger, nullable=False, comment="registrations that are still possible"),
    time_column("issued_at", "when it was issued"),
    time_column("expires_at", "when it stops working"),
    time_column("revoked_at", "since when it does not work", nullable=True),
    CheckConstraint("uses_left >= 0", name="uses_left_not_negative"),
    CheckConstraint("length(token_digest) = 32", name="token_digest_length"),
    comment="Leaves to register clients, RFC 7591 section 3",
)

statement_issuers = Table(
    "statement_issuers",
    metadata,
    Column("issuer", Text, primary_key=True, comment="`iss` of its software statements"),
    Column("jwks", Text, nullable=False, comment="its public keys, RFC 7517 section 5"),
    Column("terms", Text, nullable=False, comment="as of initial_access_tokens"),
    Column("added_by", Text, nullable=False, comment="the operator who trusts it"),
    time_column("added_at", "since when it is trusted"),
    comment="Who may vouch for clients by software statements, RFC 7591 section 2.3",
)

registrations = Table(
    "registrations",
    metadata,
    Column("client_id", Text, ForeignKey("clients.client_id", ondelete="CASCADE"), primary_key=True),
    digest_column("access_digest", "SHA-256 of the registration access token", nullable=False, unique=True),
    Column("vouched_by", Text, nullable=False, index=True, comment="token:ID, statement:ISSUER, or sandbox"),
    Column("terms", Text, nullable=False, comment="the terms at registration; updates are held to them"),
    Column("software_statement", Text, comment="as it was sent; its claims hold for updates too"),
    time_column("registered_at", "when"),
    CheckConstraint("length(access_digest) = 32", name="access_digest_length"),
    comment="Clients that registered themselves, and may manage it by RFC 7592",
)

client_logos = Table(
    "client_logos",
    metadata,
    Column("client_id", Text, ForeignKey("clients.client_id", ondelete="CASCADE"), primary_key=True),
    Column("logo_uri", Text, nullable=False, comment="where it was fetched"),
    Column("media_type", Text, nullable=False, comment="image/png, image/jpeg, image/webp"),
    Column("image", LargeBinary, nullable=False, comment="as people are shown it"),
    time_column("fetched_at", "when"),
    CheckConstraint("media_type IN ('image/png', 'image/jpeg', 'image/webp')", name="media_type_known"),
    comment="Our copies of logos: people's browsers ask nobody else for them",
)
