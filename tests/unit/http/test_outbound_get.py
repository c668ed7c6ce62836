"""Documents of clients are fetched with the same care as logouts are sent, and no larger than they can be."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from idp.http import outbound
from idp.http.outbound import (
    MOST_AT_ONCE,
    AddressNotAllowed,
    AnswerLate,
    AnswerTooLarge,
    HostBusy,
    Outbound,
    OutboundError,
)
from idp.oidc.remote import Fetched, FetchFailed, fetch_json
from tests.support.receiving_portal import ReceivingPortal, receiving_portal, status

LOOPBACK = ("127.0.0.0/8", "::1/128")
DOCUMENT = b'{"keys": []}'
MOST = 1000


@pytest.fixture
async def portal() -> AsyncIterator[ReceivingPortal]:
    async with receiving_portal() as running:
        running.answer = lambda _: status(200, "Content-Type: Application/JSON; charset=utf-8", body=DOCUMENT)
        yield running


async def get(uri: str, caller: Outbound | None = None, *, most_bytes: int = MOST) -> Fetched:
    caller = caller or Outbound(LOOPBACK)
    return await caller.get(uri, most_bytes=most_bytes, accept="application/json")


async def test_a_document_is_fetched(portal: ReceivingPortal) -> None:
    assert await get(f"{portal.at('127.0.0.1', '/jwks')}?v=1#part") == Fetched(
        200, "application/json", DOCUMENT
    )
    (request,) = portal.received
    assert (request.method, request.path) == ("GET", "/jwks?v=1")
    assert request.accept == "application/json"


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "192.168.1.1",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "fd00:ec2::254",
        "fe80::1",
    ],
)
@pytest.mark.parametrize("host", ["portal.example", "literal"])
async def test_no_address_of_our_own_network_is_asked(address: str, host: str) -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return [address]

    named = host if host != "literal" else (f"[{address}]" if ":" in address else address)
    with pytest.raises(AddressNotAllowed):
        await get(f"http://{named}/jwks", Outbound(resolve=resolve))


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_not_followed(portal: ReceivingPortal, code: int) -> None:
    portal.answer = lambda _: status(code, f"Location: {portal.at('127.0.0.1', '/secret')}", body=b"moved")
    assert (await get(portal.uri)).status == code
    with pytest.raises(FetchFailed) as failed:
        await fetch_json(Outbound(LOOPBACK).get, portal.uri, most_bytes=MOST)
    assert failed.value.code == f"status_{code}"
    assert {request.path for request in portal.received} == {"/logout"}


async def test_as_much_as_allowed_is_read(portal: ReceivingPortal) -> None:
    portal.answer = lambda _: status(200, body=b"x" * MOST)
    assert await get(portal.uri) == Fetched(200, "", b"x" * MOST)
    with pytest.raises(AnswerTooLarge) as failed:
        await get(portal.uri, most_bytes=MOST - 1)
    assert failed.value.code == "too_large"


async def test_a_stream_without_end_is_left_where_it_is_too_large(portal: ReceivingPortal) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    portal.answer = lambda _: head + b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
    with pytest.raises(AnswerTooLarge):
        await get(portal.uri)


async def test_what_is_cut_off_is_no_document(portal: ReceivingPortal) -> None:
    portal.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n" + DOCUMENT
    with pytest.raises(OutboundError) as failed:
        await get(portal.uri)
    assert failed.value.code == "unreachable"


async def test_nothing_is_unpacked(portal: ReceivingPortal) -> None:
    """A kilobyte that grows to a gigabyte stays a kilobyte."""
    packed = gzip.compress(bytes(1_000_000))
    portal.answer = lambda _: status(200, "Content-Encoding: gzip", body=packed)
    with pytest.raises(OutboundError) as failed:
        await get(portal.uri, most_bytes=10_000)
    assert failed.value.code == "unreachable"


async def test_who_answers_slowly_is_not_waited_for(
    portal: ReceivingPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "WHOLE_SECONDS", 0.2)
    portal.gate.clear()
    with pytest.raises(AnswerLate) as failed:
        await get(portal.uri)
    assert failed.value.code == "timeout"


async def test_one_octet_after_the_other_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each octet is a sign of life; the whole answer has its limit all the same."""
    monkeypatch.setattr(outbound, "WHOLE_SECONDS", 0.3)
    monkeypatch.setattr(outbound, "ANSWER_SECONDS", 0.2)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        try:
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        with pytest.raises(AnswerLate):
            await get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        server.close()


async def test_one_host_is_not_asked_too_much_at_once(portal: ReceivingPortal) -> None:
    caller = Outbound(LOOPBACK)
    portal.gate.clear()
    asking = [asyncio.create_task(get(portal.uri, caller)) for _ in range(MOST_AT_ONCE)]
    while len(portal.received) < MOST_AT_ONCE:
        portal.arrived.clear()
        await portal.arrived.wait()
    with pytest.raises(HostBusy):
        await get(portal.uri, caller)
    portal.gate.set()
    assert {one.status for one in await asyncio.gather(*asking)} == {200}
    assert (await get(portal.uri, caller)).status == 200


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:6379/_x"])
async def test_only_http_is_spoken(uri: str) -> None:
    with pytest.raises(OutboundError):
        await get(uri)


async def test_a_name_server_that_does_not_answer_keeps_nobody_else_waiting(
    portal: ReceivingPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking for a name takes a thread until the name server answers or the system gives up."""
    asked, answers, system = [], threading.Event(), socket.getaddrinfo

    def getaddrinfo(host: str, *more: Any, **named: Any) -> Any:
        if host == "silent.example":
            asked.append(host)
            answers.wait(10)
            raise socket.gaierror
        return system("127.0.0.1" if host == "quick.example" else host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    caller, silent = Outbound(LOOPBACK), "http://silent.example/jwks"
    waiting = [asyncio.create_task(caller.post_form(silent, {})) for _ in range(50)]
    await asyncio.sleep(0.05)
    try:
        quick = get(portal.at("quick.example", "/jwks"), caller)
        assert (await asyncio.wait_for(quick, 2)).status == 200
        assert asked == ["silent.example"], "one question at a time about one name"
    finally:
        answers.set()
        failed = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(error) for error in failed} == {OutboundError}
