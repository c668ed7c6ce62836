"""A logout is delivered once, tried again through failures, given up in the end, and lost by no crash."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import jwt
import pytest

from idp.jobs import backchannel_logout, schedule
from idp.jobs.backchannel_logout import MOST_ATTEMPTS, deliver_logouts
from idp.jobs.delivery import AT_ONCE, LEASE_SECONDS
from idp.store import clients, logout_outbox, registrations
from idp.store.database import required, step
from keys.actions import Revoke
from keys.keyring import load_keyring
from keys.policy import Purpose
from keys.seal import KeyEncryptionKey
from tests.support.browsing import Browser
from tests.support.installation import ISSUER, act
from tests.support.logouts import LOOPBACK, add_portal, deliver, deliverer, logout, queued
from tests.support.population import HOA
from tests.support.portals import Tokens
from tests.support.provider import Ground, Provider, running_provider
from tests.support.receiving_portal import ReceivingPortal, receiving_portal, status


@pytest.fixture
async def tokens(one: Provider, browser: Browser) -> Tokens:
    """What the portal holds of somebody who is logged in."""
    return await one.tokens("told", HOA, browser)


async def test_a_failure_is_tried_again_later_and_later(
    one: Provider, browser: Browser, tokens: Tokens, receiver: ReceivingPortal
) -> None:
    receiver.answer = lambda _: status(500)
    await logout(browser, tokens)
    await deliver(one)
    await deliver(one)
    assert len(receiver.received) == 1
    (row,) = await queued(one)
    assert (row["state"], row["attempts"], row["last_error"]) == ("waiting", 1, "status_500")
    one.clock.advance(10)
    await deliver(one)
    assert len(receiver.received) == 2
    receiver.answer = lambda _: status(204)
    one.clock.advance(20)
    await deliver(one)
    (row,) = await queued(one)
    assert (row["state"], row["attempts"], row["last_error"]) == ("delivered", 3, None)
    tokens_sent = [await one.portal("told").verify(receiver.received[-1].token)]
    assert tokens_sent[0]["iat"] == int(one.clock()), "signed at the moment of delivery"
    identifiers = {jwt.decode(r.token, options={"verify_signature": False})["jti"] for r in receiver.received}
    assert len(identifiers) == 3


async def test_a_worker_that_has_not_heard_of_a_revocation_looks_before_it_signs(
    one: Provider, browser: Browser, tokens: Tokens, receiver: ReceivingPortal
) -> None:
    kek, now = KeyEncryptionKey.read_file(one.ground.kek_file), int(one.clock())
    taken = jwt.get_unverified_header(tokens.id_token)["kid"]
    await logout(browser, tokens)
    await act(one.db, kek, now, Revoke(taken, "Lost.", 0))

    async def follow() -> None:
        one.keyring = await load_keyring(one.db, kek, ISSUER, now)

    await deliver_logouts(replace(deliverer(one), follow=follow))
    (request,) = receiver.received
    assert jwt.get_unverified_header(request.token)["kid"] == one.keyring.signer(Purpose.LOGOUT).kid != taken


def test_the_pauses_grow_to_an_hour_and_last_about_a_day() -> None:
    pauses = [backchannel_logout.pause_after(attempt) for attempt in range(1, MOST_ATTEMPTS)]
    for attempt, pause in enumerate(pauses, 1):
        longest = min(3600, 10 * 2 ** (attempt - 1))
        assert longest / 2 <= pause <= longest
    assert 9 * 3600 < sum(pauses) < 24 * 3600


@pytest.mark.parametrize("code", [201, 302, 400, 404])
async def test_only_200_and_204_count(
    one: Provider, browser: Browser, tokens: Tokens, receiver: ReceivingPortal, code: int
) -> None:
    receiver.answer = lambda _: status(code, f"Location: {receiver.at('127.0.0.1', '/elsewhere')}")
    await logout(browser, tokens)
    await deliver(one)
    (row,) = await queued(one)
    assert (row["state"], row["last_error"]) == ("waiting", f"status_{code}")
    assert [request.path for request in receiver.received] == ["/logout"]


async def test_after_the_last_attempt_it_is_given_up_until_somebody_asks(
    one: Provider,
    browser: Browser,
    tokens: Tokens,
    receiver: ReceivingPortal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backchannel_logout, "MOST_ATTEMPTS", 3)
    receiver.answer = lambda _: status(503)
    await logout(browser, tokens)
    for _ in range(5):
        await deliver(one)
        one.clock.advance(3600)
    (row,) = await queued(one)
    assert (row["state"], row["attempts"], row["last_error"]) == ("failed", 3, "status_503")
    assert len(receiver.received) == 3
    (event,) = await one.events("logout.undelivered")
    assert (event.outcome, event.client_id, event.details) == ("status_503", "told", {"attempts": 3})
    receiver.answer = lambda _: status(200)
    await one.db.write(logout_outbox.retry("", int(one.clock())))
    await deliver(one)
    assert [row["state"] for row in await queued(one)] == ["delivered"]


async def test_a_client_that_was_disabled_meanwhile_is_not_called(
    one: Provider, browser: Browser, tokens: Tokens, receiver: ReceivingPortal
) -> None:
    await logout(browser, tokens)
    await one.db.write(step(clients.DISABLE, client="told", now=int(one.clock())))
    await deliver(one)
    (row,) = await queued(one)
    assert (row["state"], row["last_error"]) == ("failed", "not_registered")
    assert receiver.received == []


async def test_of_a_client_that_was_removed_meanwhile_nothing_waits_for_ever(
    one: Provider, browser: Browser, tokens: Tokens, receiver: ReceivingPortal
) -> None:
    """A client that registered itself may remove itself (RFC 7592 §2.3)."""
    await logout(browser, tokens)
    await one.db.write(required(registrations.REMOVE_CLIENT, client="told"))
    await deliver(one)
    (row,) = await queued(one)
    assert (row["state"], row["last_error"]) == ("failed", "not_registered")
    (event,) = await one.events("logout.undelivered")
    assert (event.outcome, event.client_id) == ("not_registered", "told")
    assert receiver.received == []


async def test_two_workers_deliver_each_logout_once(one: Provider, receiver: ReceivingPortal) -> None:
    sids = set()
    for _ in range(6):
        browser = one.browser()
        sids.add((await one.tokens("told", HOA, browser)).claims["sid"])
    await one.lock(HOA)
    await asyncio.gather(*(deliver(one) for _ in range(4)))
    told = [jwt.decode(r.token, options={"verify_signature": False})["sid"] for r in receiver.received]
    assert sorted(told) == sorted(sids)
    assert len(await one.events("logout.delivered")) == 6


async def test_a_worker_killed_between_sending_and_noting_it_loses_nothing(
    one: Provider, browser: Browser, tokens: Tokens, receiver: ReceivingPortal
) -> None:
    """The portal hears it a second time at most: what it did once it does again without harm."""
    receiver.gate.clear()
    await logout(browser, tokens)
    killed = asyncio.create_task(deliver(one))
    await asyncio.wait_for(receiver.arrived.wait(), 10)
    killed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await killed
    receiver.gate.set()
    await deliver(one)
    assert len(receiver.received) == 1, "it may still be at work"
    one.clock.advance(LEASE_SECONDS)
    await deliver(one)
    assert len(receiver.received) == 2
    assert [row["state"] for row in await queued(one)] == ["delivered"]
    await deliver(one)
    assert len(receiver.received) == 2


async def test_a_portal_that_does_not_answer_keeps_no_other_waiting(
    one: Provider, browser: Browser, tokens: Tokens, receiver: ReceivingPortal
) -> None:
    async with receiving_portal() as stuck:
        stuck.gate.clear()
        await add_portal(one, "stuck", stuck.uri)
        await one.tokens("stuck", HOA, browser)
        await logout(browser, tokens)
        round_ = asyncio.create_task(deliver(one))
        await asyncio.wait_for(asyncio.gather(stuck.arrived.wait(), receiver.arrived.wait()), 10)
        stuck.gate.set()
        await round_
    assert {row["state"] for row in await queued(one)} == {"delivered"}


async def test_deliveries_to_one_portal_at_a_time_are_few(one: Provider, receiver: ReceivingPortal) -> None:
    for _ in range(AT_ONCE + 3):
        await one.tokens("told", HOA, one.browser())
    receiver.gate.clear()
    await one.lock(HOA)
    round_ = asyncio.create_task(deliver(one))
    await asyncio.wait_for(receiver.arrived.wait(), 10)
    receiver.gate.set()
    await round_
    assert len(receiver.received) == AT_ONCE + 3
    assert receiver.most_at_once <= AT_ONCE


async def test_the_operators_network_is_not_called_without_their_leave(
    one: Provider, browser: Browser, tokens: Tokens, receiver: ReceivingPortal
) -> None:
    await logout(browser, tokens)
    await deliver(one, networks=())
    (row,) = await queued(one)
    assert (row["state"], row["last_error"]) == ("waiting", "address_not_allowed")
    assert receiver.received == []


async def test_the_workers_do_it_by_themselves(
    database_url: str,
    registers_url: str,
    provider_ground: Ground,
    receiver: ReceivingPortal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(schedule, "LOGOUT_SECONDS", 0.05)
    async with running_provider(
        database_url, registers_url, provider_ground, outbound_networks=LOOPBACK
    ) as provider:
        await provider.another_worker()
        await provider.open_account(HOA)
        await add_portal(provider, "told", receiver.uri)
        browser = provider.browser()
        await logout(browser, await provider.tokens("told", HOA, browser))
        await asyncio.wait_for(receiver.arrived.wait(), 10)
    assert len(receiver.received) == 1
