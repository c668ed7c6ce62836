"""What a portal refuses: forged tokens, strangers' answers, errors of the provider."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from joserfc.jwk import ECKey

from tests.unit.examples.conftest import Scene
from tests.unit.examples.fake_provider import ISSUER, sign_with

Stage = Callable[[str], Scene]
Claims = dict[str, Any]
FORGED = ECKey.generate_key("P-256", auto_kid=True)


def without_signature(token: str) -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


def with_other_content(token: str) -> str:
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = json.dumps(claims | {"sub": "somebody else"}).encode()
    return f"{header}.{base64.urlsafe_b64encode(forged).rstrip(b'=').decode()}.{signature}"


def with_symmetric_signature(token: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    return jwt.encode(claims, "k" * 32, "HS256", headers={"kid": kid})


def with_another_key(token: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    return sign_with(FORGED, claims, kid=FORGED.kid)


def with_the_known_kid(token: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    return sign_with(FORGED, claims, kid=jwt.get_unverified_header(token)["kid"])


@pytest.mark.parametrize(
    "twist",
    [
        without_signature,
        with_other_content,
        with_symmetric_signature,
        with_another_key,
        with_the_known_kid,
        lambda token: token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"),
        lambda _token: "not a token",
    ],
)
async def test_a_tampered_id_token_signs_nobody_in(stage: Stage, twist: Callable[[str], str]) -> None:
    scene = stage("ministry")
    scene.provider.twist_id_token = twist
    page = await scene.visit("/login")
    assert page.status_code == 502
    assert "không đáng tin" in page.text
    assert "Đăng xuất" not in (await scene.visit("/")).text


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another-portal"},
        {"aud": ["ministry-portal", "another-portal"]},
        {"aud": ["ministry-portal", "another-portal"], "azp": "another-portal"},
        {"azp": "another-portal"},
        {"exp": int(time.time()) - 60},
        {"iat": int(time.time()) + 600},
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"exp": None},
        {"sub": None},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    ],
)
async def test_a_token_with_one_wrong_claim_signs_nobody_in(stage: Stage, change: Claims) -> None:
    scene = stage("ministry")

    def twist(claims: Claims) -> Claims:
        return {name: value for name, value in (claims | change).items() if value is not None}

    scene.provider.twist_claims = twist
    assert (await scene.visit("/login")).status_code == 502


@pytest.mark.parametrize(
    "change",
    [
        {"sub": "somebody else"},
        {"client_id": "another-portal"},
        {"aud": "https://elsewhere.example"},
        {"iss": "https://elsewhere.example"},
        {"exp": int(time.time()) - 60},
    ],
)
async def test_a_wrong_access_token_signs_nobody_in(stage: Stage, change: Claims) -> None:
    scene = stage("ministry")
    scene.provider.twist_access_claims = lambda claims: claims | change
    assert (await scene.visit("/login")).status_code == 502


async def test_an_access_token_is_no_id_token(stage: Stage) -> None:
    scene = stage("ministry")
    scene.provider.twist_id_token = lambda token: scene.provider.sign(
        jwt.decode(token, options={"verify_signature": False}), typ="at+jwt"
    )
    assert (await scene.visit("/login")).status_code == 502


@pytest.mark.parametrize("name", ["ministry", "province"])
async def test_data_of_another_person_are_refused(stage: Stage, name: str) -> None:
    scene = stage(name)
    scene.provider.twist_userinfo = lambda claims: claims | {"sub": "somebody else"}
    assert (await scene.visit("/login")).status_code == 502


async def test_unsigned_data_are_refused_where_signed_data_were_agreed(stage: Stage) -> None:
    scene = stage("ministry")
    scene.provider.signed_userinfo = False
    assert (await scene.visit("/login")).status_code == 502


async def test_tampered_data_are_refused(stage: Stage) -> None:
    scene = stage("ministry")
    scene.provider.twist_userinfo_body = with_other_content
    assert (await scene.visit("/login")).status_code == 502


@pytest.mark.parametrize("issuer", [None, "https://elsewhere.example"])
async def test_an_answer_of_another_issuer_is_refused(stage: Stage, issuer: str | None) -> None:
    scene = stage("ministry")
    scene.provider.issuer_parameter = issuer
    assert (await scene.visit("/login")).status_code == 502
    assert not scene.provider.exchanges


async def test_a_discovery_document_of_another_issuer_is_refused(stage: Stage) -> None:
    scene = stage("ministry")
    scene.provider.twist_metadata = lambda document: document | {"issuer": "https://elsewhere.example"}
    assert (await scene.visit("/login")).status_code == 503


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("access_denied", "Bạn chưa cho phép"),
        ("login_required", "Cần đăng nhập"),
        ("temporarily_unavailable", "Một Cửa đang bận"),
        ("unmet_authentication_requirements", "Mức xác thực chưa đủ"),
        ("something_new", "Chưa đăng nhập được"),
    ],
)
async def test_errors_of_the_provider_are_told_kindly(stage: Stage, code: str, title: str) -> None:
    scene = stage("ministry")
    scene.provider.error = code
    page = await scene.visit("/login")
    assert page.status_code == 403
    assert title in page.text
    assert "free text" not in page.text
    assert "Đăng nhập" in page.text


async def test_a_level_below_the_portals_is_refused(stage: Stage) -> None:
    scene = stage("ministry")
    scene.provider.acr = "https://elsewhere.example/acr/4"  # a level of another provider is no level here
    page = await scene.visit("/login")
    assert page.status_code == 403
    assert "Mức xác thực chưa đủ" in page.text


async def test_a_provider_that_does_not_answer_is_told_kindly(stage: Stage) -> None:
    scene = stage("ministry")
    scene.provider.twist_metadata = lambda _document: "no object"
    page = await scene.visit("/login")
    assert page.status_code == 503
    assert "Chưa liên lạc được" in page.text


async def test_an_unknown_address_is_told_kindly(stage: Stage) -> None:
    page = await stage("ministry").visit("/nowhere")
    assert page.status_code == 404
    assert "Không có trang này" in page.text


async def test_the_portal_believes_its_own_issuer_only(stage: Stage) -> None:
    scene = stage("ministry")
    scene.provider.twist_claims = lambda claims: claims | {"iss": ISSUER + "/"}
    assert (await scene.visit("/login")).status_code == 502
