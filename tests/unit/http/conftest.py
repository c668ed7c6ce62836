"""An edge with a few routes of its own, and a client that knows its ASGI application."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response

from idp.http import forms, responses, routing
from idp.http.access_log import note_client
from idp.http.edge import Arrival, Edge
from idp.http.routing import Route
from idp.pages.render import Pages
from idp.settings import Settings
from keys.keyring import Keyring
from keys.policy import SecretPurpose
from keys.seal import KeyEncryptionKey
from keys.store import StoredSecret
from tests.support.installation import bare_keyring

ISSUER = "https://id.example.vn"
PEER = "198.51.100.7"


@dataclass
class Records:
    """An access log that can be read."""

    kept: list[dict[str, Any]] = field(default_factory=list)

    def keep(self, record: dict[str, Any], /) -> None:
        self.kept.append(record)

    def flush(self) -> None:
        """Nothing waits."""


Raise = Callable[[Exception], None]
Visit = Callable[..., Awaitable[httpx2.Response]]


@dataclass
class Door:
    """The edge under test. `failure` is what `/fails` and `/page-fails` raise."""

    settings: Settings
    pages: Pages
    records: Records = field(default_factory=Records)
    failure: Exception | None = None
    edge: Edge[Arrival] = field(init=False)

    def __post_init__(self) -> None:
        self.edge = Edge(
            self.routes(),
            settings=self.settings,
            pages=self.pages,
            access_log=self.records,
            open_service=self.open,
            clock=lambda: 1_800_000_000.5,
        )

    def routes(self) -> Sequence[Route[Arrival]]:
        return (
            routing.json("/who", GET=self.who),
            routing.json("/form", POST=self.form),
            routing.page("/query", GET=self.query),
            routing.json("/fails", GET=self.fails, POST=self.fails),
            routing.page("/page-fails", GET=self.fails),
            routing.page("/interaction/{id}", GET=self.parameter),
            routing.json("/health/ready", GET=self.who),
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Callable[[Arrival], Arrival]]:
        yield lambda arrival: arrival

    async def who(self, request: Request, arrival: Arrival) -> Response:
        note_client(request, "portal")
        return responses.json(
            {
                "address": arrival.address,
                "network": arrival.network,
                "id": arrival.request_id,
                "now": arrival.now,
            }
        )

    async def form(self, request: Request, _: Arrival) -> Response:
        return responses.json(await forms.read_form(request))

    async def query(self, request: Request, _: Arrival) -> Response:
        return responses.json(forms.read_query(request))

    async def fails(self, _request: Request, _: Arrival) -> Response:
        assert self.failure is not None
        raise self.failure

    async def parameter(self, request: Request, _: Arrival) -> Response:
        return responses.json(request.path_params)

    async def visit(self, method: str, address: str, *, peer: str = PEER, **options: Any) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=self.edge, client=(peer, 50000))
        async with self.edge.running(), httpx2.AsyncClient(transport=transport, base_url=ISSUER) as client:
            return await client.request(method, address, **options)


@pytest.fixture(scope="session")
def pages() -> Pages:
    return Pages.load()


@pytest.fixture
def door(pages: Pages) -> Door:
    return Door(Settings(issuer=ISSUER), pages)


@pytest.fixture
def door_behind_proxy(pages: Pages) -> Door:
    return Door(Settings(issuer=ISSUER, trusted_proxies=("198.51.100.0/24", "2001:db8:1::/48")), pages)


@pytest.fixture(scope="session")
def keyring() -> Keyring:
    kek = KeyEncryptionKey.of(os.urandom(32))
    secret = kek.seal(os.urandom(32), purpose="secret", name=SecretPurpose.CSRF.value)
    return bare_keyring([], [StoredSecret(SecretPurpose.CSRF, secret)], kek, 1_800_000_000)


MakeRequest = Callable[..., Request]


@pytest.fixture
def request_with() -> MakeRequest:
    """Make a request with these headers."""

    def make(*headers: tuple[str, str], path: str = "/", query: bytes = b"", method: str = "GET") -> Request:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        return Request(
            {"type": "http", "method": method, "path": path, "query_string": query, "headers": raw}
        )

    return make
