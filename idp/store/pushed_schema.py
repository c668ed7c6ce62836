"""The table of pushed authorization requests (RFC 9126)."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Table, Text

from idp.store.schema_parts import digest_column, metadata, time_column

pushed_requests = Table(
    "pushed_requests",
    metadata,
    digest_column("request_digest", "SHA-256 of the random part of request_uri", primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("request", Text, nullable=False, comment="the request, as JSON; empty once it is answered"),
    time_column("created_at", "when it was pushed"),
    time_column("expires_at", "when request_uri stops working"),
    time_column("used_at", "when its answer was sent", nullable=True),
    CheckConstraint("length(request_digest) = 32", name="request_digest_length"),
    comment="Authorization requests that a client sent us itself; the browser brings only their names",
)
Index("ix_pushed_requests_expires_at", pushed_requests.c.expires_at)
