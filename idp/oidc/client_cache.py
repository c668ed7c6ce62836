"""Clients in memory: read from the store once, forgotten when the version counter of clients moves."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Final

import orjson

from idp.oidc.client import Client
from idp.oidc.client_metadata import read_client
from idp.store import clients
from idp.store.database import Database, Row

MOST: Final = 10_000  # clients kept; thousands are expected


def client_of(row: Row) -> Client:
    """The client of a stored row; its metadata was validated when it was registered and is so again."""
    return read_client(
        orjson.loads(row["metadata"]),
        now=row["created_at"],
        secret_digest=row["secret_digest"],
        disabled_at=row["disabled_at"],
    )


class ClientCache:
    """Bounded; the least recently used client goes first. Unknown ids are not kept: strangers choose them."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: OrderedDict[str, Client] = OrderedDict()
        self._generation = 0

    async def find(self, client_id: str) -> Client | None:
        """The client, also a disabled one; None if there is none."""
        client = self._known.get(client_id)
        if client is not None:
            self._known.move_to_end(client_id)
            return client
        return await self._read(client_id)

    def forget(self) -> None:
        """Something changed: read every client anew when it is next needed."""
        self._known.clear()
        self._generation += 1

    async def _read(self, client_id: str) -> Client | None:
        generation = self._generation
        row = await clients.find(self._db, client_id)
        if row is None:
            return None
        client = replace(client_of(row), logo_at=row["logo_at"])
        if generation == self._generation:  # else it may be older than the change that made us forget
            self._known[client_id] = client
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        return client
