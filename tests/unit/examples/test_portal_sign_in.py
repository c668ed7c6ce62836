"""Signing in at a portal, seen from the browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.unit.examples.conftest import Scene
from tests.unit.examples.fake_provider import SUBJECT

Stage = Callable[[str], Scene]


def visited(response: httpx2.Response) -> list[str]:
    return [str(step.url) for step in [*response.history, response]]


@pytest.mark.parametrize("name", ["ministry", "enterprise"])
async def test_signing_in_shows_name_level_and_data(stage: Stage, name: str) -> None:
    page = await stage(name).visit("/login")
    assert page.status_code == 200
    assert "NGUYỄN THỊ MẪU" in page.text
    assert "Mức 1" in page.text
    assert "03/1984" in page.text  # no more precise than the register
    assert SUBJECT in page.text


async def test_a_portal_that_needs_no_data_gets_none_and_says_so(stage: Stage) -> None:
    scene = stage("province")
    page = await scene.visit("/login")
    assert scene.provider.requests[0]["scope"] == "openid"
    assert "Bạn đã đăng nhập" in page.text
    assert "Cổng này không nhận dữ liệu cá nhân nào" in page.text
    assert "NGUYỄN THỊ MẪU" not in page.text
    assert "Mức 1" in page.text
    assert SUBJECT in page.text


async def test_the_request_carries_state_nonce_and_pkce(stage: Stage) -> None:
    scene = stage("ministry")
    await scene.visit("/login")
    asked = scene.provider.requests[0]
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert asked["state"]
    assert asked["nonce"]
    assert asked["scope"] == "openid profile pid phone email"


async def test_what_the_service_cannot_work_without_is_asked_as_essential(stage: Stage) -> None:
    scene = stage("enterprise")
    await scene.visit("/login")
    assert json.loads(scene.provider.requests[0]["claims"]) == {"userinfo": {"name": {"essential": True}}}


async def test_the_portal_authenticates_with_a_short_single_use_assertion(stage: Stage) -> None:
    scene = stage("ministry")
    await scene.visit("/login")
    await scene.visit("/login")
    assertions = scene.provider.assertions
    assert {one["sub"] for one in assertions} == {"ministry-portal"}
    assert {one["exp"] - one["iat"] for one in assertions} == {60}
    assert len({one["jti"] for one in assertions}) == len(assertions) == 4, "to push and to exchange, twice"


async def test_no_token_and_no_data_stands_in_an_address(stage: Stage) -> None:
    page = await stage("ministry").visit("/login")
    for address in visited(page):
        assert "eyJ" not in address
        assert SUBJECT not in address


async def test_the_way_back_is_kept_at_the_portal(stage: Stage) -> None:
    page = await stage("ministry").visit("/ho-so")
    assert urlsplit(str(page.url)).path == "/ho-so"
    assert all("ho-so" not in address for address in visited(page)[1:-1])


async def test_the_session_gets_a_new_number_at_sign_in(stage: Stage) -> None:
    scene = stage("ministry")
    scene.browser.follow_redirects = False
    departure = await scene.visit("/login")
    before = scene.cookie()
    scene.browser.follow_redirects = True
    await scene.browser.get(departure.headers["location"])
    assert before
    assert scene.cookie() != before


async def test_two_tabs_may_sign_in_side_by_side(stage: Stage) -> None:
    scene = stage("ministry")
    scene.browser.follow_redirects = False
    first = await scene.visit("/ho-so")
    await scene.visit("/login")
    scene.browser.follow_redirects = True
    page = await scene.browser.get(first.headers["location"])
    assert "Hồ sơ của tôi" in page.text


async def test_an_answer_is_worth_something_once(stage: Stage) -> None:
    scene = stage("ministry")
    page = await scene.visit("/login")
    answer = next(address for address in visited(page) if "/callback?" in address)
    again = await scene.browser.get(answer)
    assert again.status_code == 400
    assert "đã cũ" in again.text


async def test_an_answer_for_another_browser_is_refused(stage: Stage) -> None:
    scene = stage("ministry")
    page = await scene.visit("/login")
    answer = next(address for address in visited(page) if "/callback?" in address)
    scene.browser.cookies.clear()
    assert (await scene.browser.get(answer)).status_code == 400


async def test_a_live_session_elsewhere_signs_in_without_a_page(stage: Stage) -> None:
    scene = stage("province")
    page = await scene.visit("/login")
    assert [asked.get("prompt") for asked in scene.provider.requests] == ["none"]
    assert "0 trang" in page.text


async def test_without_a_session_the_silent_attempt_turns_into_an_ordinary_one(stage: Stage) -> None:
    scene = stage("province")
    scene.provider.session_alive = False
    page = await scene.visit("/ho-so")
    assert [asked.get("prompt") for asked in scene.provider.requests] == ["none", None]
    assert urlsplit(str(page.url)).path == "/ho-so"
    assert "0 trang" not in (await scene.visit("/")).text


async def test_a_reused_session_is_told_from_a_fresh_one(stage: Stage) -> None:
    scene = stage("ministry")
    scene.provider.auth_time -= 600
    assert "Không phải nhập lại mật khẩu" in (await scene.visit("/login")).text


async def test_the_enterprise_portal_shows_who_acts_for_whom(stage: Stage) -> None:
    scene = stage("enterprise")
    scene.provider.data |= {
        "vn_organisation": {
            "id": [{"scheme": "vn_enterprise_code", "value": "0100233488"}],
            "legal_name": "CÔNG TY CỔ PHẦN MẪU",
        },
        "vn_mandate": {"role": "legal_representative"},
    }
    page = await scene.visit("/login")
    assert "NGUYỄN THỊ MẪU nhân danh CÔNG TY CỔ PHẦN MẪU" in page.text
    assert "0100233488" in page.text
    assert "Người đại diện theo pháp luật" in page.text


async def test_the_enterprise_portal_says_when_nobody_is_represented(stage: Stage) -> None:
    assert "không nhân danh tổ chức nào" in (await stage("enterprise").visit("/login")).text


async def test_signing_out_ends_both_sessions_with_the_token_in_the_body(stage: Stage) -> None:
    scene = stage("ministry")
    page = await scene.visit("/login")
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    farewell = await scene.browser.post(f"{scene.portal}/logout", data=fields)
    assert "Bạn đã đăng xuất" in farewell.text
    asked = scene.provider.logouts[0]
    assert asked["id_token_hint"].startswith("eyJ")
    assert asked["post_logout_redirect_uri"] == f"{scene.portal}/logged-out"
    assert asked["query"] == ""
    assert "NGUYỄN THỊ MẪU" not in (await scene.visit("/")).text


async def test_another_site_cannot_sign_the_person_out(stage: Stage) -> None:
    scene = stage("ministry")
    await scene.visit("/login")
    refused = await scene.browser.post(f"{scene.portal}/logout", data={"csrf_token": "guess"})
    assert refused.status_code == 400
    assert "NGUYỄN THỊ MẪU" in (await scene.visit("/")).text


async def test_the_cookie_is_a_random_number_out_of_reach_of_scripts(stage: Stage) -> None:
    scene = stage("ministry")
    scene.browser.follow_redirects = False
    header = (await scene.visit("/login")).headers["set-cookie"]
    assert re.match(r"ministry-portal-session=[\w-]{43}; HttpOnly; Path=/; SameSite=lax$", header)


async def test_pages_forbid_scripts_and_caches(stage: Stage) -> None:
    page = await stage("ministry").visit("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
