"""The table of device authorizations (RFC 8628)."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, SmallInteger, Table, Text

from idp.store.schema_parts import digest_column, metadata, time_column

device_codes = Table(
    "device_codes",
    metadata,
    digest_column("device_digest", "SHA-256 of the device code", primary_key=True),
    digest_column("user_digest", "keyed digest of the user code", nullable=False, unique=True),
    Column("client_id", Text, nullable=False),
    Column("request", Text, nullable=False, comment="what was asked for, as JSON"),
    Column("state", Text, nullable=False, comment="waiting, approved, denied, used"),
    Column("grant_id", Text, comment="what the person granted, once approved"),
    Column("network", Text, nullable=False, comment="where the device asked from, cut to its network"),
    Column("interval", SmallInteger, nullable=False, comment="seconds between two polls; grows by slow_down"),
    time_column("polled_at", "last poll", nullable=True),
    time_column("created_at", "when the device asked"),
    time_column("expires_at", "when both codes stop working"),
    CheckConstraint("state IN ('waiting', 'approved', 'denied', 'used')", name="state_known"),
    CheckConstraint("state NOT IN ('approved', 'used') OR grant_id IS NOT NULL", name="approved_has_grant"),
    comment="Devices without a browser that wait for a person's approval elsewhere",
)
Index("ix_device_codes_expires_at", device_codes.c.expires_at)
