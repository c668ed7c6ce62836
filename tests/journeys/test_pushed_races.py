"""One pushed request gives one answer, however many tabs are open, at whichever worker."""

from __future__ import annotations

import asyncio
from collections import Counter

from sqlalchemy import func, select

from idp.store.schema import grants
from tests.support.browsing import Browser, Visit
from tests.support.fapi import FapiPortal
from tests.support.installation import ISSUER
from tests.support.population import HOA
from tests.support.provider import Provider

MANY = 32
_GRANTS = select(func.count().label("number")).select_from(grants)


async def _grants(provider: Provider) -> int:
    row = await provider.db.fetch_one(_GRANTS)
    assert row is not None
    return int(row["number"])


def _outcomes(visits: list[Visit]) -> Counter[str]:
    """What the portal was told, or the page that the person was shown."""
    return Counter(
        "code" if visit.answer else f"{visit.status} {visit.told('error-code')}" for visit in visits
    )


async def _tabs(provider: Provider, browser: Browser) -> list[Browser]:
    """The same browser at each of two workers in turn."""
    other = provider.browser(app=await provider.another_worker())
    for name, value in browser.cookies.items():
        other.set_cookie(name, value)
    return [browser, other] * (MANY // 2)


async def test_many_tabs_with_a_session_get_one_code(settled_provider: Provider) -> None:
    provider = settled_provider
    fapi = await FapiPortal.register(provider)
    browser = provider.browser()
    await fapi.enter(provider, HOA, browser)
    pushed, before = await fapi.push(), await _grants(provider)
    address = pushed.address(ISSUER)
    visits = await asyncio.gather(*(tab.open(address) for tab in await _tabs(provider, browser)))
    outcomes = _outcomes(list(visits))
    assert outcomes.pop("code") == 1
    assert set(outcomes) <= {"409 already_finished", "400 invalid_request_uri"}
    assert await _grants(provider) == before + 1
    won = next(visit for visit in visits if visit.answer)
    assert (await fapi.tokens(pushed.asked, won)).sub


async def test_many_logins_for_one_request_get_one_code(settled_provider: Provider) -> None:
    """Each tab has an interaction of its own, begun in time."""
    provider = settled_provider
    fapi = await FapiPortal.register(provider)
    pushed, browser = await fapi.push(), provider.browser()
    first = await browser.open(pushed.address(ISSUER))
    opened = [first, *[await browser.open(pushed.address(ISSUER)) for _ in range(MANY - 1)]]
    signed_in = await provider.sign_in(first, HOA)
    assert signed_in.answer is None, "a notice is read first"
    forms = [visit.path for visit in opened]
    shown = await asyncio.gather(*(browser.open(path) for path in forms))
    visits = await asyncio.gather(*(visit.submit(decision="continue") for visit in shown))
    outcomes = _outcomes(list(visits))
    assert outcomes == {"code": 1, "409 already_finished": MANY - 1}
    assert await _grants(provider) == 1


async def test_a_code_and_a_refusal_do_not_go_together(settled_provider: Provider) -> None:
    """Half of the tabs go on, the other half goes back."""
    provider = settled_provider
    fapi = await FapiPortal.register(provider)
    browser = provider.browser()
    await fapi.enter(provider, HOA, browser)
    pushed = await fapi.push(prompt="login")
    opened = [await browser.open(pushed.address(ISSUER)) for _ in range(4)]
    answers = await asyncio.gather(
        *(
            browser.post(f"{visit.path}/cancel", visit.forms[0].filled([]))
            if number % 2
            else provider.sign_in(visit, HOA)
            for number, visit in enumerate(opened)
        )
    )
    assert sum(visit.answer is not None for visit in answers) == 1
