"""The OpenID Foundation's plan FAPI-CIBA ID1 by ping; see `test_fapi_ciba` for names (CIBA Core §10.2)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from sqlalchemy import update

from idp.jobs import schedule
from idp.jobs.ping import FIRST_PAUSE, MOST_ATTEMPTS, deliver_pings
from idp.store.backchannel_schema import backchannel_requests
from idp.store.database import step
from tests.support.ciba import COUNTER, Counter, agree, look_at, open_requests, refuse, request_id
from tests.support.fapi_suite import check_refused
from tests.support.logouts import LOOPBACK, NEVER, deliverer
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA
from tests.support.provider import Ground, Provider
from tests.support.receiving_portal import ReceivingPortal, status
from tests.support.suite_checks import check_token_error, check_token_response

TOKEN = "8d67dc78-7faa-4d41-aabd-67707b374255"


@pytest.fixture
async def pinging(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Provider]:
    """A provider whose own jobs wait, so that each test says when one delivers."""
    monkeypatch.setattr(schedule, "PING_SECONDS", NEVER)
    folder = tmp_path_factory.mktemp("ping")
    running = provider_on_sqlite(folder, provider_ground, citizens=(HOA,), outbound_networks=LOOPBACK)
    async with running as provider:
        yield provider


@pytest.fixture
async def pinged(pinging: Provider, receiver: ReceivingPortal) -> Counter:
    """A call centre that is pinged."""
    return await Counter.register(
        pinging,
        COUNTER,
        backchannel_token_delivery_mode="ping",
        backchannel_client_notification_endpoint=receiver.uri,
    )


async def ping(provider: Provider) -> None:
    """One round of one worker."""
    await deliver_pings(deliverer(provider))


async def untold(provider: Provider) -> list[str]:
    """Why pings were given up."""
    return [event.outcome for event in await provider.events("backchannel.untold")]


async def test_fapi_ciba_id1_by_ping(pinging: Provider, pinged: Counter, receiver: ReceivingPortal) -> None:
    """The notification comes first, holds nothing but the `auth_req_id`, and proves itself with the client's token."""
    asked = await pinged.ask_for(client_notification_token=TOKEN)
    await ping(pinging)
    assert not receiver.received
    await agree(pinging, pinging.browser(), asked)
    await ping(pinging)
    (received,) = receiver.received
    assert (received.method, received.content_type) == ("POST", "application/json")
    assert received.authorization == f"Bearer {TOKEN}"
    assert orjson.loads(received.body) == {"auth_req_id": asked.auth_req_id}
    check_token_response(await asked.poll(), "openid", scheme="dpop")
    await ping(pinging)
    assert len(receiver.received) == 1, "once"


@pytest.mark.parametrize("way", ["page", "list"])
async def test_user_rejects_authentication(
    pinging: Provider, pinged: Counter, receiver: ReceivingPortal, way: str
) -> None:
    asked = await pinged.ask_for()
    if way == "page":
        await refuse(pinging.browser(), asked)
    else:
        await (await open_requests(pinging.browser())).submit(refuse=request_id(asked))
    await ping(pinging)
    assert orjson.loads(receiver.received[0].body) == {"auth_req_id": asked.auth_req_id}
    check_token_error(await asked.poll(), "access_denied")


@pytest.mark.parametrize(
    ("answer", "errors"),
    [
        pytest.param(
            status(200, "Content-Type: text/plain", body=b"thank you"),
            [],
            id="ping-backchannel-notification-endpoint-response-has-body",
        ),
        pytest.param(status(401), ["status_401"], id="ping-backchannel-notification-endpoint-response-401"),
        pytest.param(status(403), ["status_403"], id="ping-backchannel-notification-endpoint-response-403"),
        pytest.param(
            status(401),
            ["status_401"],
            id="ping-with-mtls-ciba-notification-endpoint-response-401-and-require-server-does-not-retry",
        ),
        pytest.param(
            status(301, "Location: /elsewhere"),
            ["status_301"],
            id="ping-backchannel-notification-endpoint-return-redirect-request",
        ),
        pytest.param(status(404), ["status_404"], id="what-is-not-there"),
    ],
)
async def test_answers_of_a_portal(
    pinging: Provider, pinged: Counter, receiver: ReceivingPortal, answer: bytes, errors: list[str]
) -> None:
    """It is told once, is led nowhere, and its tokens can be had all the same."""
    receiver.answer = lambda _: answer
    asked = await pinged.ask_for()
    await agree(pinging, pinging.browser(), asked)
    for _ in range(3):
        await ping(pinging)
        pinging.clock.advance(60)
    assert [one.path for one in receiver.received] == ["/logout"]
    assert await untold(pinging) == errors
    check_token_response(await asked.poll(), "openid", scheme="dpop")


async def test_a_portal_that_is_down_is_told_when_it_is_back(
    pinging: Provider, pinged: Counter, receiver: ReceivingPortal
) -> None:
    receiver.answer = lambda _: status(503)
    await agree(pinging, pinging.browser(), await pinged.ask_for())
    await ping(pinging)
    await ping(pinging)
    assert len(receiver.received) == 1, "not at once"
    receiver.answer = lambda _: status(204)
    pinging.clock.advance(FIRST_PAUSE)
    await ping(pinging)
    assert len(receiver.received) == 2
    assert await untold(pinging) == []


async def test_a_portal_that_stays_down_is_left_alone(
    pinging: Provider, pinged: Counter, receiver: ReceivingPortal
) -> None:
    receiver.answer = lambda _: status(500)
    await agree(pinging, pinging.browser(), await pinged.ask_for())
    for _ in range(MOST_ATTEMPTS + 2):
        await ping(pinging)
        pinging.clock.advance(60)
    assert len(receiver.received) == MOST_ATTEMPTS
    assert await untold(pinging) == ["status_500"]


async def test_what_is_not_a_public_address_is_not_called(
    pinging: Provider, pinged: Counter, receiver: ReceivingPortal
) -> None:
    await agree(pinging, pinging.browser(), await pinged.ask_for())
    await deliver_pings(deliverer(pinging, networks=()))
    assert not receiver.received


async def test_two_workers_ping_once(pinging: Provider, pinged: Counter, receiver: ReceivingPortal) -> None:
    await agree(pinging, pinging.browser(), await pinged.ask_for())
    await asyncio.gather(*(ping(pinging) for _ in range(4)))
    assert len(receiver.received) == 1


async def test_who_is_pinged_may_poll(pinging: Provider, pinged: Counter) -> None:
    asked = await pinged.ask_for()
    check_token_error(await asked.poll(), "authorization_pending")


async def test_a_request_that_another_took_the_place_of_is_pinged_no_more(
    pinging: Provider, pinged: Counter, receiver: ReceivingPortal
) -> None:
    earlier, later = await pinged.ask_for(), await pinged.ask_for()
    await look_at(pinging.browser(), later)
    await ping(pinging)
    assert not receiver.received
    check_token_error(await earlier.poll(), "expired_token")


@pytest.mark.parametrize(
    "token",
    [None, "", "short", "with space " * 4, "ü" * 30, "x" * 1025, 7],
)
async def test_a_ping_needs_a_token(pinging: Provider, pinged: Counter, token: Any) -> None:
    claims = pinged.claims("client_notification_token") | _sent(token)
    asked = await pinged.ask_signed(pinged.request_object(claims))
    check_refused(asked.response, "invalid_request")


@pytest.mark.parametrize("length", [22, 1024])
async def test_tokens_may_be_long(pinging: Provider, pinged: Counter, length: int) -> None:
    token = secrets.token_hex(length)[:length]
    assert (await pinged.ask_for(client_notification_token=token)).auth_req_id


def _sent(token: Any) -> dict[str, Any]:
    return {} if token is None else {"client_notification_token": token}


async def test_a_row_that_somebody_changed_keeps_nobody_waiting(
    pinging: Provider, pinged: Counter, receiver: ReceivingPortal
) -> None:
    await agree(pinging, pinging.browser(), await pinged.ask_for())
    broken = update(backchannel_requests).values(notification=b"x" * 60)
    await pinging.db.write(step(broken))
    await ping(pinging)
    assert not receiver.received
    assert await untold(pinging) == ["unreadable"]
