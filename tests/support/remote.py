"""What stands at addresses of clients, without any network."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

import orjson

from idp.oidc.remote import Fetched, FetchFailed


@dataclass(slots=True)
class Web:
    """Documents by address; whatever else is asked for is unreachable. While `gate` is closed nobody is answered."""

    documents: dict[str, Fetched] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def put(self, uri: str, body: bytes, *, status: int = 200, media_type: str = "application/json") -> None:
        """Lay a document at an address."""
        self.documents[uri] = Fetched(status, media_type, body)

    def put_json(self, uri: str, document: object) -> None:
        """Lay a JSON document at an address."""
        self.put(uri, orjson.dumps(document))

    async def fetch(self, uri: str, /, *, most_bytes: int, accept: str) -> Fetched:
        """As `Outbound.get`."""
        self.asked.append(uri)
        self.arrived.set()
        await self.gate.wait()
        found = self.documents.get(uri)
        if found is None or len(found.body) > most_bytes:
            raise FetchFailed(f"nothing at {uri} that {accept} could be")
        return found


async def _nothing(uri: str, /, *, most_bytes: int, accept: str) -> Fetched:
    raise FetchFailed(f"no {accept} of {most_bytes} octets at {uri}")


NOWHERE: Final = _nothing
"""A network without anything in it."""
