"""The outermost layer: every request passes here first and every answer last.

1. the caller's address and the request's id  2. limits  3. the route  4. the endpoint
5. errors become answers  6. security headers  7. one record in the access log
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from idp.http import correlation, cors, dpop, health
from idp.http.accepted_certificates import AcceptedCertificates
from idp.http.access_log import AccessLog, noted_client
from idp.http.client_address import UNKNOWN, TrustedProxies, network_of
from idp.http.cookies import Cookies
from idp.http.failures import Failures
from idp.http.limits import bounded, read_head
from idp.http.peer_certificate import PeerCertificates
from idp.http.refusal import Refusal
from idp.http.routing import UNROUTED, Kind, Route, Routes, endpoint_of
from idp.http.security_headers import SecurityHeaders
from idp.http.sent_header import sent_header
from idp.pages.render import Pages
from idp.settings import Settings
from keys.certificate import Certificate

S = TypeVar("S")

CLIENT_CLOSED_REQUEST: Final = 499
"""Status in the access log of a request whose caller went away before it was sent whole."""

_BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the edge knows about a request; `now` is epoch seconds, `network` the address cut to /24 or /48."""

    request_id: str
    now: int
    address: str
    network: str
    certificate: Certificate | None = None
    """What the caller proved itself with in the TLS handshake."""


OpenService = Callable[[], AbstractAsyncContextManager[Callable[[Arrival], S]]]
"""Opens databases and keys; what it yields makes from an arrival what endpoints are given."""


class Edge(Generic[S]):
    """The ASGI application. `open_service` is entered at start and left at the end.

    `accepted` is what a listener of ours lets through in handshakes, if it asks for certificates.
    """

    def __init__(
        self,
        routes: Sequence[Route[S]],
        *,
        settings: Settings,
        pages: Pages,
        access_log: AccessLog,
        open_service: OpenService[S],
        clock: Callable[[], float] = time.time,
        accepted: AcceptedCertificates | None = None,
    ) -> None:
        self.accepted = AcceptedCertificates() if accepted is None else accepted
        self._routes = Routes(routes)
        self._proxies = TrustedProxies(settings.trusted_proxies)
        self._certificates = PeerCertificates(settings.mtls_url, self._proxies)
        self._security = SecurityHeaders(secure=settings.secure)
        self._failures = Failures(pages, Cookies(secure=settings.secure), settings.issuer)
        self._access_log = access_log
        self._open_service = open_service
        self._clock = clock
        self._surroundings: Callable[[Arrival], S] | None = None
        self._draining = False

    def drain(self) -> None:
        """Say from now on that we are not ready, and close connections after their answer."""
        self._draining = True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The span in which requests are served."""
        async with self._open_service() as surroundings:
            self._surroundings = surroundings
            try:
                yield
            finally:
                self._surroundings = None
                self._access_log.flush()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3), or the whole lifespan."""
        match scope["type"]:
            case "http":
                await self._serve(scope, receive, send)
            case "lifespan":
                await self._live(receive, send)
            case _:
                await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        arrival = self._arrival(scope)
        found = self._routes.find(scope["path"])
        request = Request(scope, bounded(receive) if scope["method"] in _BODY_METHODS else receive, send)
        try:
            response = await self._answer(request, found, arrival)
        except ClientDisconnect:
            self._log(scope, found, arrival, began, CLIENT_CLOSED_REQUEST, 0)
            return
        except Exception as error:  # noqa: BLE001 - the one place that translates; what is unknown is logged there
            response = self._failures.answer(error, request, _kind(found, request), arrival.request_id)
        self._complete(response, arrival)
        cors.complete(scope, response.raw_headers)
        dpop.complete(scope, response.raw_headers)
        if found is not None and found[0].correlated:
            correlation.complete(scope, response.raw_headers)
        try:
            await response(scope, receive, send)
        finally:
            self._log(scope, found, arrival, began, response.status_code, len(response.body))

    async def _answer(
        self, request: Request, found: tuple[Route[S], dict[str, str]] | None, arrival: Arrival
    ) -> Response:
        scope = request.scope
        read_head(scope["headers"], scope["path"], scope["query_string"])
        if found is None:
            raise Refusal(404, "not_found", "there is nothing at this address")
        if self._surroundings is None:
            raise Refusal(503, "busy", "")
        route, scope["path_params"] = found
        if self._draining and route.path == health.READY:
            return health.not_ready("stopping")
        endpoint = endpoint_of(route, scope["method"])
        certificate = self._certificates.read(scope)
        if certificate is not None:
            arrival = replace(arrival, certificate=certificate)
        return await endpoint(request, self._surroundings(arrival))

    def _arrival(self, scope: Scope) -> Arrival:
        client = scope.get("client")
        peer = client[0] if client else UNKNOWN
        request_id = os.urandom(8).hex()
        address = peer
        if self._proxies.trusts(peer):
            address = self._proxies.client_address(peer, scope["headers"])
            request_id = _sent_request_id(scope) or request_id
        return Arrival(request_id, int(self._clock()), address, network_of(address))

    def _complete(self, response: Response, arrival: Arrival) -> None:
        headers = response.raw_headers
        self._security.add(headers)
        headers.append((b"x-request-id", arrival.request_id.encode()))
        if self._draining:
            headers.append((b"connection", b"close"))

    def _log(
        self,
        scope: Scope,
        found: tuple[Route[S], dict[str, str]] | None,
        arrival: Arrival,
        began: float,
        *outcome: int,
    ) -> None:
        status, length = outcome
        record = {
            "at": arrival.now,
            "kind": "access",
            "request_id": arrival.request_id,
            "method": scope["method"],
            "route": found[0].path if found else UNROUTED,
            "status": status,
            "bytes": length,
            "ms": round((time.perf_counter() - began) * 1000, 2),
            "network": arrival.network,
        }
        client_id = noted_client(scope)
        if client_id is not None:
            record["client_id"] = client_id
        interaction_id = correlation.given_id(scope)
        if interaction_id is not None:
            record["interaction_id"] = interaction_id
        self._access_log.keep(record)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        phase = "startup"  # even if it is told to stop before it has started
        try:
            async with self.running():
                await send({"type": "lifespan.startup.complete"})
                phase = "shutdown"
                await receive()
                self.drain()
        except Exception as error:  # noqa: BLE001 - ASGI carries the reason to the server, which logs it and exits
            await send({"type": f"lifespan.{phase}.failed", "message": str(error)})
            return
        await send({"type": "lifespan.shutdown.complete"})


def _kind(found: tuple[Route[S], dict[str, str]] | None, request: Request) -> Kind:
    if found is not None:
        return found[0].kind
    return Kind.PAGE if "text/html" in request.headers.get("accept", "") else Kind.JSON


def _sent_request_id(scope: Scope) -> str | None:
    """The id our own proxy gave the request, so that its log and ours can be laid side by side."""
    sent = sent_header(scope, b"x-request-id")
    return sent if sent is not None and _REQUEST_ID.fullmatch(sent) else None
