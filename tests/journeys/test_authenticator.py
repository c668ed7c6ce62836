"""A person's authenticator app: who may add it, change when it is asked for, and take it away."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from idp.accounts.authenticator import remove_by_staff
from idp.accounts.locking import unlock_account
from idp.store.person_schema import authenticators
from tests.support.authenticator import PAGE, WRONG, App, add_app, open_page, press, read_secret
from tests.support.browsing import Browser, Visit
from tests.support.population import AN, HOA
from tests.support.provider import PASSWORD, Provider

_ALL = select(authenticators)
CHANGES = ("begin", "confirm", "when", "remove")


def _asks_login(visit: Visit) -> bool:
    return visit.offers(personal_number=HOA.number, password=PASSWORD)


async def _signed_in(provider: Provider) -> Browser:
    browser = provider.browser()
    await provider.enter("ministry", HOA, browser)
    return browser


async def _rows(provider: Provider) -> list[tuple[Any, ...]]:
    rows = await provider.db.fetch_all(_ALL)
    return [tuple(row[column.name] for column in authenticators.columns) for row in rows]


async def _send(browser: Browser, change: str, **fields: str) -> Visit:
    """One of the page's forms, by somebody who need not have seen the page."""
    page = await browser.open("/activate")  # any page has a token of this browser
    token = [pair for pair in page.forms[0].values if pair[0] == "csrf_token"]
    return await browser.post(f"{PAGE}/{change}", [*token, *fields.items()])


async def test_an_app_is_added_and_the_session_has_been_proven_with_it(strong: Provider) -> None:
    browser = strong.browser()
    assert "chưa có" in (await open_page(strong, browser, address="/account")).told("authenticator")
    visit = await press(await open_page(strong, browser), "/begin")
    assert "<svg" in visit.text
    assert "otpauth://totp/" in visit.text
    assert HOA.number not in visit.text
    app = App(read_secret(visit), strong.clock)
    wrong = await press(visit, "/confirm", code=WRONG)
    assert (wrong.status, wrong.told("secret")) == (400, visit.told("secret")), (
        "the same secret, to try again"
    )
    done = await press(wrong, "/confirm", code=app.code())
    assert "Đã thêm ứng dụng xác thực" in done.text
    assert done.told("authenticator") == "đã thêm"
    tokens = await strong.tokens("ministry", HOA, browser)
    assert tokens.claims["acr"].endswith("/acr/2")
    assert tokens.claims["amr"] == ["pwd", "otp"]
    assert "Thêm ứng dụng xác thực" in (await browser.open("/account")).text, "it stands in the history"


@pytest.mark.parametrize("change", CHANGES)
async def test_every_change_requires_a_fresh_login(strong: Provider, change: str) -> None:
    browser = await _signed_in(strong)
    strong.clock.advance(10 * 60 + 1)
    visit = await _send(browser, change, code=WRONG, when="always")
    assert _asks_login(visit)
    assert "đăng nhập lại" in visit.text
    assert (await _rows(strong)) == []


@pytest.mark.parametrize("change", CHANGES)
async def test_no_change_without_the_app_where_there_is_one(strong: Provider, change: str) -> None:
    """The password alone, however fresh, neither removes the app nor adds another."""
    await add_app(strong, strong.browser())
    before = await _rows(strong)
    thief = await _signed_in(strong)
    visit = await _send(thief, change, code=WRONG, when="always")
    assert visit.offers(code=""), "the app's code is asked for first"
    assert await _rows(strong) == before


async def test_an_old_strong_session_is_not_enough_to_remove_it(strong: Provider) -> None:
    browser = strong.browser()
    app = await add_app(strong, browser)
    strong.clock.advance(11 * 60)
    visit = await _send(browser, "remove")
    assert _asks_login(visit)
    visit = await strong.sign_in(visit, HOA)
    assert visit.offers(code=""), "a new login has to be as strong"
    visit = await visit.submit(code=app.code())
    assert visit.path == PAGE
    visit = await press(visit, "/remove")
    assert "Đã gỡ ứng dụng xác thực" in visit.text
    assert await _rows(strong) == []


async def test_forms_of_other_sites_change_nothing(strong: Provider) -> None:
    browser = await _signed_in(strong)
    for change in CHANGES:
        visit = await browser.post(f"{PAGE}/{change}", [("code", WRONG)])
        assert visit.told("error-code") == "csrf_failed"


async def test_the_person_may_want_to_be_asked_every_time(strong: Provider) -> None:
    browser = strong.browser()
    app = await add_app(strong, browser)
    visit = await press(await browser.open(PAGE), "/when", when="always")
    assert visit.told("when") == "mỗi lần đăng nhập"
    other = strong.browser()
    _, visit = await strong.portal("ministry").send(other)
    visit = await strong.sign_in(visit, HOA)
    assert visit.offers(code="")
    _, silent = await strong.portal("ministry").send(other, prompt="none")
    assert silent.error == "login_required", "the password alone opens no portal"
    assert (await other.open("/account")).offers(code=""), "nor the account"
    visit = await (await other.open(visit.address)).submit(code=app.code())
    assert visit.offers(decision="continue") or visit.code

    await press(await browser.open(PAGE), "/when", when="needed")
    third = strong.browser()
    _, visit = await strong.portal("ministry").send(third)
    assert not (await strong.sign_in(visit, HOA)).offers(code="")


async def test_a_new_password_and_a_lock_leave_the_app_where_it_is(strong: Provider) -> None:
    app = await add_app(strong, strong.browser())
    before = await _rows(strong)
    browser = strong.browser()
    visit = await (await browser.open("/activate")).submit(
        personal_number=HOA.number, code=await strong.activation_code(HOA)
    )
    await visit.submit(password=PASSWORD, password_again=PASSWORD)
    await strong.lock(HOA)
    assert await unlock_account(strong.context(), await strong.account(HOA), "officer-1")
    assert await _rows(strong) == before
    visit = await open_page(strong, strong.browser())
    assert visit.offers(code=""), "whoever has a new password has not got the app yet"
    assert (await visit.submit(code=app.code())).told("when")


async def test_an_officer_removes_it_for_somebody_who_lost_the_phone(strong: Provider) -> None:
    browser = strong.browser()
    await add_app(strong, browser)
    account = await strong.account(HOA)
    assert await remove_by_staff(strong.context(), account, "officer-1")
    assert not await remove_by_staff(strong.context(), account, "officer-1")
    assert _asks_login(await browser.open("/account")), "whoever holds the phone is signed in no more"
    event = (await strong.events("authenticator.removed"))[-1]
    assert (event.outcome, event.details) == ("ok", {"officer": "officer-1"})
    visit = await open_page(strong, strong.browser(), address="/account")
    assert "Gỡ ứng dụng xác thực" in visit.text, "the person sees it in the history"


async def test_an_unfinished_enrolment_ends_after_a_quarter_of_an_hour(strong: Provider) -> None:
    browser = strong.browser()
    visit = await press(await open_page(strong, browser), "/begin")
    secret = read_secret(visit)
    strong.clock.advance(15 * 60)
    visit = await press(await open_page(strong, browser), "/begin")
    assert read_secret(visit) != secret
    strong.clock.advance(11 * 60)
    visit = await strong.sign_in(await press(visit, "/confirm", code=WRONG), HOA)
    assert visit.told("secret"), "who installs an app for long logs in anew and goes on with the same secret"


async def test_another_person_in_the_same_browser_answers_for_themselves(strong: Provider) -> None:
    """The page asks one person; in another tab somebody else signs in; the first one's code is worth nothing now."""
    hoas, ans = await add_app(strong, strong.browser()), await add_app(strong, strong.browser(), AN)
    browser, essential = strong.browser(), '{"id_token":{"acr":{"essential":true,"values":["LoA2"]}}}'
    _, page = await strong.portal("ministry").send(browser, claims=essential)
    page = await strong.sign_in(page, HOA)
    _, other = await strong.portal("ministry").send(browser, prompt="login")
    await strong.sign_in(other, AN)
    visit = await page.submit(code=hoas.code())
    assert (visit.status, visit.offers(code="")) == (409, True)
    assert AN.name in visit.text
    visit = await visit.submit(code=hoas.code())
    assert visit.status == 401, "nor is it when An's page is asked"
    asked, visit = await strong.portal("ministry").send(browser, claims=essential)
    visit = await strong.settle(await visit.submit(code=ans.code()))
    tokens = await strong.portal("ministry").tokens(asked, visit)
    assert tokens.sub == (await strong.tokens("ministry", AN)).sub


async def test_a_step_up_gives_a_new_cookie(strong: Provider) -> None:
    app, browser = await add_app(strong, strong.browser()), await _signed_in(strong)
    name = next(name for name in browser.cookies if "session" in name)
    taken = browser.cookies[name]
    _, visit = await strong.portal("ministry").send(browser, acr_values="LoA2")
    assert (await visit.submit(code=app.code())).code
    thief = strong.browser()
    thief.set_cookie(name, taken)
    assert _asks_login(await thief.open("/account"))


async def test_a_session_that_ended_meanwhile_is_not_raised(strong: Provider) -> None:
    app, browser = await add_app(strong, strong.browser()), await _signed_in(strong)
    _, page = await strong.portal("ministry").send(browser, acr_values="LoA2")
    away = await open_page(strong, strong.browser(), address="/account")
    await away.submit(session=next(v for f in away.forms for n, v in f.choices if n == "session"))
    await press(await open_page(strong, away.browser, address="/account"), "/end-others")
    visit = await page.submit(code=app.code())
    assert _asks_login(visit)
    assert _asks_login(await browser.open("/account"))
