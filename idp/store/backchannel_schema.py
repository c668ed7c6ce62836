"""The tables of backchannel authentication requests (CIBA Core §7)."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
)

from idp.store.schema_parts import digest_column, metadata, time_column

backchannel_requests = Table(
    "backchannel_requests",
    metadata,
    digest_column("request_digest", "SHA-256 of auth_req_id", primary_key=True),
    digest_column("person_digest", "keyed digest of the hint: of somebody, known or not", nullable=False),
    Column("sector", Text, comment="whose sub the hint held; NULL where it was a personal number"),
    Column("client_id", Text, nullable=False),
    Column("request", Text, nullable=False, comment="what was asked for, as JSON"),
    Column("binding_message", Text, nullable=False, comment="what the person compares with the other screen"),
    Column("state", Text, nullable=False, comment="waiting, approved, denied, used, replaced"),
    Column("grant_id", Text, comment="what the person granted, once approved"),
    Column("interval", SmallInteger, nullable=False, comment="seconds between two polls; grows by slow_down"),
    Column("notification", LargeBinary, comment="sealed: what a ping says, and its token; NULL for polls"),
    Column("ping_attempts", SmallInteger, nullable=False, comment="how often a ping was begun"),
    time_column("ping_at", "when a ping is due; NULL where none is", nullable=True),
    time_column("polled_at", "last poll", nullable=True),
    time_column("created_at", "when the portal asked"),
    time_column("expires_at", "when auth_req_id stops working"),
    CheckConstraint("state IN ('waiting', 'approved', 'denied', 'used', 'replaced')", name="state_known"),
    CheckConstraint("state NOT IN ('approved', 'used') OR grant_id IS NOT NULL", name="approved_has_grant"),
    comment="Logins that a portal began, and that wait for a person's answer",
)
Index("ix_backchannel_requests_expires_at", backchannel_requests.c.expires_at)
_waits = backchannel_requests.c.state == "waiting"
Index(
    "uq_backchannel_requests_waiting",
    backchannel_requests.c.person_digest,
    backchannel_requests.c.client_id,
    unique=True,
    sqlite_where=_waits,
    postgresql_where=_waits,
)
_by_sub = _waits & backchannel_requests.c.sector.is_not(None)
Index(
    "ix_backchannel_requests_sector",
    backchannel_requests.c.sector,
    sqlite_where=_by_sub,
    postgresql_where=_by_sub,
)
_pings = backchannel_requests.c.ping_at.is_not(None)
Index(
    "ix_backchannel_requests_ping_at",
    backchannel_requests.c.ping_at,
    sqlite_where=_pings,
    postgresql_where=_pings,
)

backchannel_blocks = Table(
    "backchannel_blocks",
    metadata,
    Column("account_id", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    time_column("until", "when its requests are shown again"),
    PrimaryKeyConstraint("account_id", "client_id"),
    comment="Portals whose requests a person does not want to see for a while",
)
Index("ix_backchannel_blocks_until", backchannel_blocks.c.until)
