"""Several worker processes on one database: nothing is lost, nothing is done twice, all of them hear of changes.

Each person here has two connections, one to each worker, and every flow goes from one worker to the other and back.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
import jwt
import pytest
from sqlalchemy import Table, select

from idp.store.schema import audit_events, grants, refresh_tokens, sessions
from tests.support.browsing import Browser
from tests.support.population import AN, HEN, HOA, KHANG, MAI, SUONG, Citizen
from tests.support.portals import Portal, Tokens
from tests.support.provider import PASSWORD, Ground
from tests.support.served import PATIENCE, ServedProvider, served_provider

PEOPLE: Final = (HOA, AN, KHANG, MAI, HEN, SUONG)
SESSIONS: Final = 12
FLOWS: Final = 14  # of each session, one after the other
CLIENT: Final = "dossiers"
SECONDS_TO_HEAR: Final = 10  # of a change; the workers look every two

pytestmark = [pytest.mark.slow]


@pytest.fixture
async def served(
    database_url: str, registers_url: str, provider_ground: Ground, tmp_path: Path
) -> AsyncIterator[ServedProvider]:
    """Two workers on each kind of database."""
    async with served_provider(database_url, registers_url, provider_ground, tmp_path, workers=2) as provider:
        await provider.open_account(provider_ground.verifier, *PEOPLE)
        yield provider


@dataclass(frozen=True, slots=True)
class Line:
    """One person's browser and one portal, each with one connection to the same worker."""

    browser: Browser
    portal: Portal


async def connect(served: ServedProvider, count: int) -> list[tuple[Line, Line]]:
    """Pairs of lines, of which each worker has one end; it answers alone while its connections are opened."""
    one, other = served.workers()
    return list(
        zip(
            [await _line(served, one) for _ in range(count)],
            [await _line(served, other) for _ in range(count)],
            strict=True,
        )
    )


async def _line(served: ServedProvider, worker: int) -> Line:
    line = Line(served.browser(), served.portal(CLIENT))
    with served.only(worker):
        for http in (line.browser.http, line.portal.http):
            assert (await http.get("/health/live")).status_code == 200
    return line


@dataclass(frozen=True, slots=True)
class Flow:
    """What one flow gave to the client."""

    code: str
    first: Tokens
    second: Tokens


async def log_in(line: Line, citizen: Citizen) -> None:
    """Open a session and see the notice; nothing is issued to the portal of the flows."""
    visit = await line.browser.open("/account")
    visit = await visit.submit(personal_number=citizen.number, password=PASSWORD)
    assert (visit.status, visit.path) == (200, "/account"), visit.text


async def flow(there: Line, here: Line) -> Flow:
    """SSO at one worker, token at the other, refresh at the first, UserInfo at the other."""
    asked, visit = await there.portal.send(there.browser, scope="openid profile")
    if visit.answer is None:
        visit = await visit.submit(decision="continue")
    first = await here.portal.tokens(asked, visit)
    response = await there.portal.refresh(first.refresh_token)
    assert response.status_code == 200, response.text
    second = await there.portal.read(response)
    told = await here.portal.userinfo(second.access_token)
    assert (told.status_code, told.json()["sub"]) == (200, first.sub), told.text
    return Flow(visit.code, first, second)


async def session(citizen: Citizen, lines: tuple[Line, Line]) -> list[Flow]:
    """A login at one worker, then flows by turns."""
    one, other = lines
    await log_in(one, citizen)
    for name, value in one.browser.cookies.items():
        other.browser.set_cookie(name, value)
    ways = cycle(((one, other), (other, one)))
    return [await flow(there, here) for there, here in islice(ways, FLOWS)]


async def rows(served: ServedProvider, table: Table) -> Sequence[Any]:
    return await served.db.fetch_all(select(table))


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


async def check_grants(served: ServedProvider, flows: Sequence[Flow]) -> None:
    kept = await rows(served, grants)
    assert sorted(bytes(row["code_digest"]) for row in kept) == sorted(digest(one.code) for one in flows)
    assert all(row["code_used_at"] is not None and row["revoked_at"] is None for row in kept)
    for given in ([one.first for one in flows], [one.second for one in flows]):
        assert {claims_of(one.access_token)["grant_id"] for one in given} == {row["grant_id"] for row in kept}
    issued = [claims_of(token.access_token)["jti"] for one in flows for token in (one.first, one.second)]
    assert len(set(issued)) == len(issued) == 2 * len(flows)


async def check_families(served: ServedProvider, flows: Sequence[Flow]) -> None:
    kept = {bytes(row["family_digest"]): row for row in await rows(served, refresh_tokens)}
    assert len(kept) == len(flows)
    for one in flows:
        family, used = one.first.refresh_token.split(".")
        same, current = one.second.refresh_token.split(".")
        row = kept[digest(family)]
        assert family == same
        assert (bytes(row["previous_digest"]), bytes(row["current_digest"])) == (
            digest(used),
            digest(current),
        )


async def check_audit(served: ServedProvider, flows: Sequence[Flow]) -> None:
    events = await rows(served, audit_events)
    assert {row["outcome"] for row in events} == {"ok"}
    count = Counter(row["kind"] for row in events)
    assert count["login"] == SESSIONS
    assert count["authorization"] == len(flows)
    assert count["token"] == 2 * len(flows)
    assert count["claims.released"] == len(flows)
    ways = Counter(
        (row["grant_id"], json.loads(row["details"])["grant_type"])
        for row in events
        if row["kind"] == "token"
    )
    assert len(ways) == 2 * len(flows), "each grant once by its code and once by its refresh token"
    requests = [row["request_id"] for row in events if row["kind"] in {"token", "claims.released"}]
    assert len(set(requests)) == len(requests)


def check_log(served: ServedProvider, flows: Sequence[Flow], personal_data: Any) -> None:
    text = served.log.read_text("utf-8")
    personal_data.watch(PASSWORD, *(citizen.name for citizen in PEOPLE))
    assert personal_data.found_in(text) == []
    records = [json.loads(line) for line in text.splitlines()]
    served_at = Counter((record.get("route"), record.get("status")) for record in records)
    assert served_at["/token", 200] == 2 * len(flows)
    assert served_at["/userinfo", 200] == len(flows)
    assert not [record for record in records if record.get("status", 0) >= 400]


async def test_nothing_is_lost_and_nothing_is_done_twice(served: ServedProvider, personal_data: Any) -> None:
    lines = await connect(served, SESSIONS)
    done = await asyncio.gather(
        *(session(citizen, pair) for citizen, pair in zip(cycle(PEOPLE), lines, strict=False))
    )
    flows = [one for flows in done for one in flows]
    assert len(flows) == SESSIONS * FLOWS >= 150
    assert len(await rows(served, sessions)) == SESSIONS
    await check_grants(served, flows)
    await check_families(served, flows)
    await check_audit(served, flows)
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(PATIENCE) == 0
    check_log(served, flows, personal_data)


async def until_refused(line: Line, deadline: float) -> httpx2.Response:
    while True:
        response = await line.portal.post("/token", grant_type="refresh_token", refresh_token="x")
        if response.json()["error"] != "invalid_grant":
            return response
        assert time.monotonic() < deadline, "the worker has not heard of it"


async def test_a_disabled_client_stops_at_every_worker(served: ServedProvider) -> None:
    ((one, other),) = await connect(served, 1)
    await log_in(one, HOA)
    before = await flow(one, one)
    served.motcua("clients", "disable", CLIENT)
    deadline = time.monotonic() + SECONDS_TO_HEAR
    for line in (one, other):
        response = await until_refused(line, deadline)
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
        assert (await line.portal.userinfo(before.second.access_token)).status_code == 401
        _, visit = await line.portal.send(line.browser)
        assert (visit.status, visit.answer) == (403, None)
    served.motcua("clients", "enable", CLIENT)
    deadline = time.monotonic() + SECONDS_TO_HEAR
    for line in (one, other):
        while (await line.portal.userinfo(before.second.access_token)).status_code != 200:
            assert time.monotonic() < deadline


def begin(served: ServedProvider, portal: Portal, token: str) -> tuple[socket.socket, bytes]:
    """A refresh whose form stays behind; the worker has said that it waits for it."""
    _, headers = portal.credentials()
    form = urlencode({"grant_type": "refresh_token", "refresh_token": token}).encode()
    head = {
        "host": f"127.0.0.1:{served.port}",
        "content-type": "application/x-www-form-urlencoded",
        "content-length": str(len(form)),
        "expect": "100-continue",
        **headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE)
    connection.sendall(f"POST /token HTTP/1.1\r\n{lines}\r\n".encode())
    assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
    return connection, form


def read_all(connection: socket.socket) -> bytes:
    """Everything until the other side hangs up."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def idle(served: ServedProvider) -> socket.socket:
    """A connection that was answered and stays open."""
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE)
    connection.sendall(b"GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n")
    answer = b""
    while not answer.endswith(b"}"):
        answer += connection.recv(65536)
    return connection


async def test_what_is_under_way_is_finished_before_the_end(served: ServedProvider) -> None:
    ((one, other),) = await connect(served, 1)
    await log_in(one, HOA)
    before = [await flow(one, one), await flow(one, other)]
    waiting, idling = [], []
    for worker, done in zip(served.workers(), before, strict=True):
        with served.only(worker):
            waiting.append(begin(served, one.portal, done.second.refresh_token))
            idling.append(idle(served))
    served.process.send_signal(signal.SIGTERM)
    for connection in idling:
        assert read_all(connection) == b"", "who does nothing is told to go"
        connection.close()
    assert served.process.poll() is None, "two requests are under way"
    for (connection, form), done in zip(waiting, before, strict=True):
        connection.sendall(form)
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
        connection.close()
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in head.lower()
        assert claims_of(json.loads(body)["id_token"])["sub"] == done.first.sub
    assert served.process.wait(PATIENCE) == 0
    events = await rows(served, audit_events)
    assert Counter(row["kind"] for row in events)["token"] == 3 * len(before)
