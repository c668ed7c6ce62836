"""Guessing is slowed and nobody is locked out by it."""

from __future__ import annotations

from idp.authentication.throttle import STRANGERS
from tests.support.browsing import Browser, Visit
from tests.support.population import HOA, MAI
from tests.support.provider import Provider

WRONG = "không phải mật khẩu này"


async def _login_page(provider: Provider, browser: Browser) -> Visit:
    _, visit = await provider.portal("ministry").send(browser, prompt="login")
    return visit


async def _hammer(provider: Provider, times: int) -> Visit:
    """Strangers, each in a fresh browser and from another network, guess at one account."""
    visit = None
    for number in range(times):
        page = await _login_page(provider, provider.browser(address=f"203.0.{number}.9"))
        visit = await provider.sign_in(page, HOA, WRONG)
    assert visit is not None
    return visit


async def test_strangers_are_slowed_and_the_person_gets_in_on_a_known_browser(
    settled_provider: Provider,
) -> None:
    provider, mine = settled_provider, settled_provider.browser()
    await provider.enter("ministry", HOA, mine)
    visit = await _hammer(provider, STRANGERS.burst + 1)
    assert visit.status == 429
    assert visit.told("error-summary-title")
    assert "07:02" in visit.text, "the page says when to try again"

    page = await _login_page(provider, mine)
    assert (await provider.sign_in(page, HOA)).code, "while strangers hammer"


async def test_a_throttled_guess_is_told_the_same_right_or_wrong(settled_provider: Provider) -> None:
    provider = settled_provider
    await _hammer(provider, STRANGERS.burst)
    page = await _login_page(provider, provider.browser())
    wrong, right = await provider.sign_in(page, HOA, WRONG), await provider.sign_in(page, HOA)
    assert (wrong.status, right.status) == (429, 429)
    assert {event.outcome for event in (await provider.events("login"))[-2:]} == {"throttled"}


async def test_others_are_not_slowed_by_it(settled_provider: Provider) -> None:
    provider = settled_provider
    await _hammer(provider, STRANGERS.burst + 1)
    page = await _login_page(provider, provider.browser())
    assert (await provider.sign_in(page, MAI)).offers(decision="continue")


async def test_time_alone_opens_the_way_again(settled_provider: Provider) -> None:
    provider = settled_provider
    await _hammer(provider, STRANGERS.burst + 1)
    provider.clock.advance(STRANGERS.interval_ms // 1000)
    page = await _login_page(provider, provider.browser())
    assert (await provider.sign_in(page, HOA)).offers(decision="continue")


async def test_a_person_who_mistypes_often_gets_in_after_a_while(settled_provider: Provider) -> None:
    provider, mine = settled_provider, settled_provider.browser()
    await provider.enter("ministry", HOA, mine)
    page = await _login_page(provider, mine)
    statuses = [(await provider.sign_in(page, HOA, WRONG)).status for _ in range(12)]
    assert statuses[:10] == [401] * 10
    assert statuses[10:] == [429] * 2
    provider.clock.advance(61)
    assert (await provider.sign_in(page, HOA)).code


async def test_unknown_numbers_are_slowed_like_known_ones(settled_provider: Provider) -> None:
    provider = settled_provider
    statuses = []
    for _ in range(STRANGERS.burst + 1):
        page = await _login_page(provider, provider.browser())
        visit = await page.submit(personal_number="001184999999", password=WRONG)
        statuses.append(visit.status)
    assert statuses == [401] * STRANGERS.burst + [429]
