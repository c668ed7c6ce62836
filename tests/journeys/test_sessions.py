"""How long a login holds, and who can end it."""

from __future__ import annotations

import html

from idp.accounts.sessions import end_all_sessions
from idp.jobs.backchannel_logout import LONGEST_PAUSE, MOST_ATTEMPTS
from idp.store.sessions import ABSOLUTE_LIFETIME, IDLE_LIFETIME
from tests.support.browsing import Browser
from tests.support.logouts import deliver, expire, follow_registers
from tests.support.on_sqlite import on_sqlite
from tests.support.population import AN, HOA, change_citizen
from tests.support.provider import Provider
from tests.support.receiving_portal import ReceivingPortal, status

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
SESSION = "__Host-motcua-session"


async def _is_signed_in(provider: Provider, browser: Browser) -> bool:
    _, visit = await provider.portal("ministry").send(browser, prompt="none")
    assert visit.error in {None, "login_required"}
    return visit.error is None


async def test_an_unused_session_ends_and_a_used_one_goes_on(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    await provider.enter("ministry", HOA, browser)
    for _ in range(3):
        provider.clock.advance(IDLE_LIFETIME - 61)
        assert await _is_signed_in(provider, browser)
    provider.clock.advance(IDLE_LIFETIME + 1)
    assert not await _is_signed_in(provider, browser)


async def test_no_session_outlives_its_day(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    await provider.enter("ministry", HOA, browser)
    step = IDLE_LIFETIME - 61
    for _ in range((ABSOLUTE_LIFETIME - 1) // step):
        provider.clock.advance(step)
        assert await _is_signed_in(provider, browser)
    provider.clock.advance(ABSOLUTE_LIFETIME % step)
    assert not await _is_signed_in(provider, browser)


async def test_a_cookie_planted_before_the_login_is_worth_nothing(settled_provider: Provider) -> None:
    provider, victim, thief = settled_provider, settled_provider.browser(), settled_provider.browser()
    planted = "A" * 43
    victim.set_cookie(SESSION, planted)
    thief.set_cookie(SESSION, planted)
    await provider.enter("ministry", HOA, victim)
    assert victim.cookies[SESSION] != planted
    assert not await _is_signed_in(provider, thief)


async def test_logging_in_over_the_session_of_a_thief_leaves_the_thief_nothing(
    settled_provider: Provider,
) -> None:
    provider, victim, thief = settled_provider, settled_provider.browser(), settled_provider.browser()
    await provider.enter("ministry", AN, thief)
    victim.set_cookie(SESSION, thief.cookies[SESSION])
    _, visit = await provider.portal("ministry").send(victim, prompt="login")
    await provider.settle(await provider.sign_in(visit, HOA))
    assert not await _is_signed_in(provider, thief)
    assert await _is_signed_in(provider, victim)


async def test_logging_in_again_gives_a_new_cookie(settled_provider: Provider) -> None:
    provider, browser, thief = settled_provider, settled_provider.browser(), settled_provider.browser()
    await provider.enter("ministry", HOA, browser)
    thief.set_cookie(SESSION, browser.cookies[SESSION])
    _, visit = await provider.portal("ministry").send(browser, prompt="login")
    await provider.sign_in(visit, HOA)
    assert not await _is_signed_in(provider, thief)
    assert await _is_signed_in(provider, browser)


async def test_cookies_are_for_this_host_for_https_and_for_no_script(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    _, login = await provider.portal("ministry").send(browser)
    form = next(form for form in login.forms if form.action.endswith("/login"))
    fields = dict(form.filled([("personal_number", HOA.number), ("password", "bốn con trâu qua sông")]))
    response = await browser.http.post(form.action, data=fields)
    set_cookies = response.headers.get_list("set-cookie")
    assert any(line.startswith(f"{SESSION}=") for line in set_cookies)
    for line in set_cookies:
        assert line.startswith("__Host-")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(line.split("; "))


async def test_a_person_ends_the_session_on_another_device(settled_provider: Provider) -> None:
    provider = settled_provider
    phone, desk = provider.browser(), provider.browser(agent=FIREFOX)
    tokens = await provider.tokens("dossiers", HOA, phone)
    await provider.enter("ministry", HOA, phone)
    await provider.enter("ministry", HOA, desk)

    page = await desk.open("/account")
    assert "Firefox" in page.text
    assert "Chrome" in page.text
    ended = [
        value
        for form in page.forms
        if form.action == "/account/sessions/end"
        for name, value in form.choices
        if name == "session" and value == tokens.claims["sid"]
    ]
    page = await page.submit(session=ended[0])
    assert 'class="done"' in page.text
    assert not await _is_signed_in(provider, phone)
    assert (await provider.portal("dossiers").userinfo(tokens.access_token)).status_code == 401
    assert (await provider.portal("dossiers").refresh(tokens.refresh_token)).status_code == 400
    assert await _is_signed_in(provider, desk)


async def test_a_person_ends_all_other_sessions(settled_provider: Provider) -> None:
    provider = settled_provider
    browsers = [provider.browser() for _ in range(3)]
    for browser in browsers:
        await provider.enter("ministry", HOA, browser)
    page = await browsers[0].open("/account")
    form = next(form for form in page.forms if form.action == "/account/sessions/end-others")
    await browsers[0].post(form.action, form.values)
    assert [await _is_signed_in(provider, browser) for browser in browsers] == [True, False, False]


async def test_nobody_ends_the_session_of_somebody_else(settled_provider: Provider) -> None:
    provider, mine, other = settled_provider, settled_provider.browser(), settled_provider.browser()
    theirs = await provider.tokens("ministry", AN, other)
    await provider.enter("ministry", HOA, mine)
    page = await mine.open("/account")
    form = next(form for form in page.forms if form.action == "/account/sessions/end")
    await mine.post(form.action, [*form.values, ("session", theirs.claims["sid"])])
    assert await _is_signed_in(provider, other)


async def test_ending_the_own_session_is_signing_out(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    tokens = await provider.tokens("ministry", HOA, browser)
    page = await (await browser.open("/account")).submit(session=tokens.claims["sid"])
    assert page.offers(personal_number=HOA.number, password="any")
    assert not await _is_signed_in(provider, browser)


async def test_staff_ends_all_sessions_of_a_person(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    await provider.enter("ministry", HOA, browser)
    await end_all_sessions(provider.context(), await provider.account(HOA), "officer-1")
    assert not await _is_signed_in(provider, browser)


@on_sqlite
async def test_the_person_reads_what_was_ended_by_whom_and_where(
    telling_provider: Provider, receiver: ReceivingPortal
) -> None:
    provider = telling_provider
    browser, phone = provider.browser(), provider.browser(agent=FIREFOX)
    await provider.tokens("told", HOA, phone)
    provider.clock.advance(IDLE_LIFETIME)
    await expire(provider)
    await deliver(provider)
    receiver.answer = lambda _: status(500)
    await provider.tokens("told", HOA, phone)
    await end_all_sessions(provider.context(), await provider.account(HOA), "officer-1")
    for _ in range(MOST_ATTEMPTS):
        await deliver(provider)
        provider.clock.advance(LONGEST_PAUSE)
    await provider.enter("ministry", HOA, phone)
    await change_citizen(provider.registers, HOA, card_status="locked")
    await follow_registers(provider)
    await change_citizen(provider.registers, HOA, card_status="valid")

    await provider.enter("ministry", HOA, browser)
    page = html.unescape((await browser.open("/account")).text)
    history = page[page.index('id="history"') :]
    for text in (
        "Một phiên đã kết thúc vì không còn được dùng",
        "Đã báo cho một dịch vụ là phiên đã kết thúc",
        "Cán bộ đã kết thúc một phiên",
        "Không báo được cho một dịch vụ là phiên đã kết thúc",
        "Các phiên đã kết thúc vì thông tin trong cơ sở dữ liệu về dân cư thay đổi",
    ):
        assert text in history


@on_sqlite
async def test_after_signing_out_the_person_reads_which_services_are_told(
    telling_provider: Provider,
) -> None:
    browser = telling_provider.browser()
    await telling_provider.tokens("told", HOA, browser)
    await telling_provider.tokens("province", HOA, browser)
    page = await (await browser.open("/logout")).submit(decision="logout")
    told, _, entered = page.text.partition('id="entered"')
    assert "Cổng dịch vụ công của Bộ" in told.partition('id="told"')[2]
    assert "Cổng dịch vụ công của tỉnh" in entered
