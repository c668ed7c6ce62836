"""Registered clients.

Some of a client's metadata stand in columns of their own as well, for statements over many clients at once; they are
read out of the metadata here, whenever these are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson
from sqlalchemy import bindparam, or_, select, update

from idp.store.client_names import name_key
from idp.store.columns import bound, insert_all
from idp.store.database import Database, Row, Step, required
from idp.store.registration_schema import client_logos
from idp.store.schema import clients
from keys.policy import DEFAULT_ALGORITHM

ADD = insert_all(clients, "disabled_at")
REPLACE = (
    update(clients)
    .where(clients.c.client_id == bindparam("client"))
    .values(bound(clients, "client_id", "created_at", "disabled_at"))
)
DISABLE = (
    update(clients)
    .where(clients.c.client_id == bindparam("client"), clients.c.disabled_at.is_(None))
    .values(disabled_at=bindparam("now"))
)
ENABLE = (
    update(clients)
    .where(clients.c.client_id == bindparam("client"), clients.c.disabled_at.is_not(None))
    .values(disabled_at=None)
)
FIND = (
    select(clients, client_logos.c.fetched_at.label("logo_at"))
    .select_from(clients.outerjoin(client_logos, client_logos.c.client_id == clients.c.client_id))
    .where(clients.c.client_id == bindparam("client_id"))
)
PAGE = (
    select(clients)
    .where(clients.c.client_id > bindparam("after"))
    .order_by(clients.c.client_id)
    .limit(bindparam("most"))
)

NAMESAKE = (
    select(clients.c.client_id)
    .where(
        clients.c.owner != bindparam("owner"),
        clients.c.client_id != bindparam("client"),
        or_(
            clients.c.name_key == bindparam("one"),
            clients.c.name_key_en == bindparam("one"),
            clients.c.name_key == bindparam("other"),
            clients.c.name_key_en == bindparam("other"),
        ),
    )
    .limit(1)
)

OWNERS = select(clients.c.owner).where(clients.c.owner != bindparam("owner")).distinct()
ORIGINS = select(clients.c.browser_origins).where(
    clients.c.browser_origins.is_not(None), clients.c.disabled_at.is_(None)
)

# Most clients have none, and after every change of a client each worker asks: what is left out is left to the database.
WITH_ADDRESSES = select(clients.c.client_id, clients.c.metadata).where(
    clients.c.metadata.contains('"key_set_addresses"'), clients.c.disabled_at.is_(None)
)

# As above; each of the names of RFC 8705 holds this text, in its value or in its own name.
WITH_CERTIFICATES = select(clients.c.client_id).where(
    clients.c.metadata.contains("tls_client_"), clients.c.disabled_at.is_(None)
)


def _of_metadata(metadata: str) -> dict[str, object]:
    """The columns that repeat what the metadata say; absent algorithms mean the default, as in `read_client`."""
    document: dict[str, Any] = orjson.loads(metadata)
    name = document.get("client_name#vi") or document.get("client_name", "")
    return {
        "metadata": metadata,
        "id_token_alg": document.get("id_token_signed_response_alg", DEFAULT_ALGORITHM),
        "access_token_alg": document.get("access_token_signed_response_alg", DEFAULT_ALGORITHM),
        "backchannel_logout_uri": document.get("backchannel_logout_uri") or None,
        "browser_origins": _browser_origins(document),
        "owner": document.get("owner", ""),
        "name_key": name_key(name),
        "name_key_en": name_key(document.get("client_name#en") or name),
    }


def _browser_origins(document: Mapping[str, Any]) -> str | None:
    """The origins that a single-page application is served from: those of its redirect addresses (RFC 6454 §6.1)."""
    web = document.get("application_type", "web") == "web"
    if not web or document.get("token_endpoint_auth_method") != "none":
        return None
    parts = map(urlsplit, document.get("redirect_uris", ()))
    return " ".join(dict.fromkeys(f"{part.scheme}://{part.netloc}" for part in parts)) or None


def add(client_id: str, metadata: str, *, secret_digest: bytes | None, now: int) -> Step:
    """Register a client; `metadata` is JSON that has been read by the rules."""
    return required(
        ADD, client_id=client_id, secret_digest=secret_digest, created_at=now, **_of_metadata(metadata)
    )


def replace(client_id: str, metadata: str, *, secret_digest: bytes | None) -> Step:
    """Put another description in the place of the registered one; required."""
    return required(REPLACE, client=client_id, secret_digest=secret_digest, **_of_metadata(metadata))


async def find(db: Database, client_id: str) -> Row | None:
    """One client's row, also a disabled one's; `logo_at` says since when we have its logo."""
    return await db.fetch_one(FIND, client_id=client_id)


async def page(db: Database, *, after: str = "", most: int = 100) -> Sequence[Row]:
    """Clients by id, a page at a time."""
    return await db.fetch_all(PAGE, after=after, most=most)


async def find_namesake(db: Database, client_id: str, owner: str, names: Mapping[str, str]) -> str | None:
    """Another owner's client, or another owner, that people could take for this client by its name; None without."""
    one, other = name_key(names["vi"]), name_key(names["en"])
    row = await db.fetch_one(NAMESAKE, owner=owner, client=client_id, one=one, other=other)
    if row is not None:
        found: str = row["client_id"]
        return found
    owners = [str(row["owner"]) for row in await db.fetch_all(OWNERS, owner=owner)]
    return next((name for name in owners if name_key(name) in {one, other}), None)


async def key_set_addresses(db: Database) -> list[tuple[str, list[str]]]:
    """The networks that clients which are not disabled fetch our keys from, with whose they are."""
    rows = await db.fetch_all(WITH_ADDRESSES)
    found = [(row["client_id"], orjson.loads(row["metadata"]).get("key_set_addresses")) for row in rows]
    return [(client_id, addresses) for client_id, addresses in found if addresses]


async def with_certificates(db: Database) -> list[str]:
    """Clients that are not disabled and may connect with a certificate; their metadata say whether they do."""
    return [row["client_id"] for row in await db.fetch_all(WITH_CERTIFICATES)]


async def browser_origins(db: Database) -> frozenset[str]:
    """The origins of all browser clients that are not disabled."""
    rows = await db.fetch_all(ORIGINS)
    return frozenset(origin for row in rows for origin in row["browser_origins"].split())
