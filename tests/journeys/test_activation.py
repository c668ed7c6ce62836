"""A person without an account activates it with the code that an officer gave them."""

from __future__ import annotations

import re

import pytest

from idp.accounts.activation_code import LIFETIME
from tests.support.browsing import Browser, Visit
from tests.support.population import AN, GIANG, HOA, LAN, NOBODYS_NUMBER, change_citizen
from tests.support.provider import PASSWORD, Provider

CHOSEN = "mười hai con giáp chạy đua"


async def _enter(browser: Browser, number: str, code: str) -> Visit:
    return await (await browser.open("/activate")).submit(personal_number=number, code=code)


async def _choose(visit: Visit, password: str = CHOSEN, again: str | None = None) -> Visit:
    return await visit.submit(password=password, password_again=again or password)


def _alike(visit: Visit, number: str) -> str:
    """A page without what differs from one showing to the next."""
    text = re.sub(r'name="csrf_token" value="[^"]*"', "", visit.text).replace(number, "")
    return re.sub(r"[0-9a-f]{16}", "", text)


async def test_a_code_leads_to_a_password_and_the_password_into_a_portal(provider: Provider) -> None:
    browser = provider.browser()
    code = await provider.activation_code(HOA)
    visit = await _enter(browser, HOA.number, f" {code[:5].lower()}-{code[5:]} ")
    assert visit.path == "/activate/password"
    visit = await _choose(visit)
    assert visit.status == 200
    assert HOA.name in visit.text
    assert HOA.number not in visit.text, "the receipt tells the last digits only"

    asked, visit = await provider.portal("ministry").send(browser)
    visit = await provider.settle(await provider.sign_in(visit, HOA, CHOSEN))
    assert (await provider.portal("ministry").tokens(asked, visit)).sub
    assert [event.outcome for event in await provider.events("activation")] == ["ok"]


async def test_every_refusal_looks_the_same_and_the_audit_log_tells_them_apart(provider: Provider) -> None:
    used = await provider.activation_code(HOA)
    await _choose(await _enter(provider.browser(), HOA.number, used))
    superseded = await provider.activation_code(AN)
    expired = await provider.activation_code(AN)
    cases = {
        "unknown_number": (NOBODYS_NUMBER, used),
        "no_account": (GIANG.number, used),
        "wrong_code": (HOA.number, "AAAAA-AAAAA"),
        "used": (HOA.number, used),
        "superseded": (AN.number, superseded),
    }
    seen = {}
    for outcome, (number, code) in cases.items():
        visit = await _enter(provider.browser(), number, code)
        assert (await provider.events("activation"))[-1].outcome == outcome
        seen[outcome] = (visit.status, _alike(visit, number))
    provider.clock.advance(LIFETIME)
    visit = await _enter(provider.browser(), AN.number, expired)
    assert (await provider.events("activation"))[-1].outcome == "expired"
    seen["expired"] = (visit.status, _alike(visit, AN.number))
    for _ in range(25):
        visit = await _enter(provider.browser(), AN.number, "AAAAA-AAAAA")
    assert (await provider.events("activation"))[-1].outcome == "throttled"
    seen["throttled"] = (visit.status, _alike(visit, AN.number))
    assert len(set(seen.values())) == 1, "a stranger cannot tell one refusal from another"
    assert visit.status == 400


async def test_refusals_set_the_same_headers(provider: Provider) -> None:
    await provider.activation_code(HOA)
    varying = {"x-request-id", "set-cookie", "content-length"}
    headers = []
    for number in (HOA.number, NOBODYS_NUMBER):
        visit = await _enter(provider.browser(), number, "AAAAA-AAAAA")
        kept = {name: value for name, value in visit.response.headers.items() if name not in varying}
        headers.append((kept, len(visit.response.headers)))
    assert headers[0] == headers[1]


async def test_too_many_wrong_tries_do_not_lock_the_right_person_out(provider: Provider) -> None:
    code = await provider.activation_code(HOA)
    for _ in range(25):
        await _enter(provider.browser(address="203.0.113.5"), HOA.number, "AAAAA-AAAAA")
    assert (await provider.events("activation"))[-1].outcome == "throttled"
    visit = await _choose(await _enter(provider.browser(), HOA.number, code))
    assert visit.status == 200
    assert (await provider.events("activation"))[-1].outcome == "ok"


@pytest.mark.parametrize(
    ("password", "again"),
    [
        ("ngắn", None),
        (HOA.number, None),
        ("nguyenthihoa1984", None),
        ("matkhau123456789", None),
        (CHOSEN, f"{CHOSEN} khác"),
    ],
)
async def test_a_weak_password_is_explained_and_costs_no_code(
    provider: Provider, password: str, again: str | None
) -> None:
    code = await provider.activation_code(HOA)
    visit = await _enter(provider.browser(), HOA.number, code)
    visit = await _choose(visit, password, again)
    assert visit.status == 400
    assert visit.told("error-summary-title")
    assert f'value="{password}"' not in visit.text.replace(f'readonly value="{HOA.number}"', "")
    assert (await _choose(visit)).status == 200


async def test_a_locked_card_is_told_to_who_has_the_right_code_and_to_nobody_else(provider: Provider) -> None:
    code = await provider.activation_code(HOA)
    await change_citizen(provider.registers, HOA, card_status="locked")
    visit = await _enter(provider.browser(), HOA.number, code)
    assert (visit.status, visit.told("stop-reason")) == (403, "card_locked")
    visit = await _enter(provider.browser(), HOA.number, "AAAAA-AAAAA")
    assert (visit.status, visit.told("stop-reason")) == (400, "")
    assert LAN.card_status == "locked"


async def test_a_child_is_activated_with_a_guardian(provider: Provider) -> None:
    code = await provider.activation_code(GIANG, with_guardian=True)
    assert (await _choose(await _enter(provider.browser(), GIANG.number, code))).status == 200


async def test_the_second_page_needs_the_browser_of_the_first(provider: Provider) -> None:
    mine, other = provider.browser(), provider.browser()
    await _enter(mine, HOA.number, await provider.activation_code(HOA))
    await other.open("/activate")
    for name, value in mine.cookies.items():
        if "activation" in name:
            other.set_cookie(name, value)
    visit = await other.open("/activate/password")
    assert visit.path == "/activate"


async def test_sending_the_password_twice_changes_it_once(provider: Provider) -> None:
    visit = await _enter(provider.browser(), HOA.number, await provider.activation_code(HOA))
    assert (await _choose(visit)).status == 200
    again = await _choose(visit, "một mật khẩu hoàn toàn khác hẳn")
    assert again.status == 400
    _, login = await provider.portal("ministry").send(provider.browser())
    assert (await provider.sign_in(login, HOA, CHOSEN)).offers(decision="continue")


async def test_a_new_password_ends_what_the_old_one_opened(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    tokens = await provider.tokens("ministry", HOA, browser)
    code = await provider.activation_code(HOA)
    await _choose(await _enter(provider.browser(), HOA.number, code))
    assert (await provider.portal("ministry").userinfo(tokens.access_token)).status_code == 401
    _, visit = await provider.portal("ministry").send(browser)
    assert (await provider.sign_in(visit, HOA, PASSWORD)).status == 401, "the old password is gone"
