"""The person's telephone in a run of the suite: what a portal asks from afar is answered at our own pages.

The suite calls it where its automation has a person press a button (`automated_ciba_approval_url`). It belongs to the
tests: the provider knows of no such thing, and what it sees is a browser.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx2

from tests.conformance.browser import Visitor
from tests.support.browsing import Browser, Visit

ASKED: Final = "/account/requests"
_MOST_PAGES: Final = 6


async def answer(browser: Browser, visitor: Visitor, auth_req_id: str, action: str) -> None:
    """Sign in, find the request among those that wait, and allow or deny it.

    Raises:
        AssertionError: it does not wait, or a page was not the expected one.
    """
    visit = await browser.open(ASKED)
    if visit.offers(personal_number=visitor.personal_number, password=visitor.password):
        visit = await visit.submit(personal_number=visitor.personal_number, password=visitor.password)
    line = hashlib.sha256(auth_req_id.encode()).hexdigest()
    if action == "deny":
        await visit.submit(refuse=line)
        return
    visit = await visit.submit(open=line)
    for _ in range(_MOST_PAGES):
        if (pressed := _agreement(visit)) is None:
            break
        visit = await visit.submit(**pressed)
    assert visit.told("requests"), f"not at the end: {visit.address}\n{visit.text[:2000]}"


def _agreement(visit: Visit) -> dict[str, str | list[str]] | None:
    """What agrees to the page; None where it asks nothing."""
    ticked = {
        kind: [value for form in visit.forms for name, value in form.choices if name == kind]
        for kind in ("claim", "detail")
    }
    offered: tuple[dict[str, str | list[str]], ...] = (
        {"decision": "confirm"},
        {"decision": "continue", "detail": ticked["detail"]},
        {"decision": "allow", **ticked},
        {"acting_for": "self"},
    )
    return next((fields for fields in offered if visit.offers(**fields)), None)


class _Telephone(BaseHTTPRequestHandler):
    """One call; the person answers one at a time."""

    lock = threading.Lock()

    def __init__(self, visitor: Visitor, *connection: Any) -> None:
        self.visitor = visitor
        super().__init__(*connection)

    def do_POST(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        with self.lock:
            said = asyncio.run(self._answer(asked["auth_req_id"][0], asked["action"][0]))
        self.send_response(500 if said else 200)
        self.send_header("content-type", "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write((said or "done").encode())

    async def _answer(self, auth_req_id: str, action: str) -> str:
        """Empty, or what went wrong."""
        transport = httpx2.AsyncHTTPTransport(verify=False)
        browser = Browser(transport, self.visitor.issuer)
        async with browser.http:
            try:
                await answer(browser, self.visitor, auth_req_id, action)
            except AssertionError as error:
                return str(error)
        return ""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the class above
        """Not to the terminal, where the results of modules stand."""


@contextmanager
def telephone_of(visitor: Visitor) -> Iterator[Visitor]:
    """The same person with a telephone at hand, on a free port of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Telephone, visitor)) as server:
        address = f"http://127.0.0.1:{server.server_port}/?auth_req_id={{auth_req_id}}&action={{action}}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield replace(visitor, approval=address)
        finally:
            server.shutdown()
