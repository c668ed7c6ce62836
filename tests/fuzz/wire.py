"""One request as octets, sent straight into the application, and all that came back."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import requests
from requests.exceptions import RequestException
from schemathesis import Case

from tests.fuzz.live import Live
from tests.support.installation import ISSUER

DEADLINE: Final = 10
"""Seconds in which every request is answered, a hundred times what the slowest takes."""


class Hang(AssertionError):
    """A request was not answered in time."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it goes over the wire."""

    method: str
    path: bytes
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    chunks: int = 1
    goes_away: bool = False

    def scope(self) -> dict[str, Any]:
        """What a server makes of it (ASGI 3)."""
        return {
            "type": "http",
            "http_version": "1.1",
            "method": self.method,
            "scheme": "https",
            "path": unquote_to_bytes(self.path).decode("utf-8", "replace"),
            "raw_path": self.path,
            "query_string": self.query,
            "headers": [(b"host", b"sso.example.gov.vn"), *self.headers],
            "client": ("198.51.100.7", 50000),
            "server": ("sso.example.gov.vn", 443),
        }

    def messages(self) -> Iterator[dict[str, Any]]:
        """Its body, piece by piece; somebody may go away before the end."""
        size = max(1, -(-len(self.body) // self.chunks))
        pieces = [self.body[at : at + size] for at in range(0, len(self.body), size)] or [b""]
        for piece in pieces[:-1]:
            yield {"type": "http.request", "body": piece, "more_body": True}
        if not self.goes_away:
            yield {"type": "http.request", "body": pieces[-1], "more_body": False}
        while True:
            yield {"type": "http.disconnect"}


@dataclass(frozen=True, slots=True)
class Got:
    """An answer."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def header(self, name: bytes) -> list[bytes]:
        """The values of a header."""
        return [value for key, value in self.headers if key == name]


@contextmanager
def _alarm() -> Iterator[None]:
    """Also for what never gives way: a regular expression, a loop. Only the main thread can be woken so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        raise Hang(f"no answer within {DEADLINE} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(DEADLINE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


async def exchange(app: Any, sent: Sent) -> Got | None:
    """The answer; None where the sender did not wait for it.

    Raises:
        Hang: there was none in time.
    """
    messages, answer = sent.messages(), list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: dict[str, Any]) -> None:
        answer.append(message)

    with _alarm():
        await asyncio.wait_for(app(sent.scope(), receive, send), DEADLINE)
    if not answer:
        assert sent.goes_away, "no answer at all"
        return None
    start, *rest = answer
    assert [start["type"], *{one["type"] for one in rest}] == ["http.response.start", "http.response.body"]
    return Got(start["status"], tuple(start["headers"]), b"".join(one.get("body", b"") for one in rest))


def following(sent: Sent, got: Got) -> Sent | None:
    """What a browser asks for next; None where it is not led on to a page of ours."""
    location = b"".join(got.header(b"location"))
    if got.status not in {302, 303} or not location.startswith(b"/"):
        return None
    path, _, query = location.partition(b"?")
    given = [value.partition(b";")[0] for value in got.header(b"set-cookie")]
    renewed = {pair.partition(b"=")[0] for pair in given}
    held = [pair.strip() for name, value in sent.headers if name == b"cookie" for pair in value.split(b";")]
    cookies = [*(pair for pair in held if pair.partition(b"=")[0] not in renewed), *given]
    return Sent("GET", path, query, ((b"cookie", b"; ".join(cookies)), (b"accept", b"text/html")))


def _octets(body: object) -> bytes:
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    return body if isinstance(body, bytes) else b""


def sent_of(case: Case[Any], live: Live) -> Sent | None:
    """A generated case as octets; None for what no client could send."""
    try:
        prepared = requests.Request(**case.as_transport_kwargs(base_url=ISSUER)).prepare()
        headers = _headers(prepared.headers.items(), live)
    except (RequestException, UnicodeError, ValueError):
        return None
    path, _, query = str(prepared.path_url).partition("?")
    escaped = b"json" not in dict(headers).get(b"content-type", b"")
    return Sent(
        method=case.method.upper(),
        path=live.fill(path.encode(), escaped=True),
        query=live.fill(query.encode(), escaped=True),
        headers=headers,
        body=live.fill(_octets(prepared.body), escaped=escaped),
    )


def _headers(items: Sequence[tuple[Any, Any]] | Any, live: Live) -> tuple[tuple[bytes, bytes], ...]:
    """In octets; the length follows from what is filled in."""
    read = ((_octets(name).lower(), _octets(value)) for name, value in items)
    return tuple((name, live.fill(value, escaped=False)) for name, value in read if name != b"content-length")
