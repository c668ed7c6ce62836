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
from examples.resource_server import Api, Guard
from tests.unit.examples.conftest import Scene
from tests.unit.examples.fake_provider import ISSUER, SUBJECT, FakeProvider

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


async def _ask(provider: FakeProvider, header: str, path: str = "/extracts") -> httpx2.Response:
    described = Api(issuer=ISSUER, audience=API, address=API, accept_unbound_tokens=True)
    api = build_api(Guard(described, transport=httpx2.ASGITransport(provider.app())))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(api), base_url=API) as http:
        return await http.get(f"http://api.example{path}", headers={"authorization": header})


async def test_a_strong_and_young_login_is_let_in(provider: FakeProvider) -> None:
    response = await _ask(provider, f"Bearer {provider.sign(_claims(), typ='at+jwt')}")
    assert response.status_code == 200
    assert response.json()["extracts"][0]["holder"] == SUBJECT
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"acr": f"{ISSUER}/acr/1"}, "a stronger authentication is needed"),
        ({"auth_time": int(time.time()) - 1000}, "a more recent authentication is needed"),
    ],
)
async def test_rfc9470_3_a_login_that_is_not_enough(
    provider: FakeProvider, changes: dict[str, Any], why: str
) -> None:
    token = f"Bearer {provider.sign(_claims(**changes), typ='at+jwt')}"
    response = await _ask(provider, token)
    assert response.status_code == 401
    assert response.headers.get_list("www-authenticate")[1] == STRONG.format(why, f"{ISSUER}/acr/2")
    assert (await _ask(provider, token, "/dossiers")).is_success
    assert (await _ask(provider, "", "/health")).is_success


@pytest.mark.parametrize(
    ("header", "read"),
    [
        ("Bearer", Challenge()),
        ("", Challenge()),
        ('Digest error="insufficient_user_authentication"', Challenge()),
        ('Bearer realm="x", max_age="5", error="y"', Challenge("y", "", "5")),
        ('DPoP error="y", algs="ES256 PS256"', Challenge("y")),
        ('DPoP algs="ES256", Bearer error="y", max_age="5"', Challenge("y", "", "5")),
        ('Digest error="x", DPoP error="y", error_description="say, Basic", algs="ES256"', Challenge("y")),
        ('DPoP error="y", Digest error="x"', Challenge("y")),
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


@pytest.mark.parametrize("acr", ["https://elsewhere.example/acr/2", "", 2])
async def test_a_later_login_has_to_be_as_strong_as_the_portal_asks(stage: Stage, acr: object) -> None:
    scene = stage("ministry")
    await scene.visit("/login")
    scene.provider.twist_claims = lambda claims: claims | {"acr": acr}
    assert (await scene.visit("/trich-luc")).status_code == 403
    assert "Mức 1" in (await scene.visit("/")).text, "the login before it still holds"


async def test_strangers_sign_in_first(stage: Stage) -> None:
    page = await stage("ministry").visit("/trich-luc")
    assert page.url.path == "/trich-luc"
    assert "Trích lục khai sinh" in page.text


async def test_portals_without_an_api_have_no_such_page(stage: Stage) -> None:
    assert (await stage("province").visit("/trich-luc")).status_code == 404
