"""At the same moment, on both databases: whatever may happen once happens once, and what has ended stays ended.

Codes, refresh tokens, assertions, interactions and activation codes race in tests/journeys/test_races.py; device codes,
steps of an app and the last use of a token beside their own rules.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import Any, TypeVar

from tests.support.browsing import Visit
from tests.support.devices import TV, add_clients, arrive, ask, let_in
from tests.support.population import HOA, KHANG
from tests.support.portals import ASSERTION_TYPE, Portal
from tests.support.provider import Provider
from tests.support.registering import PORTAL, initial_token, registered
from tests.support.registering import ask as ask_registration

MANY = 12
T = TypeVar("T")


async def _together(*attempts: Awaitable[T]) -> list[T]:
    return list(await asyncio.gather(*attempts))


async def _workers(provider: Provider, client_id: str) -> list[Portal]:
    second: Any = await provider.another_worker()
    return [provider.portal(client_id), provider.portal(client_id, app=second)] * (MANY // 2)


async def test_agreeing_and_refusing_at_once_is_one_answer(one: Provider) -> None:
    _, visit = await one.portal("province").send(one.browser(), scope="openid profile")
    page = await one.sign_in(visit, HOA)

    async def answer(turn: int) -> Visit:
        if turn % 2:
            return await page.submit(decision="deny")
        return await page.submit(decision="allow", claim=["name"])

    visits = await _together(*(answer(turn) for turn in range(MANY)))
    (answered,) = [visit for visit in visits if visit.answer is not None]
    given, denied = await one.events("consent.given"), await one.events("consent.denied")
    assert len(given) + len(denied) == 1
    assert bool(given) == ("code" in answered.given)


async def test_two_people_at_one_user_code_let_in_one_device_for_one_of_them(one: Provider) -> None:
    await add_clients(one, TV)
    device = await ask(one)
    pages = [
        await arrive(one, one.browser(), device, HOA),
        await arrive(one, one.browser(address="192.0.2.77"), device, KHANG),
    ]
    visits = await _together(*(page.submit(decision="confirm") for page in pages * (MANY // 2)))
    visits = [visit for visit in visits if visit.status == 200]
    for visit in visits:
        await _through(visit)
    answers = await _together(*(device.poll() for _ in range(4)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 3}
    approved = [event for event in await one.events("authorization") if event.client_id == "tv"]
    assert len([event for event in approved if event.outcome == "ok"]) == 1


async def _through(visit: Visit) -> None:
    """Agree to what is asked after the confirmation, as far as it leads."""
    for _ in range(4):
        if visit.offers(decision="allow"):
            claims = [value for form in visit.forms for name, value in form.choices if name == "claim"]
            visit = await visit.submit(decision="allow", claim=claims)
        elif visit.offers(acting_for="self"):
            visit = await visit.submit(acting_for="self")


async def test_approving_and_refusing_a_device_at_once_is_one_answer(one: Provider) -> None:
    await add_clients(one, TV)
    device = await ask(one, scope="openid")
    page = await arrive(one, one.browser(), device, HOA)
    visits = await _together(
        *(page.submit(decision=decision) for decision in ["confirm", "deny"] * (MANY // 2))
    )
    assert len([visit for visit in visits if visit.status == 200 and not visit.forms]) <= MANY
    outcome = await device.poll()
    ended = [event for event in await one.events("authorization") if event.client_id == "tv"]
    assert len(ended) == 1, [event.outcome for event in ended]
    assert (outcome.status_code == 200) == (ended[0].outcome == "ok")


async def test_one_assertion_is_one_at_all_endpoints_together(one: Provider) -> None:
    portals = await _workers(one, "machine-es256")
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": portals[0].assertion(),
    }
    paths = ("/token", "/introspect", "/revoke", "/token")
    attempts = [(portal, paths[turn % 4]) for turn, portal in enumerate(portals)]
    answers = await _together(
        *(
            portal.http.post(path, data=form if path == "/token" else {**form, "token": "x"})
            for portal, path in attempts
        )
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: MANY - 1}


async def test_a_token_for_three_registers_three(one: Provider) -> None:
    token = await initial_token(one, uses=3)
    answers = await _together(*(ask_registration(one, token, **PORTAL) for _ in range(MANY)))
    assert Counter(answer.status_code for answer in answers) == {201: 3, 401: MANY - 3}
    assert len(await one.events("client.registered")) == 3


async def test_what_is_revoked_while_it_is_refreshed_stays_revoked(one: Provider) -> None:
    portals = await _workers(one, "dossiers")
    first = await one.tokens("dossiers", HOA)
    refreshing = [portal.refresh(first.refresh_token) for portal in portals[1:]]
    answers = await _together(portals[0].post("/revoke", token=first.refresh_token), *refreshing)
    assert answers[0].status_code == 200
    for answer in answers[1:]:
        if answer.status_code == 200:
            told = answer.json()
            assert (await portals[0].userinfo(told["access_token"])).status_code == 401
            assert (await portals[0].refresh(told["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await portals[0].userinfo(first.access_token)).status_code == 401


async def test_a_code_redeemed_while_the_person_logs_out_opens_nothing_afterwards(one: Provider) -> None:
    browser, dossiers = one.browser(), one.portal("dossiers")
    asked, visit = await one.enter("dossiers", HOA, browser)
    page = await browser.open("/logout")
    answer, _ = await asyncio.gather(dossiers.redeem(asked, visit.code), page.submit(decision="logout"))
    if answer.status_code == 200:
        assert (await dossiers.userinfo(answer.json()["access_token"])).status_code == 401
        assert (await dossiers.refresh(answer.json()["refresh_token"])).status_code == 400


async def test_a_client_removed_while_it_works_works_no_more(one: Provider) -> None:
    client = await registered(one, await initial_token(one), token_endpoint_auth_method="client_secret_basic")
    portal = one.portal(client.at_work())
    working = [portal.post("/introspect", token="x") for _ in range(MANY)]
    gone, *answers = await _together(client.manage("DELETE"), *working)
    assert gone.status_code == 204
    assert {answer.status_code for answer in answers} <= {200, 401}
    assert (await portal.post("/introspect", token="x")).status_code == 401


async def test_a_device_let_in_while_its_session_is_ended_is_out(one: Provider) -> None:
    await add_clients(one, TV)
    browser, device = one.browser(), await ask(one)
    await let_in(one, browser, device, HOA)
    page = await browser.open("/account")
    ends = next(form for form in page.forms if form.action.endswith("end-others"))
    answer, _ = await asyncio.gather(device.poll(), browser.post(ends.action, ends.values))
    if answer.status_code == 200:
        assert (await device.portal.userinfo(answer.json()["access_token"])).status_code == 401
