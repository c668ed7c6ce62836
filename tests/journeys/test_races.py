"""What works once works once: thirty-two at the same moment, spread over two workers, have exactly one winner."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import Any, TypeVar

import httpx2
from sqlalchemy import func, select

from idp.accounts.issuing import issue_activation_code
from idp.store.schema import accounts, activation_codes, refresh_tokens
from tests.support.browsing import Browser
from tests.support.population import AN, HOA
from tests.support.portals import Portal
from tests.support.provider import Provider

MANY = 32
T = TypeVar("T")

_ROTATED = (
    select(func.count().label("number"))
    .select_from(refresh_tokens)
    .where(refresh_tokens.c.rotated_at.is_not(None))
)
_ACCOUNTS = select(func.count().label("number")).select_from(accounts)
_LIVE_CODES = (
    select(func.count().label("number"))
    .select_from(activation_codes)
    .where(activation_codes.c.superseded_at.is_(None), activation_codes.c.used_at.is_(None))
)


async def _together(*attempts: Awaitable[T]) -> list[T]:
    return list(await asyncio.gather(*attempts))


def _outcomes(responses: list[httpx2.Response]) -> Counter[str]:
    return Counter(response.json().get("error", "ok") for response in responses)


async def _count(provider: Provider, query: Any) -> int:
    row = await provider.db.fetch_one(query)
    assert row is not None
    return int(row["number"])


async def _portals(provider: Provider, client_id: str) -> list[Portal]:
    """The client at each worker in turn."""
    second = await provider.another_worker()
    return [provider.portal(client_id), provider.portal(client_id, app=second)] * (MANY // 2)


async def test_one_code_gives_tokens_once_and_the_replay_takes_them_back(settled_provider: Provider) -> None:
    provider = settled_provider
    asked, visit = await provider.enter("dossiers", HOA)
    portals = await _portals(provider, "dossiers")
    responses = await _together(*(portal.redeem(asked, visit.code) for portal in portals))
    assert _outcomes(responses) == {"ok": 1, "invalid_grant": MANY - 1}
    won = next(response.json() for response in responses if response.status_code == 200)
    assert (await portals[0].userinfo(won["access_token"])).status_code == 401
    assert (await portals[0].refresh(won["refresh_token"])).json()["error"] == "invalid_grant"


async def test_one_refresh_token_is_rotated_once_and_all_are_told_the_same_successor(
    settled_provider: Provider,
) -> None:
    provider = settled_provider
    tokens = await provider.tokens("dossiers", HOA)
    portals = await _portals(provider, "dossiers")
    responses = await _together(*(portal.refresh(tokens.refresh_token) for portal in portals))
    assert _outcomes(responses) == {"ok": MANY}
    successors = {response.json()["refresh_token"] for response in responses}
    assert len(successors) == 1
    assert await _count(provider, _ROTATED) == 1
    assert (await portals[0].refresh(successors.pop())).status_code == 200


async def test_one_assertion_proves_its_client_once(provider: Provider) -> None:
    portals = await _portals(provider, "machine-es256")
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": portals[0].credentials()[0]["client_assertion_type"],
        "client_assertion": portals[0].assertion(),
    }
    responses = await _together(*(portal.http.post("/token", data=form) for portal in portals))
    assert _outcomes(responses) == {"ok": 1, "invalid_client": MANY - 1}


async def _at_the_password_page(provider: Provider, code: str, app: Any) -> Browser:
    browser = provider.browser(app=app)
    await (await browser.open("/activate")).submit(personal_number=HOA.number, code=code)
    return browser


async def _set_password(browser: Browser, password: str) -> int:
    visit = await browser.open("/activate/password")
    return (await visit.submit(password=password, password_again=password)).status


async def test_one_activation_code_sets_one_password(provider: Provider) -> None:
    code = await provider.activation_code(HOA)
    second = await provider.another_worker()
    browsers = [await _at_the_password_page(provider, code, app) for app in [None, second] * (MANY // 2)]
    passwords = [f"con trâu thứ {number} qua sông lớn" for number in range(MANY)]
    statuses = await _together(*map(_set_password, browsers, passwords))
    assert Counter(statuses) == {200: 1, 400: MANY - 1}
    assert Counter(event.outcome for event in await provider.events("activation")) == {
        "ok": 1,
        "used": MANY - 1,
    }
    winner = passwords[statuses.index(200)]
    _, visit = await provider.portal("ministry").send(provider.browser())
    assert (await provider.sign_in(visit, HOA, winner)).offers(decision="continue")


async def test_one_interaction_ends_with_one_code(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    _, visit = await provider.portal("ministry").send(browser)
    visit = await provider.sign_in(visit, HOA)
    ended = await _together(*(visit.submit(decision="continue") for _ in range(MANY)))
    codes = [one.code for one in ended if one.answer is not None]
    assert len(codes) == 1
    assert {one.told("error-code") for one in ended if one.answer is None} == {"already_finished"}
    authorized = [event for event in await provider.events("authorization") if event.outcome == "ok"]
    assert len(authorized) == 1


async def test_cancelling_and_agreeing_at_once_gives_one_answer(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    _, visit = await provider.portal("ministry").send(browser)
    visit = await provider.sign_in(visit, HOA)
    ended = await _together(
        *(visit.submit(decision=decision) for decision in ["continue", "cancel"] * (MANY // 2))
    )
    assert len([one for one in ended if one.answer is not None]) == 1


async def test_many_officers_open_one_account(provider: Provider) -> None:
    context = provider.context()
    issued = await _together(
        *(issue_activation_code(context, AN.number, f"officer-{number}") for number in range(MANY))
    )
    assert len({one.account_id for one in issued}) == 1
    assert await _count(provider, _ACCOUNTS) == 1
    assert await _count(provider, _LIVE_CODES) == 1


async def test_many_portals_at_once_share_one_session(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    await provider.enter("ministry", HOA, browser)
    provider.clock.advance(120)  # each hop wants to note the use of the session
    hops = await _together(*(provider.portal("ministry").send(browser) for _ in range(MANY)))
    assert len({visit.code for _, visit in hops}) == MANY
    assert {visit.hops for _, visit in hops} == {0}
