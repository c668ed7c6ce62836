"""A call centre asks, and a telephone that looks by itself answers: a real browser, with and without script."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any, Final

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from idp.oidc.grant_types import CIBA
from tests.browser.conftest import StartWalk
from tests.browser.walk import MANNERS, Manner
from tests.support.launched_demo import LaunchedDemo
from tests.support.portals import ASSERTION_TYPE

pytestmark = [pytest.mark.slow, pytest.mark.browser]

CLIENT_ID: Final = "tong-dai"
KEY: Final = ec.generate_private_key(ec.SECP256R1())
METADATA: Final[dict[str, Any]] = {
    "client_id": CLIENT_ID,
    "client_name": "Tổng đài dịch vụ công",
    "client_name#en": "Public service call centre",
    "owner": "Bộ Nội vụ",
    "sector": CLIENT_ID,
    "profile": "oidc",
    "token_endpoint_auth_method": "private_key_jwt",
    "grant_types": [CIBA],
    "backchannel_token_delivery_mode": "poll",
    "scope": "openid profile",
    "legal_basis": "consent",
    "purpose": "Trả lời về hồ sơ",
    "purpose#en": "To answer about a file",
    "jwks": {"keys": [json.loads(jwt.get_algorithm_by_name("ES256").to_jwk(KEY.public_key()))]},
}


@pytest.fixture(scope="module")
def issuer(demo: LaunchedDemo, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the provider that knows the call centre."""
    described: Path = tmp_path_factory.mktemp("call-centre") / "client.json"
    described.write_text(json.dumps(METADATA), encoding="utf-8")
    demo.motcua("clients", "add", str(described))
    return demo.issuer


def _signed(issuer: str, **claims: str) -> str:
    now = int(time.time())
    about = {"iss": CLIENT_ID, "aud": issuer, "iat": now, "nbf": now, "exp": now + 60}
    return jwt.encode({**about, "jti": secrets.token_urlsafe(16), **claims}, KEY, "ES256")


def _post(issuer: str, path: str, **form: str) -> dict[str, Any]:
    proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": _signed(issuer, sub=CLIENT_ID)}
    answer: dict[str, Any] = httpx2.post(f"{issuer}{path}", data={**proof, **form}).json()
    return answer


@pytest.mark.parametrize("manner", MANNERS, ids=str)
async def test_a_telephone_answers_a_call_centre(
    demo: LaunchedDemo, start_walk: StartWalk, issuer: str, manner: Manner
) -> None:
    citizen, walk = await demo.take_citizen(), await start_walk(manner)
    await walk.page.goto(f"{issuer}/account/requests")
    await walk.give_password(citizen)
    await walk.look("requests none")
    await walk.press("#watch")
    await walk.look("requests watching")
    asked = _signed(
        issuer, scope="openid profile", login_hint=citizen.personal_number, binding_message="HS 0412/7"
    )
    given = _post(issuer, "/bc-authorize", request=asked)
    await walk.page.wait_for_selector("button[name=open]")  # nobody touches the telephone
    await walk.look("requests waiting")
    await walk.press("button[name=open]")
    await walk.look("request confirm")
    assert await walk.page.locator("#binding_message").inner_text() == "HS 0412/7"
    await walk.press("#confirm")
    await walk.look("request consent")
    await walk.agree()
    await walk.look("request done")
    tokens = _post(issuer, "/token", grant_type=CIBA, auth_req_id=given["auth_req_id"])
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    assert httpx2.get(f"{issuer}/userinfo", headers=bearer).json()["name"] == citizen.name
