"""The example API says what it wants of a login (RFC 9470 §3), and the portal in front of it sees that it gets it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey

from examples.api.app import build_api
from examples.portal.challenge import Challenge, read_challenge
from tests.unit.examples.conftest import Scene
from tests.unit.examples.fake_provider import ISSUER, SUBJECT, FakeProvider, sign_with

Stage = Callable[[str], Scene]
API = "http://localhost:9101/api"
STRONG = (
    'Bearer error="insufficient_user_authentication", error_description="{}", acr_values="{}", max_age="900"'
)


@pytest.fixture
def provider() -> FakeProvider:
    """Only its keys are wanted here."""
    return FakeProvider("ministry-portal", ECKey.generate_key("P-256", auto_kid=True), signed_userinfo=False)


def _claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {
        "iss": ISSUER, "sub": SUBJECT, "aud": API, "client_id": "c", "jti": "j", "iat": now, "exp": now + 300,
        "acr": f"{ISSUER}/acr/2", "auth_time": now - 60,
    }  # fmt: skip
    return {name: value for name, value in (good | changes).items() if value is not None}


async def _ask(provider: FakeProvider, header: str | None, path: str = "/extracts") -> httpx2.Response:
    api = build_api(ISSUER, API, transport=httpx2.ASGITransport(provider.app()))
    headers = {} if header is None else {"authorization": header}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(api), base_url=API) as http:
        return await http.get(f"http://api.example{path}", headers=headers)


async def test_a_strong_and_young_login_is_let_in(provider: FakeProvider) -> None:
    response = await _ask(provider, f"Bearer {provider.sign(_claims(), typ='at+jwt')}")
    assert response.status_code == 200
    assert response.json()["extracts"][0]["holder"] == SUBJECT
    assert response.headers["cache-control"] == "no-store"
    level_four = provider.sign(_claims(acr=f"{ISSUER}/acr/4"), typ="at+jwt")
    assert (await _ask(provider, f"bearer {level_four}")).status_code == 200


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"acr": f"{ISSUER}/acr/1"}, "a stronger authentication is needed"),
        ({"acr": None}, "a stronger authentication is needed"),
        ({"acr": "https://other.example/acr/2"}, "a stronger authentication is needed"),
        ({"auth_time": int(time.time()) - 1000}, "a more recent authentication is needed"),
        ({"auth_time": None}, "a more recent authentication is needed"),
    ],
)
async def test_rfc9470_3_a_login_that_is_not_enough(
    provider: FakeProvider, changes: dict[str, Any], why: str
) -> None:
    response = await _ask(provider, f"Bearer {provider.sign(_claims(**changes), typ='at+jwt')}")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == STRONG.format(why, f"{ISSUER}/acr/2")
    assert (await _ask(provider, f"Bearer {provider.sign(_claims(), typ='at+jwt')}", "/dossiers")).is_success


@pytest.mark.parametrize(
    ("changes", "typ"),
    [
        ({"aud": ISSUER}, "at+jwt"),
        ({"aud": f"{API}/"}, "at+jwt"),
        ({"iss": "https://other.example"}, "at+jwt"),
        ({"exp": int(time.time()) - 60}, "at+jwt"),
        ({"exp": None}, "at+jwt"),
        ({"client_id": None}, "at+jwt"),
        ({}, "JWT"),
        ({}, "logout+jwt"),
    ],
)
async def test_rfc9068_4_what_is_no_token_for_this_api(
    provider: FakeProvider, changes: dict[str, Any], typ: str
) -> None:
    response = await _ask(provider, f"Bearer {provider.sign(_claims(**changes), typ=typ)}")
    assert response.status_code == 401
    assert read_challenge(response.headers["www-authenticate"]) == Challenge("invalid_token")


async def test_a_foreign_key_opens_nothing(provider: FakeProvider) -> None:
    foreign = ECKey.generate_key("P-256", auto_kid=True)
    for kid in (provider.key.kid, "unknown", ""):
        token = sign_with(foreign, _claims(), kid=kid, typ="at+jwt")
        assert (await _ask(provider, f"Bearer {token}")).status_code == 401


@pytest.mark.parametrize("header", [None, "Basic eDp5", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c"])
async def test_rfc6750_3_without_a_token(provider: FakeProvider, header: str | None) -> None:
    response = await _ask(provider, header)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert not read_challenge(response.headers["www-authenticate"]).asks_for_more


@pytest.mark.parametrize(
    ("header", "read"),
    [
        ("Bearer", Challenge()),
        ("", Challenge()),
        ('DPoP error="insufficient_user_authentication"', Challenge()),
        ('Bearer realm="x", max_age="5", error="y"', Challenge("y", "", "5")),
    ],
)
def test_challenges_are_read(header: str, read: Challenge) -> None:
    assert read_challenge(header) == read


async def test_rfc9470_4_the_portal_gets_what_the_api_wants(stage: Stage) -> None:
    scene = stage("ministry")
    await scene.visit("/login")
    page = await scene.visit("/trich-luc")
    assert (page.status_code, page.url.path) == (200, "/trich-luc")
    assert "Trích lục khai sinh" in page.text
    first, for_the_api, stepped_up = scene.provider.requests
    assert "resource" not in first
    assert (for_the_api["resource"], "claims" in for_the_api) == (API, False)
    assert stepped_up["max_age"] == "900"
    wanted = json.loads(stepped_up["claims"])["id_token"]
    assert wanted == {"acr": {"essential": True, "values": [f"{ISSUER}/acr/2"]}}
    await scene.visit("/trich-luc")
    assert len(scene.provider.requests) == 3, "the token serves as long as it lasts"
    assert "Mức 2" in (await scene.visit("/")).text


async def test_the_portal_does_not_go_round_in_circles(stage: Stage) -> None:
    scene = stage("ministry")
    scene.provider.steps_up = False
    await scene.visit("/login")
    page = await scene.visit("/trich-luc")
    assert page.status_code == 403
    assert "Mức xác thực chưa đủ" in page.text


async def test_who_cannot_step_up_is_told(stage: Stage) -> None:
    scene = stage("ministry")
    await scene.visit("/login")
    scene.provider.error = "unmet_authentication_requirements"
    page = await scene.visit("/trich-luc")
    assert page.status_code == 403
    assert "Mức xác thực chưa đủ" in page.text


async def test_another_person_who_comes_back_is_not_served(stage: Stage) -> None:
    scene = stage("ministry")
    await scene.visit("/login")
    scene.provider.twist_claims = lambda claims: claims | {"sub": "somebody-else"}
    page = await scene.visit("/trich-luc")
    assert page.status_code == 502
    assert "Trích lục khai sinh" not in page.text


async def test_strangers_sign_in_first(stage: Stage) -> None:
    page = await stage("ministry").visit("/trich-luc")
    assert page.url.path == "/trich-luc"
    assert "Trích lục khai sinh" in page.text


async def test_portals_without_an_api_have_no_such_page(stage: Stage) -> None:
    assert (await stage("province").visit("/trich-luc")).status_code == 404
