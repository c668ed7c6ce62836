"""A person lets a device in from a real browser, with and without script, in both languages."""

from __future__ import annotations

from typing import Any, Final

import httpx2
import pytest

from tests.browser.conftest import StartWalk
from tests.browser.walk import MANNERS, Manner
from tests.support.launched_demo import LaunchedDemo

pytestmark = [pytest.mark.slow, pytest.mark.browser]

CLIENT: Final = {"client_id": "may-tra-cuu"}
GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture(scope="module")
def device(demo: LaunchedDemo) -> str:
    """The address of the provider that knows the example device."""
    demo.motcua("clients", "add", "examples/device/device.client.json")
    return demo.issuer


def _ask(issuer: str) -> dict[str, Any]:
    form = {**CLIENT, "scope": "openid profile"}
    codes: dict[str, Any] = httpx2.post(f"{issuer}/device_authorization", data=form).raise_for_status().json()
    return codes


def _poll(issuer: str, codes: dict[str, Any]) -> dict[str, Any]:
    form = {**CLIENT, "grant_type": GRANT, "device_code": codes["device_code"]}
    answer: dict[str, Any] = httpx2.post(f"{issuer}/token", data=form).json()
    return answer


@pytest.mark.parametrize("manner", MANNERS, ids=str)
async def test_a_device_is_let_in_and_signed_out_again(
    demo: LaunchedDemo, start_walk: StartWalk, device: str, manner: Manner
) -> None:
    citizen, walk, codes = await demo.take_citizen(), await start_walk(manner), _ask(device)
    await walk.page.goto(codes["verification_uri"])
    await walk.look("device empty")
    await walk.page.fill("#user_code", "abcd-efgh")
    await walk.press("#continue")
    await walk.look("device malformed")
    assert await walk.page.locator("#error-summary").is_visible()
    await walk.page.fill("#user_code", codes["user_code"].lower().replace("-", " "))
    await walk.press("#continue")
    await walk.look("device login")
    await walk.give_password(citizen)
    await walk.look("device confirm")
    assert citizen.name in await walk.text()
    assert await walk.page.locator("#network").inner_text() == "127.0.0.0/24"
    await walk.press("#confirm")
    await walk.look("device consent")
    await walk.agree()
    await walk.look("device approved")
    tokens = _poll(device, codes)
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    told = httpx2.get(f"{device}/userinfo", headers=bearer)
    assert told.json()["name"] == citizen.name

    await walk.page.goto(f"{device}/account")
    await walk.look("account with device")
    name = "Máy tra cứu hồ sơ"
    await walk.press(f"li:has-text('{name}') button[name=session]")
    assert httpx2.get(f"{device}/userinfo", headers=bearer).status_code == 401


async def test_a_device_is_refused(demo: LaunchedDemo, start_walk: StartWalk, device: str) -> None:
    citizen, walk, codes = await demo.take_citizen(), await start_walk(MANNERS[0]), _ask(device)
    await walk.page.goto(codes["verification_uri_complete"])
    await walk.look("device from link")
    assert await walk.page.locator("#user_code").input_value() == codes["user_code"]
    await walk.press("#continue")
    await walk.give_password(citizen)
    await walk.press("#deny")
    await walk.look("device refused")
    assert _poll(device, codes)["error"] == "access_denied"
