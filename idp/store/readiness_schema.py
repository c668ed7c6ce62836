"""Tables of rotation readiness: who has fetched which key set, and who still shows an old one.

They hold what portals and programs do, never what a person does: networks instead of addresses, the name of a program
instead of its whole user agent. Workers count in memory and add up here every few seconds.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, MetaData, Table, Text

from idp.store.schema_parts import NAMING
from idp.store.schema_parts import time_column as _time

metadata = MetaData(naming_convention=NAMING)


key_sets = Table(
    "key_sets",
    metadata,
    Column("etag", Text, primary_key=True, comment="strong entity tag of the set, without its quotes"),
    Column("kids", Text, nullable=False, comment="identifiers of the keys in it, space separated"),
    _time("first_at", "when it was first given to anybody"),
    comment="Key sets that were given out at jwks_uri",
)

key_set_fetches = Table(
    "key_set_fetches",
    metadata,
    Column("client_id", Text, primary_key=True, comment="who fetched; '' where that is not known"),
    Column("agent", Text, primary_key=True, comment="of the unknown: the program's name without its version"),
    Column("network", Text, primary_key=True, comment="of the unknown: the address cut to its network"),
    Column(
        "etag", Text, primary_key=True, index=True, comment="the set that was given, or was there already"
    ),
    _time("first_at", "first fetch"),
    _time("last_at", "last fetch"),
    Column("fetches", BigInteger, nullable=False, comment="how many"),
    Column("bad_assertions", BigInteger, nullable=False, comment="how many of them with a bad signature"),
    CheckConstraint("client_id = '' OR (agent = '' AND network = '')", name="clients_leave_no_trace"),
    comment="Who fetched which key set, counted",
)

stale_key_uses = Table(
    "stale_key_uses",
    metadata,
    Column("client_id", Text, primary_key=True, comment="the client that showed it"),
    Column("kind", Text, primary_key=True, comment="id_token_hint, access_token, introspection, key_set"),
    Column("shown", Text, primary_key=True, comment="kid of a key that signs no more, or etag of an old set"),
    _time("first_at", "first time"),
    _time("last_at", "last time"),
    Column("uses", BigInteger, nullable=False, comment="how often"),
    CheckConstraint(
        "kind IN ('id_token_hint', 'access_token', 'introspection', 'key_set')", name="kind_known"
    ),
    comment="Signs that a client lives with old keys, counted",
)

client_activity = Table(
    "client_activity",
    metadata,
    Column("client_id", Text, primary_key=True),
    _time("last_at", "last use of the token endpoint, to within an hour"),
    comment="Which clients are in use",
)

for _table in (key_set_fetches, stale_key_uses, client_activity):
    Index(f"ix_{_table.name}_last_at", _table.c.last_at)
