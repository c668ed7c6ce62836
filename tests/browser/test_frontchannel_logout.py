"""A browser asks the portal in a frame that nobody sees, and goes back to it by itself, with and without script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.async_api import Request, Route

from tests.browser.conftest import StartWalk
from tests.browser.walk import MANNERS, Manner
from tests.support.launched_demo import LaunchedDemo

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PORTAL: Final = "http://localhost:1"
CALLBACK, FRONT, BYE = f"{PORTAL}/callback", f"{PORTAL}/front", f"{PORTAL}/bye"
PAGE: Final = "<!doctype html><html lang=vi><title>ok</title><main><h1>ok</h1></main>"
CHALLENGE: Final = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture(scope="module")
def framed_client(demo: LaunchedDemo, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A registered portal that is told of logouts by a frame; the tests themselves are at its address."""
    folder = Path(demo.facts["folder"])
    metadata = json.loads((folder / "portals" / "ministry.client.json").read_text(encoding="utf-8"))
    metadata |= {"client_id": "framed-portal", "client_name": "Cổng trong khung", "redirect_uris": [CALLBACK]}
    metadata |= {"client_name#en": "Framed portal", "post_logout_redirect_uris": [BYE], "profile": "oidc"}
    metadata |= {"frontchannel_logout_uri": FRONT, "frontchannel_logout_session_required": True}
    metadata = {name: value for name, value in metadata.items() if not name.startswith("backchannel_logout")}
    file = tmp_path_factory.mktemp("framed") / "client.json"
    file.write_text(json.dumps(metadata), encoding="utf-8")
    demo.motcua("clients", "add", str(file))
    return "framed-portal"


@pytest.mark.parametrize("manner", MANNERS, ids=str)
async def test_the_portal_is_asked_in_a_frame_and_then_gone_back_to(
    demo: LaunchedDemo, start_walk: StartWalk, framed_client: str, manner: Manner
) -> None:
    citizen, walk = await demo.take_citizen(), await start_walk(manner)
    asked: list[Request] = []

    async def answer(route: Route) -> None:
        asked.append(route.request)
        await route.fulfill(content_type="text/html; charset=utf-8", body=PAGE)

    await walk.page.route(f"{PORTAL}/**", answer)
    entry = {
        "client_id": framed_client,
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "scope": "openid",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    await walk.page.goto(f"{demo.issuer}/authorize?{urlencode(entry)}")
    await walk.give_password(citizen)
    await walk.page.wait_for_url(f"{CALLBACK}**")
    leave = {"client_id": framed_client, "post_logout_redirect_uri": BYE, "state": "what comes back"}
    await walk.page.goto(f"{demo.issuer}/logout?{urlencode(leave)}")
    await walk.look("sign out, asked by a portal")
    await walk.page.locator("#logout").click()
    await walk.page.wait_for_url(f"{BYE}?**")

    _, framed, returned = asked
    assert framed.url.partition("?")[0] == FRONT
    told = parse_qs(urlsplit(framed.url).query)
    assert told["iss"] == [demo.issuer]
    assert told["sid"]
    assert "referer" not in framed.headers
    assert parse_qs(urlsplit(returned.url).query) == {"state": ["what comes back"]}
