"""A portal's server on a socket of this machine, good or broken as told: sent logouts, and asked for documents."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def status(code: int, *headers: str, body: bytes = b"") -> bytes:
    """A whole answer."""
    head = [f"HTTP/1.1 {code} Whatever", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@dataclass(slots=True)
class Received:
    """One request."""

    method: str
    path: str
    host: str
    content_type: str
    accept: str
    form: dict[str, list[str]]
    authorization: str = ""
    body: bytes = b""

    @property
    def token(self) -> str:
        """The logout token."""
        (token,) = self.form["logout_token"]
        return token


@dataclass(slots=True)
class ReceivingPortal:
    """Notes every request and answers as `answer` says; while `gate` is closed it answers nobody."""

    port: int = 0
    secure: bool = False
    answer: Callable[[Received], bytes | None] = lambda _: OK
    received: list[Received] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: int = 0
    most_at_once: int = 0

    @property
    def uri(self) -> str:
        """The address that is registered."""
        return self.at("127.0.0.1")

    def at(self, host: str, path: str = "/logout") -> str:
        """The same endpoint under another name."""
        return f"http{'s' if self.secure else ''}://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:]) if name
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            method, path, _ = head[0].split()
            kind, accept = headers.get("content-type", ""), headers.get("accept", "")
            request = Received(
                method,
                path,
                headers["host"],
                kind,
                accept,
                parse_qs(body.decode()),
                headers.get("authorization", ""),
                body,
            )
            await self._answer(request, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, request: Received, writer: asyncio.StreamWriter) -> None:
        self.received.append(request)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.arrived.set()
        await self.gate.wait()
        self.at_once -= 1
        given = self.answer(request)
        if given is not None:
            writer.write(given)
            await writer.drain()


@asynccontextmanager
async def receiving_portal(tls: ssl.SSLContext | None = None) -> AsyncIterator[ReceivingPortal]:
    """A portal that listens until the end of the block."""
    portal = ReceivingPortal(secure=tls is not None)
    portal.gate.set()
    server = await asyncio.start_server(portal.serve, "127.0.0.1", 0, ssl=tls)
    portal.port = server.sockets[0].getsockname()[1]
    try:
        yield portal
    finally:
        portal.gate.set()
        server.close()
