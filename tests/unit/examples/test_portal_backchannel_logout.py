"""A session that ends at the provider ends at the portal, on a token that only the provider can have signed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey

from tests.unit.examples.conftest import Scene
from tests.unit.examples.fake_provider import ISSUER, SID, SUBJECT, sign_with

Stage = Callable[[str], Scene]
EVENT = "http://schemas.openid.net/event/backchannel-logout"
NAME = "NGUYỄN THỊ MẪU"


def claims(**changes: Any) -> dict[str, Any]:
    """Of a good logout token for the ministry's portal; None leaves a claim out."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": "ministry-portal",
        "sub": SUBJECT,
        "sid": SID,
        "iat": now,
        "exp": now + 120,
        "jti": "j",
        "events": {EVENT: {}},
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


async def tell(scene: Scene, token: str) -> httpx2.Response:
    """The provider's request, which brings no cookie of anybody."""
    return await scene.browser.post(
        f"{scene.portal}/backchannel-logout", data={"logout_token": token}, headers={"cookie": ""}
    )


async def is_signed_in(scene: Scene) -> bool:
    return NAME in (await scene.visit("/")).text


async def test_the_session_ends(stage: Stage) -> None:
    scene = stage("ministry")
    await scene.visit("/login")
    assert await is_signed_in(scene)
    answer = await tell(scene, scene.provider.sign(claims(), typ="logout+jwt"))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert not await is_signed_in(scene)
    again = await tell(scene, scene.provider.sign(claims(), typ="logout+jwt"))
    assert again.status_code == 200, "ended already is as good"


async def test_the_session_that_the_last_login_was_in_ends(stage: Stage) -> None:
    """Where the one at the provider had run out, the login that the API asked for began another."""
    scene = stage("ministry")
    await scene.visit("/login")
    scene.provider.twist_claims = lambda claims: claims | {"sid": "a later session"}
    await scene.visit("/trich-luc")
    assert await is_signed_in(scene)
    await tell(scene, scene.provider.sign(claims(sid="a later session"), typ="logout+jwt"))
    assert not await is_signed_in(scene)


@pytest.mark.parametrize("changes", [{"sid": "another session"}, {"sub": "another person"}])
async def test_another_session_stays(stage: Stage, changes: dict[str, Any]) -> None:
    scene = stage("ministry")
    await scene.visit("/login")
    assert (await tell(scene, scene.provider.sign(claims(**changes), typ="logout+jwt"))).status_code == 200
    assert await is_signed_in(scene)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another-portal"},
        {"exp": int(time.time()) - 60},
        {"exp": None},
        {"iat": None},
        {"jti": None},
        {"sid": None},
        {"events": None},
        {"events": {}},
        {"events": {"http://schemas.openid.net/event/other": {}}},
        {"events": {EVENT: "yes"}},
        {"events": [EVENT]},
        {"nonce": "n"},
    ],
)
async def test_a_token_that_is_not_right_ends_nothing(stage: Stage, changes: dict[str, Any]) -> None:
    scene = stage("ministry")
    await scene.visit("/login")
    assert (await tell(scene, scene.provider.sign(claims(**changes), typ="logout+jwt"))).status_code == 400
    assert await is_signed_in(scene)


async def test_a_token_of_another_kind_or_key_ends_nothing(stage: Stage) -> None:
    scene = stage("ministry")
    await scene.visit("/login")
    stranger = ECKey.generate_key("P-256", auto_kid=True)
    for token in (
        scene.provider.sign(claims()),  # an ID token's type
        sign_with(stranger, claims(), kid=scene.provider.key.kid, typ="logout+jwt"),
        "",
        "a.b.c",
    ):
        assert (await tell(scene, token)).status_code == 400
    assert await is_signed_in(scene)
