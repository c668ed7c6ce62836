"""What must hold for the answer to any request."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2
import orjson

from tests.fuzz.wire import Got, Sent
from tests.support.answers import check_headers
from tests.support.provider import Provider

_TRACE: Final = re.compile(rb"Traceback|File \"/|, line \d+|\.py\b|sqlite3|sqlalchemy|asyncpg|Exception\b")
_SCRIPT: Final = b"<script>fuzz"
_PUBLIC: Final = re.compile(rb"/jwks|/\.well-known/.*|/static/.*|/logo/.*")
_UNREADABLE: Final = frozenset({404, 405, 413, 414, 415, 431})
"""Refused before anybody looked at what was asked: nothing is written."""
_OWN: Final = re.compile(r"/(?![/\\])[!-~]*")


class Judge:
    """Looks at each answer, and at the database beside it."""

    def __init__(self, provider: Provider) -> None:
        self._database = sqlite3.connect(
            Path(provider.settings.database_url.removeprefix("sqlite:///")), check_same_thread=False
        )
        self._hosts = {
            (urlsplit(uri).scheme, urlsplit(uri).netloc)
            for registered in provider.registered.values()
            for name in ("redirect_uris", "post_logout_redirect_uris")
            for uri in registered.metadata.get(name, ())
        }

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def written(self) -> int:
        """A number that is another one after every write of anybody else."""
        return int(self._database.execute("PRAGMA data_version").fetchone()[0])

    def check(self, sent: Sent, got: Got, *, wrote: bool) -> None:
        """Fail on whatever must not be."""
        assert got.status < 500, f"{got.status} {got.body[:300]!r}"
        assert not (wrote and self._promises_nothing(sent, got)), f"{got.status} and something was written"
        response = httpx2.Response(got.status, headers=list(got.headers), content=got.body)
        check_headers(response)
        self._check_body(got, response)
        self._check_caching(sent, got, response)
        for location in response.headers.get_list("location"):
            self._check_location(location)
        for cookie in response.headers.get_list("set-cookie"):
            self._check_cookie(cookie)

    def _promises_nothing(self, sent: Sent, got: Got) -> bool:
        no_token = (
            got.status == 401 and sent.path == b"/userinfo"
        )  # elsewhere it is a guess, which is recorded
        strange_form = got.status == 403 and sent.method == "POST"
        return got.status in _UNREADABLE or no_token or strange_form

    def _check_body(self, got: Got, response: httpx2.Response) -> None:
        assert not _TRACE.search(got.body), f"an error of ours is told: {got.body[:300]!r}"
        assert all(len(got.header(name)) <= 1 for name in (b"content-length", b"content-type", b"location"))
        length = got.header(b"content-length")
        assert not length or int(length[0]) == len(got.body)
        kind = response.headers.get("content-type", "")
        assert kind or not got.body, "a body of no type"
        if kind.startswith("text/html"):
            assert _SCRIPT not in got.body, "what was sent became part of a page"
        if kind.startswith("application/json"):
            body = orjson.loads(got.body)
            assert got.status < 400 or isinstance(body["error"], str)

    def _check_caching(self, sent: Sent, got: Got, response: httpx2.Response) -> None:
        control = response.headers["cache-control"]
        if control == "no-store":
            return
        assert _PUBLIC.fullmatch(sent.path), f"{control} for {sent.path!r}"
        assert got.status in {200, 204, 304}, f"{control} for {got.status}"
        assert "set-cookie" not in response.headers, f"{control} and a cookie"

    def _check_location(self, location: str) -> None:
        """On our own pages, or at a registered host (RFC 9700 §4.11)."""
        parts = urlsplit(location)
        assert _OWN.fullmatch(location) or (parts.scheme, parts.netloc) in self._hosts, location

    def _check_cookie(self, cookie: str) -> None:
        name, _, attributes = cookie.partition(";")
        parts = {part.strip().lower() for part in attributes.split(";")}
        assert {"secure", "path=/", "samesite=lax"} <= parts, cookie
        assert not any(part.startswith("domain") for part in parts), cookie
        assert name.startswith(("__Host-motcua-", "motcua-language=")), cookie
        assert "httponly" in parts or name.startswith("motcua-language="), cookie
