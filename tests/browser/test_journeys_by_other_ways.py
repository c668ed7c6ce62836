"""By keyboard alone, over a slow line, by `form_post`, and to the pages beside the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from playwright.async_api import Request, Route

from tests.browser.conftest import StartWalk
from tests.browser.walk import MANNERS, Manner, Walk
from tests.support.launched_demo import LaunchedDemo

pytestmark = [pytest.mark.slow, pytest.mark.browser]
in_both_manners = pytest.mark.parametrize("manner", MANNERS, ids=str)

HEAVIEST_LOGIN = 20_000
"""Bytes of the login page with all that it needs, headers and redirects included."""

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
LISTENER = "http://localhost:1/callback"


async def test_the_keyboard_alone_signs_in(demo: LaunchedDemo, start_walk: StartWalk) -> None:
    citizen, walk = await demo.take_citizen(), await start_walk(MANNERS[0])
    await walk.page.goto(demo.portal("ministry"))
    await go_by_keys(walk, "main a.button")
    assert walk.at_provider
    await walk.page.keyboard.press("Tab")
    await tab_to(walk, "#personal_number")
    await walk.page.keyboard.type(citizen.personal_number)
    await tab_to(walk, "#password")
    await walk.page.keyboard.type(citizen.password)
    await go_by_keys(walk, None)
    await go_by_keys(walk, "#continue")
    assert await walk.page.locator("#name").inner_text() == citizen.name
    await go_by_keys(walk, "main button")
    assert "Bạn đã đăng xuất" in await walk.text()


async def tab_to(walk: Walk, selector: str) -> None:
    """Tabs to an element; wherever the focus stands on the way, it can be seen."""
    for _ in range(20):
        await walk.page.keyboard.press("Tab")
        outline = await walk.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
        if await walk.page.locator(selector).evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"the keyboard does not reach {selector}")


async def go_by_keys(walk: Walk, selector: str | None) -> None:
    """Presses Enter on an element, or where the focus is, and waits for the next page."""
    if selector is not None:
        await tab_to(walk, selector)
    async with walk.page.expect_navigation():
        await walk.page.keyboard.press("Enter")


@in_both_manners
async def test_the_login_page_is_light_and_whole_without_any_third_party(
    demo: LaunchedDemo, start_walk: StartWalk, manner: Manner
) -> None:
    walk = await start_walk(manner)
    await walk.page.goto(demo.portal("ministry"))
    transferred: dict[str, float] = {}
    hosts: set[str] = set()

    def begin(event: dict[str, Any]) -> None:
        url = event["request"]["url"]
        if url.startswith(demo.issuer):
            hosts.add(demo.issuer)
            transferred.setdefault(event["requestId"], 0)
        elif not url.startswith(demo.portal("ministry")):
            hosts.add(url)
        redirect = event.get("redirectResponse")
        if redirect and redirect["url"].startswith(demo.issuer):
            transferred[event["requestId"]] += redirect["encodedDataLength"]

    def finish(event: dict[str, Any]) -> None:
        if event["requestId"] in transferred:
            transferred[event["requestId"]] += event["encodedDataLength"]

    await walk.settings.send("Network.enable")
    walk.settings.on("Network.requestWillBeSent", begin)
    walk.settings.on("Network.loadingFinished", finish)
    await walk.press("main a.button")
    await walk.page.wait_for_load_state("networkidle")
    icon = await walk.page.locator("link[rel=icon]").get_attribute("href")
    fetched = await walk.page.request.get(f"{demo.issuer}{icon}")
    total = sum(transferred.values()) + len(await fetched.body())
    assert hosts == {demo.issuer}
    assert len(transferred) >= 2  # the page and its style sheet
    assert 2_000 < total <= HEAVIEST_LOGIN


@pytest.fixture(scope="module")
def listening_client(demo: LaunchedDemo, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A registered portal that wants its answers by POST; the tests themselves are at its address."""
    folder = Path(demo.facts["folder"])
    metadata = json.loads((folder / "portals" / "ministry.client.json").read_text(encoding="utf-8"))
    metadata |= {"client_id": "listening-portal", "redirect_uris": [LISTENER], "profile": "oidc"}
    metadata |= {"client_name": "Cổng một cửa điện tử", "client_name#en": "Listening portal"}
    file = tmp_path_factory.mktemp("listener") / "client.json"
    file.write_text(json.dumps(metadata), encoding="utf-8")
    demo.motcua("clients", "add", str(file))
    return "listening-portal"


@in_both_manners
async def test_form_post_needs_no_script(
    demo: LaunchedDemo, start_walk: StartWalk, listening_client: str, manner: Manner
) -> None:
    citizen, walk = await demo.take_citizen(), await start_walk(manner)
    answers: list[Request] = []

    async def answer(route: Route) -> None:
        answers.append(route.request)
        await route.fulfill(body="<!doctype html><html lang=vi><title>ok</title><main><h1>ok</h1></main>")

    await walk.page.route(LISTENER, answer)
    asked = {
        "client_id": listening_client,
        "response_type": "code",
        "response_mode": "form_post",
        "redirect_uri": LISTENER,
        "scope": "openid profile",
        "state": "what-comes-back",
        "nonce": "n",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    await walk.page.goto(f"{demo.issuer}/authorize?{urlencode(asked)}")
    await walk.give_password(citizen)
    await walk.press("#continue")
    if not manner.javascript:
        await walk.look("form post")
        await walk.press("main button")
    await walk.page.wait_for_url(LISTENER)
    (request,) = answers
    assert request.method == "POST"
    sent = parse_qs(request.post_data or "")
    assert sent["state"] == ["what-comes-back"]
    assert sent["iss"] == [demo.issuer]
    assert sent["code"]


@in_both_manners
async def test_the_pages_beside_the_way(demo: LaunchedDemo, start_walk: StartWalk, manner: Manner) -> None:
    walk = await start_walk(manner)
    for path, what in (
        ("/", "front"),
        ("/account", "account for strangers"),
        ("/logout", "sign out without a session"),
        ("/authorize?client_id=nobody", "unknown portal"),
        ("/interaction/of-another-browser", "stale"),
        ("/no-such-page", "not found"),
    ):
        await walk.page.goto(f"{demo.issuer}{path}")
        await walk.look(what)
        assert walk.at_provider
    await walk.page.goto(f"{demo.portal('province')}/khong-co")
    await walk.look("portal not found")
    await walk.page.goto(f"{demo.portal('ministry')}/callback?state=forged&code=x")
    await walk.look("portal stale")
