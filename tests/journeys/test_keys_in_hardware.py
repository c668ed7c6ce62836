"""Signing keys in a hardware module, in service: every flow, a module that goes away and comes back, rotation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import httpx2
import jwt
import pytest

from idp.custody.custodian import rotate
from keys import policy, store
from keys.backends.pkcs11 import Pkcs11Token
from keys.jose import SignerUnavailable
from tests.support.housed import Housed, housed_provider
from tests.support.installation import ISSUER
from tests.support.population import HOA
from tests.support.portals import API
from tests.support.provider import NOW, Ground
from tests.support.softhsm import SoftHsm

DAY: Final = 24 * 3600
BACK_SECONDS: Final = 5
"""A module that is back is used again after this long at the latest."""

QUICK: Final = {"id_token": ("ES256", "EdDSA"), "access_token": ("ES256",), "userinfo": ("ES256",)}
EVERYTHING: Final = {
    "id_token": ("ES256", "RS256", "PS256", "EdDSA"),
    "access_token": ("ES256", "RS256"),
    "userinfo": ("ES256",),
}

pytestmark = [pytest.mark.hsm]


@pytest.fixture
def kinds(request: pytest.FixtureRequest) -> Mapping[str, tuple[str, ...]]:
    """The kinds of keys that the provider has."""
    return getattr(request, "param", QUICK)


@pytest.fixture
async def housed(
    kinds: Mapping[str, tuple[str, ...]],
    provider_ground: Ground,
    softhsm: SoftHsm,
    hsm_token: Pkcs11Token,
    tmp_path: Path,
) -> AsyncIterator[Housed]:
    """A running provider whose keys were made in the module, yesterday."""
    async with housed_provider(
        provider_ground, softhsm, hsm_token, tmp_path, NOW - DAY, backend="pkcs11", keys=kinds
    ) as running:
        yield running


def header(token: str) -> dict[str, Any]:
    return jwt.get_unverified_header(token)


@pytest.mark.parametrize("kinds", [EVERYTHING], indirect=True)
async def test_every_flow_is_signed_in_the_module(housed: Housed) -> None:
    provider, history = housed.provider, (await housed.ground()).history
    browser = provider.browser()
    for client_id, alg in (("dossiers", "ES256"), ("legacy-basic", "RS256"), ("enterprise", "ES256")):
        portal = provider.portal(client_id)
        tokens = await provider.tokens(client_id, HOA, browser, scope="openid profile")
        await portal.verify(tokens.access_token, audience=ISSUER)
        for purpose, token in (("id_token", tokens.id_token), ("access_token", tokens.access_token)):
            active = history.active((purpose, alg))
            assert active is not None
            assert (header(token)["kid"], active.backend) == (active.kid, "pkcs11")
        assert (await portal.introspect(tokens.access_token))["active"] is True
        told = await portal.userinfo(tokens.access_token)
        assert told.status_code == 200
        if client_id == "enterprise":
            assert (await portal.verify(told.text))["sub"] == tokens.sub
        if client_id == "dossiers":
            fresh = await portal.read(await portal.refresh(tokens.refresh_token))
            assert fresh.sub == tokens.sub
    machine = provider.portal("machine-rs256")
    response = await machine.post("/token", grant_type="client_credentials")
    assert (await machine.verify(response.json()["access_token"], audience=API))["sub"] == "machine-rs256"
    for key in await store.find_keys(provider.db):
        assert (key.backend, key.sealed_private_key) == ("pkcs11", None)
    assert set(housed.provider.keyring.algorithms(policy.Purpose.ID_TOKEN)) == set(EVERYTHING["id_token"])


def is_unavailable(response: httpx2.Response) -> bool:
    answered = response.status_code, response.json().get("error")
    return answered == (503, "temporarily_unavailable") and int(response.headers["retry-after"]) > 0


async def until_answered(ask: Callable[[], Awaitable[httpx2.Response]]) -> httpx2.Response:
    """The answer of a module that is back; until it is used again, portals are told to come later."""
    async with asyncio.timeout(BACK_SECONDS):
        while True:
            response = await ask()
            if not is_unavailable(response):
                return response
            await asyncio.sleep(0.05)


async def test_nothing_is_used_up_while_the_module_is_away(housed: Housed) -> None:
    provider, browser = housed.provider, housed.provider.browser()
    dossiers, enterprise = provider.portal("dossiers"), provider.portal("enterprise")
    machine = provider.portal("machine-es256")
    first = await provider.tokens("dossiers", HOA, browser, scope="openid profile")
    signed = await provider.tokens("enterprise", HOA, browser, scope="openid profile")
    asked, visit = await provider.enter("dossiers", HOA, browser, scope="openid profile")
    released = len(await provider.events("claims.released"))
    with housed.hsm.away() as away:
        for _ in range(2):
            assert is_unavailable(await dossiers.refresh(first.refresh_token))
            assert is_unavailable(await dossiers.redeem(asked, visit.code))
            assert is_unavailable(await machine.post("/token", grant_type="client_credentials"))
            assert is_unavailable(await enterprise.userinfo(signed.access_token))
        assert len(await provider.events("claims.released")) == released
        assert (await dossiers.userinfo(first.access_token)).status_code == 200
        assert (await dossiers.introspect(first.access_token))["active"] is True
        for path in ("/jwks", "/health/ready", "/.well-known/openid-configuration"):
            assert (await provider.http().get(path)).status_code == 200
        consent = await provider.enter("province", HOA, browser, scope="openid profile")
        away.back()
        response = await until_answered(lambda: dossiers.refresh(first.refresh_token))
    assert (await dossiers.read(response)).sub == first.sub
    assert (await dossiers.tokens(asked, visit)).sub == first.sub, "the same code"
    assert (await provider.portal("province").tokens(*consent)).claims["iss"] == ISSUER, "the consent stands"
    again = await dossiers.redeem(asked, visit.code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant"), "once it gave something"
    assert [one.outcome for one in await provider.events("token") if one.outcome != "ok"] == ["code_replay"]


async def test_a_module_that_is_away_at_the_start_is_used_when_it_is_there(
    housed: Housed, softhsm: SoftHsm
) -> None:
    with housed.hsm.away() as away:
        app = await housed.provider.another_worker()
        machine = housed.provider.portal("machine-es256", app=app)
        assert is_unavailable(await machine.post("/token", grant_type="client_credentials"))
        away.back()
        response = await until_answered(lambda: machine.post("/token", grant_type="client_credentials"))
    assert response.status_code == 200


async def until_signed_by(housed: Housed, kid: str) -> None:
    """A worker hears of a change within seconds; meanwhile it signs as before."""
    machine = housed.provider.portal("machine-es256")
    async with asyncio.timeout(BACK_SECONDS):
        while True:
            response = await machine.post("/token", grant_type="client_credentials")
            assert response.status_code == 200, response.text
            if header(response.json()["access_token"])["kid"] == kid:
                return
            await asyncio.sleep(0.05)


async def test_rotation_waits_for_the_module(housed: Housed) -> None:
    due = NOW - DAY + policy.ACTIVE_LIFETIME
    custodian, before, signing = housed.at(due), await housed.ground(), await housed.signing()
    strangers, stored = await housed.token.held() - signing, await store.find_keys(housed.provider.db)
    successor = before.history.waiting(("access_token", "ES256"))[0].kid
    with housed.hsm.away():
        with pytest.raises(SignerUnavailable):
            await rotate(custodian)
        assert (await housed.ground()).entries == before.entries
        assert await store.find_keys(housed.provider.db) == stored
    plan = await rotate(custodian)
    assert plan is not None
    assert sum(event["event"] == "activated" for event in plan.events) == len(signing) // 2
    await until_signed_by(housed, successor)
    assert await housed.token.held() - strangers == signing | await housed.signing(), "some worker signs yet"
    later = housed.at(due + policy.PUBLISHING_SECONDS)
    with housed.hsm.away():
        assert await rotate(later) is None
    assert await rotate(later) is None
    assert await housed.token.held() - strangers == await housed.signing()


async def test_a_plan_that_is_lost_leaves_no_key_in_the_module(housed: Housed) -> None:
    due, before = NOW - DAY + policy.ACTIVE_LIFETIME, await housed.token.held()
    signing = await housed.signing()
    plans = await asyncio.gather(*(rotate(housed.at(due, lost=set())) for _ in range(2)))
    assert sum(plan is not None for plan in plans) == 1
    assert await housed.token.held() - before == await housed.signing() - signing


class Failing:
    """A module that is taken away after some keys were made."""

    def __init__(self, housed: Housed, most: int) -> None:
        self.housed, self.left = housed, most
        self.away = housed.hsm.away()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.housed.token, name)

    async def generate(self, alg: str) -> Any:
        """Make a key, or fail."""
        if self.left == 0:
            self.away.__enter__()
        self.left -= 1
        return await self.housed.token.generate(alg)


async def test_a_plan_that_breaks_off_leaves_no_key_in_the_module(housed: Housed) -> None:
    due, before = NOW - DAY + policy.ACTIVE_LIFETIME, await housed.token.held()
    failing = Failing(housed, 2)
    custodian = housed.at(due, hardware=failing, lost=set())
    try:
        with pytest.raises(SignerUnavailable):
            await rotate(custodian)
    finally:
        failing.away.back()
    assert len(await housed.token.held() - before) == 2 == len(custodian.lost)
    custodian = replace(custodian, hardware=housed.token)
    signing = await housed.signing()
    assert await rotate(custodian) is not None
    assert await housed.token.held() - before == await housed.signing() - signing
    assert custodian.lost == set()
