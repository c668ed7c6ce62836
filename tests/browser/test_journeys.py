"""What people do, in a real browser, with JavaScript and without, in both languages, on a launched demo.

Every page on the way is judged (`Walk.look`), and the browser may object to nothing.
"""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import StartWalk
from tests.browser.walk import MANNERS, Manner, Walk
from tests.support.launched_demo import LaunchedDemo

pytestmark = [pytest.mark.slow, pytest.mark.browser]
in_both_manners = pytest.mark.parametrize("manner", MANNERS, ids=str)

PLAIN_VIETNAMESE = Manner("vi", javascript=False)


@in_both_manners
async def test_one_login_opens_two_portals_and_one_logout_ends_it(
    demo: LaunchedDemo, start_walk: StartWalk, manner: Manner
) -> None:
    citizen, walk = await demo.take_citizen(), await start_walk(manner)
    await walk.page.goto(demo.portal("ministry"))
    await walk.look("ministry before")
    await walk.press("main a.button")
    await walk.look("login")
    await walk.give_password(citizen)
    await walk.look("notice")
    notice = await walk.text()
    for told in (citizen.name, citizen.personal_number, "Bộ Tư pháp", "Luật Hộ tịch số 60/2014/QH13"):
        assert told in notice
    await walk.press("#continue")
    await walk.look("ministry inside")
    assert await walk.page.locator("#name").inner_text() == citizen.name
    assert await walk.page.locator("#level").inner_text() == "Mức 1: một yếu tố xác thực"
    assert citizen.personal_number in await walk.text()

    walk.shown.clear()
    await walk.begin_at(demo.portal("province"))
    assert walk.shown == []  # not one page of the provider
    await walk.look("province inside")
    assert "0 trang" in await walk.page.locator("#pages").inner_text()
    assert "Cổng này không nhận dữ liệu cá nhân nào" in await walk.text()
    assert citizen.name not in await walk.page.content()

    await walk.page.goto(demo.portal("ministry"))
    await walk.press("button:has-text('Đăng xuất')")
    await walk.look("ministry signed out")
    assert "Bạn đã đăng xuất" in await walk.text()
    await walk.page.goto(demo.portal("province") + "/login")
    assert walk.at_provider
    assert await walk.page.locator("#password").is_visible()


@in_both_manners
async def test_an_account_is_activated_with_an_officers_code(
    demo: LaunchedDemo, start_walk: StartWalk, manner: Manner
) -> None:
    citizen, walk = demo.take_stranger(), await start_walk(manner)
    issued = demo.motcua("accounts", "activate", citizen.personal_number)
    await walk.page.goto(f"{demo.issuer}/activate")
    await walk.look("activate")

    unknown = await refusal(walk, demo.take_stranger().personal_number, issued["code"])
    await walk.look("activate refused")
    assert await refusal(walk, citizen.personal_number, "ZZZZZ-ZZZZZ") == unknown

    await send_code(walk, citizen.personal_number, issued["code"].lower().replace("-", " "))
    await walk.look("choose password")
    for weak, again in (("matkhau123", None), (citizen.personal_number, None), (citizen.password, "other")):
        await choose_password(walk, weak, again or weak)
        assert await walk.page.locator("#error-summary").is_visible(), weak
    await walk.look("password refused")
    await choose_password(walk, citizen.password, citizen.password)
    await walk.look("activated")
    assert citizen.name in await walk.text()

    walk_again = await start_walk(manner)
    await walk_again.page.goto(f"{demo.issuer}/activate")
    assert await refusal(walk_again, citizen.personal_number, issued["code"]) == unknown  # it is burnt
    await walk_again.enter(demo.portal("ministry"), citizen)
    assert await walk_again.page.locator("#name").inner_text() == citizen.name


async def send_code(walk: Walk, number: str, code: str) -> None:
    await walk.page.fill("#personal_number", number)
    await walk.page.fill("#code", code)
    await walk.press("#continue")


async def refusal(walk: Walk, number: str, code: str) -> str:
    """What the page says after a code that does not work; the number typed stays in its field, not in the text."""
    await send_code(walk, number, code)
    assert await walk.page.locator("#error-summary").is_visible()
    return await walk.text()


async def choose_password(walk: Walk, password: str, again: str) -> None:
    await walk.page.fill("#password", password)
    await walk.page.fill("#password_again", again)
    await walk.press("#save")


@in_both_manners
async def test_a_representative_chooses_for_whom_to_act(
    demo: LaunchedDemo, start_walk: StartWalk, manner: Manner
) -> None:
    citizen, walk = await demo.take_representative(), await start_walk(manner)
    await walk.begin_at(demo.portal("enterprise"))
    await walk.give_password(citizen)
    await walk.look("for whom")
    await walk.press("#continue")
    assert await walk.page.locator("#error-summary").is_visible()  # nobody is chosen for the person
    await walk.look("for whom refused")
    await walk.page.locator("label", has_text=citizen.organisation).click()
    await walk.press("#continue")
    await walk.look("consent")
    await walk.press("#allow")
    assert await walk.page.locator(
        "#error-summary"
    ).is_visible()  # the required name is not ticked for the person
    await walk.look("consent refused")
    await tick_everything(walk)
    await walk.press("#allow")
    await walk.look("enterprise inside")
    acting = await walk.page.locator("#acting").inner_text()
    assert acting == f"{citizen.name} nhân danh {citizen.organisation}"
    assert str(citizen.organisation_code) in await walk.text()


async def tick_everything(walk: Walk) -> None:
    for box in await walk.page.locator("input[name=claim]").all():
        await box.check()


@in_both_manners
async def test_who_shares_nothing_is_told_at_the_portal(
    demo: LaunchedDemo, start_walk: StartWalk, manner: Manner
) -> None:
    citizen, walk = await demo.take_citizen(), await start_walk(manner)
    await walk.begin_at(demo.portal("enterprise"))
    await walk.give_password(citizen)
    await walk.press("#deny")
    await walk.look("enterprise denied")
    assert "Bạn chưa cho phép" in await walk.text()
    await walk.begin_at(demo.portal("ministry"))  # the session stands, the portal is entered by it
    await walk.press("#cancel")
    assert "Bạn chưa cho phép" in await walk.text()


@in_both_manners
async def test_the_account_page_ends_sessions_and_withdraws_agreements(
    demo: LaunchedDemo, start_walk: StartWalk, manner: Manner
) -> None:
    citizen = await demo.take_citizen()
    lost, walk = await start_walk(manner), await start_walk(manner)
    await lost.enter(demo.portal("ministry"), citizen)
    await walk.begin_at(demo.portal("enterprise"))
    await walk.give_password(citizen)
    await tick_everything(walk)
    await walk.press("#allow")
    await walk.page.goto(f"{demo.issuer}/account")
    await walk.look("account")

    other = walk.page.locator("#sessions li", has_not=walk.page.locator(".tag"))
    await other.get_by_role("button").click()
    await walk.page.wait_for_load_state()
    await walk.look("account session ended")
    assert await walk.page.locator("#sessions li").count() == 1
    await lost.page.goto(demo.portal("province") + "/login")
    assert await lost.page.locator("#password").is_visible()

    await walk.press("#consents button")
    await walk.look("account agreement withdrawn")
    assert await walk.page.locator("#consents li").count() == 0
    await walk.page.goto(demo.portal("enterprise") + "/login")
    assert await walk.page.locator("input[name=claim]").count() > 0  # it asks again

    await walk.page.goto(f"{demo.issuer}/account")
    await walk.press("#sign_out")
    await walk.look("sign out")
    await walk.press("#logout")
    await walk.look("signed out")
    await walk.page.goto(f"{demo.issuer}/account")
    await walk.look("account login")
    assert await walk.page.locator("#password").is_visible()


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "plain"])
async def test_the_language_switch_keeps_the_page(
    demo: LaunchedDemo, start_walk: StartWalk, *, javascript: bool
) -> None:
    citizen, walk = await demo.take_citizen(), await start_walk(Manner("vi", javascript=javascript))
    await walk.begin_at(demo.portal("ministry"))
    address = walk.page.url
    await walk.give_password(citizen, "wrong")
    await walk.press(".switch")
    assert walk.page.url == f"{address}?lang=en"
    assert await walk.page.locator("h1").inner_text() == "Sign in"
    await walk.give_password(citizen)
    assert await walk.page.locator("h1").inner_text() == "What this service will receive"
    await walk.press(".switch")
    assert await walk.page.locator("html").get_attribute("lang") == "vi"
    await walk.press("#continue")
    assert await walk.page.locator("#name").inner_text() == citizen.name
    await walk.page.goto(f"{demo.issuer}/account")
    assert await walk.page.locator("h1").inner_text() == "Tài khoản của tôi"  # what was chosen last, stays


async def test_a_wrong_password_and_back_and_reload_lead_on(
    demo: LaunchedDemo, start_walk: StartWalk
) -> None:
    citizen, walk = await demo.take_citizen(), await start_walk(PLAIN_VIETNAMESE)
    await walk.begin_at(demo.portal("ministry"))
    await walk.give_password(citizen, "wrong")
    await walk.look("wrong password")
    assert await walk.page.locator("#error-summary").is_visible()
    assert await walk.page.locator("#personal_number").input_value() == citizen.personal_number
    await walk.give_password(citizen)
    await walk.page.reload()
    await walk.press("#continue")
    await walk.page.go_back()
    await walk.look("already finished")
    assert walk.at_provider
    await walk.press("#back")
    assert await walk.page.locator("#name").inner_text() == citizen.name


async def test_two_tabs_sign_in_side_by_side(demo: LaunchedDemo, start_walk: StartWalk) -> None:
    citizen, walk = await demo.take_citizen(), await start_walk(MANNERS[0])
    await walk.begin_at(demo.portal("ministry"))
    second = await Walk.start(walk.page.context, walk.issuer, walk.manner, "second")
    await second.begin_at(demo.portal("ministry"))
    await walk.give_password(citizen)
    await walk.press("#continue")
    assert await walk.page.locator("#name").inner_text() == citizen.name
    await second.page.reload()  # the session of the first tab is enough
    assert re.match(f"{demo.portal('ministry')}/?$", second.page.url)
    assert await second.page.locator("#name").inner_text() == citizen.name
