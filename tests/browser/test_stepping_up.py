"""A portal's API wants more than a password: the person adds an authenticator app on the way, and goes on."""

from __future__ import annotations

import base64
import time

import pytest

from tests.browser.conftest import StartWalk
from tests.browser.walk import Manner, Walk
from tests.support.authenticator import App
from tests.support.launched_demo import LaunchedDemo

pytestmark = [pytest.mark.slow, pytest.mark.browser]


async def test_an_app_is_added_where_it_is_needed_and_asked_for_the_next_time(
    demo: LaunchedDemo, start_walk: StartWalk
) -> None:
    citizen, walk = await demo.take_citizen(), await start_walk(Manner("vi", javascript=False))
    await walk.enter(demo.portal("ministry"), citizen)
    await walk.press("#extracts")
    await walk.look("second factor missing")
    await walk.press("#set_up")
    await walk.look("authenticator none")
    await walk.press("#begin")
    await walk.look("authenticator waiting")
    box = await walk.page.locator("svg.qr").bounding_box()
    assert box is not None
    assert box["width"] == box["height"] > 200, "large enough for a camera"
    app = App(await _secret(walk), time.time)
    await walk.page.fill("#code", "000000")
    await walk.press("#confirm")
    await walk.look("authenticator wrong")
    await walk.page.fill("#code", app.code())
    await walk.press("#confirm")
    assert walk.page.url == f"{demo.portal('ministry')}/trich-luc"
    assert "Trích lục khai sinh" in await walk.text()
    await walk.page.goto(demo.portal("ministry"))
    assert await walk.page.locator("#level").inner_text() == "Mức 2: hai yếu tố khác nhau"

    other = await start_walk(Manner("en", javascript=True))
    await other.begin_at(demo.portal("ministry"))
    await other.give_password(citizen)
    await other.press("#extracts")
    await other.look("second factor")
    await other.page.fill("#code", app.code(1))  # the code of the enrolment was used up by it
    await other.press("#give_code")
    assert "Trích lục khai sinh" in await other.text()
    await other.page.goto(f"{demo.issuer}/account/authenticator")
    await other.look("authenticator added")
    await other.press("#remove")
    await other.look("account without app")
    assert await other.page.locator("#authenticator").inner_text() == "none yet"


async def _secret(walk: Walk) -> bytes:
    text = (await walk.page.locator("#secret").inner_text()).replace(" ", "")
    return base64.b32decode(text)
