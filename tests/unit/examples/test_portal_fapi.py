"""Portals of the profiles fapi2 and fapi2_message_signing: they push, prove and sign, and believe nothing less."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from examples.portal.proofs import Bearer, ProofKey, Proven
from examples.portal.way import STANDARD, WAYS
from idp.oidc import profile
from idp.oidc.client import KINDS
from tests.unit.examples.conftest import Scene
from tests.unit.examples.fake_dpop import Proofs
from tests.unit.examples.fake_provider import ISSUER, sign_with
from tests.unit.examples.test_portal_refusals import FORGED, without_signature

Stage = Callable[[str], Scene]
Claims = dict[str, Any]
FAPI = ["ministry", "enterprise"]


def test_the_ways_are_those_of_the_providers_profiles() -> None:
    assert KINDS["server"].profiles[0] == STANDARD
    for name, way in WAYS.items():
        rules = next(rules for known, rules in profile.PROFILES.items() if known == name)
        assert way.pushes == rules.pushed_requests
        assert way.proves == rules.sender_constrained
        assert way.signs == rules.signed_requests


@pytest.mark.parametrize("name", FAPI)
async def test_rfc9126_the_browser_carries_a_name_and_nothing_else(stage: Stage, name: str) -> None:
    page = await stage(name).visit("/login")
    address = next(str(step.url) for step in page.history if "/authorize" in str(step.url))
    asked = parse_qs(urlsplit(address).query)
    assert asked.keys() == {"client_id", "request_uri"}
    assert page.status_code == 200


async def test_a_plain_portal_sends_its_request_with_the_browser(stage: Stage) -> None:
    page = await stage("province").visit("/login")
    assert any("code_challenge=" in str(step.url) for step in page.history)


@pytest.mark.parametrize(
    ("code", "title"),
    [("invalid_scope", "Chưa đăng nhập được"), ("temporarily_unavailable", "Một Cửa đang bận")],
)
async def test_a_request_that_is_refused_when_it_is_pushed_is_told_kindly(
    stage: Stage, code: str, title: str
) -> None:
    scene = stage("ministry")
    scene.provider.refuses_pushed = code
    page = await scene.visit("/login")
    assert page.status_code == 403
    assert title in page.text


async def test_a_provider_that_takes_no_pushed_requests_is_not_asked_in_another_way(stage: Stage) -> None:
    scene = stage("ministry")
    scene.provider.twist_metadata = lambda document: {
        name: value for name, value in document.items() if not name.startswith("pushed_")
    }
    assert (await scene.visit("/login")).status_code == 503
    assert not scene.provider.requests


# DPoP


@pytest.mark.parametrize("name", FAPI)
async def test_rfc9449_8_a_nonce_is_followed_once_and_then_known(stage: Stage, name: str) -> None:
    scene = stage(name)
    assert (await scene.visit("/login")).status_code == 200
    assert scene.provider.proofs.asked == 1, "of three requests the first"
    scene.provider.proofs.nonce = "nonce-2"
    assert (await scene.visit("/login")).status_code == 200
    assert scene.provider.proofs.asked == 2


async def test_a_provider_that_never_has_enough_of_nonces_is_given_up(stage: Stage) -> None:
    scene = stage("ministry")

    class Insatiable(Proofs):
        def check(self, request: Any, access_token: str = "") -> str:
            self.nonce = f"nonce-{len(self.jtis)}-more"
            return super().check(request, access_token)

    scene.provider.proofs = Insatiable()
    assert (await scene.visit("/login")).status_code == 403
    assert scene.provider.proofs.asked == 2


@pytest.mark.parametrize("kind", ["Bearer", "N_A", None])
async def test_rfc9449_5_a_token_that_is_bound_to_nothing_is_refused(stage: Stage, kind: str | None) -> None:
    scene = stage("ministry")
    scene.provider.twist_token = lambda answer: answer | {"token_type": kind}
    assert (await scene.visit("/login")).status_code == 503


async def test_the_token_type_in_any_letters(stage: Stage) -> None:
    scene = stage("ministry")
    scene.provider.twist_token = lambda answer: answer | {"token_type": "dpop"}
    assert (await scene.visit("/login")).status_code == 200


async def test_the_portals_api_asks_for_a_nonce_of_its_own(stage: Stage) -> None:
    scene = stage("ministry")
    await scene.visit("/login")
    assert "Trích lục khai sinh" in (await scene.visit("/trich-luc")).text
    assert "Trích lục khai sinh" in (await scene.visit("/trich-luc")).text
    assert len(scene.provider.requests) == 3, "login, a token for the API, a stronger one"


async def test_a_stolen_token_opens_the_portals_api_to_nobody(stage: Stage) -> None:
    scene = stage("ministry")
    signed: list[str] = []
    sign = scene.provider.sign

    def listen(claims: Claims, *, typ: str = "JWT") -> str:
        signed.append(sign(claims, typ=typ))
        return signed[-1]

    scene.provider.sign = listen  # type: ignore[method-assign]
    await scene.visit("/login")
    await scene.visit("/trich-luc")
    token = next(one for one in reversed(signed) if jwt.get_unverified_header(one)["typ"] == "at+jwt")
    address = f"{scene.portal}/api/extracts"
    for auth in (Bearer(token), Proven(ProofKey(), token)):
        assert (await scene.browser.get(address, auth=auth)).status_code == 401


# Signed requests and answers


async def test_jarm_the_answer_is_signed_and_nothing_stands_beside_it(stage: Stage) -> None:
    page = await stage("enterprise").visit("/login")
    answer = next(str(step.url) for step in page.history if "/callback" in str(step.url))
    assert parse_qs(urlsplit(answer).query).keys() == {"response"}


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "another-portal"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"code": None},
        {"sub": "an ID token"},
    ],
)
async def test_jarm_2_4_an_answer_with_one_wrong_claim_signs_nobody_in(stage: Stage, change: Claims) -> None:
    scene = stage("enterprise")
    scene.provider.twist_answer = lambda claims: {
        name: value for name, value in (claims | change).items() if value is not None
    }
    assert (await scene.visit("/login")).status_code == 502
    assert not scene.provider.exchanges


@pytest.mark.parametrize("response", ["", "no token", "forged", "unsigned", "plain"])
async def test_an_answer_that_nobody_signed_signs_nobody_in(stage: Stage, response: str) -> None:
    scene = stage("enterprise")
    scene.browser.follow_redirects = False
    departure = await scene.visit("/login")
    back = await scene.browser.get(departure.headers["location"])
    good = parse_qs(urlsplit(back.headers["location"]).query)["response"][0]
    claims = {"iss": ISSUER, "aud": "enterprise-portal", "exp": 2_000_000_000, "code": "x", "state": "y"}
    forged = sign_with(FORGED, claims, kid=scene.provider.key.kid)
    answers = {"forged": f"response={forged}", "unsigned": f"response={without_signature(good)}"}
    plain = f"code=the-code&state=y&iss={ISSUER}"
    query = answers.get(response, plain if response == "plain" else f"response={response}")
    assert (await scene.visit(f"/callback?{query}")).status_code == 502
    assert not scene.provider.exchanges


async def test_an_error_comes_signed_too(stage: Stage) -> None:
    scene = stage("enterprise")
    scene.provider.error = "access_denied"
    page = await scene.visit("/login")
    assert page.status_code == 403
    assert "Bạn chưa cho phép" in page.text
