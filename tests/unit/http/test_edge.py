"""Every request passes the edge first and every answer last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def test_answers_carry_the_security_headers(door: Any) -> None:
    answer = await door.visit("GET", "/who")
    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in answer.headers["permissions-policy"]


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [("GET", "/nowhere", 404), ("DELETE", "/who", 405), ("POST", "/form", 415), ("GET", "/query?a=%zz", 400)],
)
async def test_refusals_carry_the_security_headers_too(
    door: Any, method: str, address: str, status: int
) -> None:
    answer = await door.visit(method, address, content=b"{}" if method == "POST" else b"")
    assert answer.status_code == status
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"


async def test_an_unknown_address_is_a_page_for_browsers_and_json_for_programs(door: Any) -> None:
    page = await door.visit("GET", "/nowhere", headers={"accept": "text/html,*/*"})
    document = await door.visit("GET", "/nowhere", headers={"accept": "application/json"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert document.json()["error"] == "not_found"


async def test_a_wrong_method_names_the_right_ones(door: Any) -> None:
    answer = await door.visit("POST", "/who")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


async def test_head_is_answered_where_get_is(door: Any) -> None:
    assert (await door.visit("HEAD", "/who")).status_code == 200


@pytest.mark.parametrize("wrong", ["a b", "a/b", "a%2Fb", "é", "x" * 129])
async def test_a_path_parameter_is_one_segment_of_unreserved_characters(door: Any, wrong: str) -> None:
    assert (await door.visit("GET", "/interaction/AZ_az-09")).json() == {"id": "AZ_az-09"}
    assert (await door.visit("GET", f"/interaction/{wrong}")).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("authorization", "Bearer a"), ("authorization", "Bearer b")], 400),
        ([("content-type", "text/plain"), ("content-type", "text/html")], 400),
        ([("x-many", "1")] * 80, 431),
        ([("x-long", "1" * 40_000)], 431),
        ([("cookie", "a=1"), ("cookie", "b=2")], 200),
    ],
)
async def test_heads_are_bounded(door: Any, headers: list[tuple[str, str]], status: int) -> None:
    assert (await door.visit("GET", "/who", headers=headers)).status_code == status


async def test_addresses_are_bounded(door: Any) -> None:
    assert (await door.visit("GET", f"/query?a={'1' * 9000}")).status_code == 414
    assert (await door.visit("GET", f"/{'a' * 2000}")).status_code == 414


async def test_an_announced_large_body_is_refused_unread(door: Any) -> None:
    answer = await door.visit("POST", "/form", headers=FORM, content=b"a=" + b"1" * 70_000)
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert answer.json()["error"] == "invalid_request"


async def test_an_unannounced_large_body_is_refused_while_reading(door: Any) -> None:
    sent = 0

    async def pieces() -> Any:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b"1" * 10_000

    answer = await door.visit("POST", "/form", headers=FORM, content=pieces())
    assert answer.status_code == 413


async def test_a_broken_length_is_refused(door: Any) -> None:
    answer = await door.visit("POST", "/form", headers={**FORM, "content-length": "1e3"}, content=b"a=1")
    assert answer.status_code == 400


async def test_requests_are_numbered_and_timed_by_us(door: Any) -> None:
    one = await door.visit("GET", "/who", headers={"x-request-id": "chosen-by-a-stranger"})
    two = await door.visit("GET", "/who")
    assert one.json()["now"] == 1_800_000_000
    assert one.headers["x-request-id"] == one.json()["id"]
    assert "stranger" not in one.json()["id"]
    assert one.json()["id"] != two.json()["id"]


async def test_our_own_proxy_may_number_requests(door_behind_proxy: Any) -> None:
    good = await door_behind_proxy.visit("GET", "/who", headers={"x-request-id": "proxy-000000001"})
    bad = await door_behind_proxy.visit("GET", "/who", headers={"x-request-id": "with space and <"})
    assert good.json()["id"] == "proxy-000000001"
    assert "<" not in bad.json()["id"]


async def test_a_draining_process_is_not_ready_and_closes_connections(door: Any) -> None:
    assert (await door.visit("GET", "/health/ready")).status_code == 200
    door.edge.drain()
    answer = await door.visit("GET", "/health/ready")
    assert answer.status_code == 503
    assert answer.json()["reason"] == "stopping"
    served = await door.visit("GET", "/who")
    assert served.status_code == 200
    assert served.headers["connection"] == "close"


async def test_websockets_are_refused(door: Any) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await door.edge({"type": "websocket", "path": "/"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_the_record_of_a_request_names_the_route_and_no_secret(door: Any) -> None:
    await door.visit("GET", "/interaction/secret-id?code=secret-code", headers={"cookie": "a=secret-cookie"})
    await door.visit("GET", "/secret-path")
    await door.visit("GET", "/who")
    interaction, unknown, known = door.records.kept
    assert interaction["route"] == "/interaction/{id}"
    assert unknown["route"] == "-"
    assert known["client_id"] == "portal"
    assert known["status"] == 200
    assert known["bytes"] > 0
    assert known["ms"] >= 0
    assert known["network"] == "198.51.100.0/24"
    assert "secret" not in str(door.records.kept)
    assert "198.51.100.7" not in str(door.records.kept)


async def test_a_caller_who_goes_away_is_recorded(door: Any) -> None:
    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        pytest.fail("there is nobody to answer")

    headers = [(b"content-length", b"10")]
    scope = {"type": "http", "method": "POST", "path": "/form", "query_string": b"", "headers": headers}
    async with door.edge.running():
        await door.edge(scope, receive, send)
    assert door.records.kept[0]["status"] == 499


async def test_nothing_is_served_before_the_start(door: Any) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/who", "query_string": b"", "headers": []}
    await door.edge(scope, None, send)
    assert sent[0]["status"] == 503


async def started(door: Any, open_service: Callable[[], Any]) -> list[Any]:
    """What the server is told when it asks a process to start that opens its service so."""
    door.edge._open_service = open_service  # noqa: SLF001 - the one thing about a service that is decided outside
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    await door.edge({"type": "lifespan"}, receive, send)
    return sent


async def test_a_failed_start_is_told_to_the_server(door: Any) -> None:
    def broken() -> Any:
        raise RuntimeError("no database")

    sent = await started(door, broken)
    assert sent == [{"type": "lifespan.startup.failed", "message": "no database"}]


async def test_a_start_that_fails_while_it_is_told_to_stop_is_a_failed_start(door: Any) -> None:
    def broken() -> Any:
        door.edge.drain()
        raise RuntimeError("no database")

    sent = await started(door, broken)
    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]
