"""RFC 7662: token introspection."""

from __future__ import annotations

import pytest

from tests.support.browsing import Browser
from tests.support.installation import ISSUER
from tests.support.population import AN, HOA, KHANG, MAI, change_citizen
from tests.support.portals import API, Portal, Tokens
from tests.support.provider import Provider

DEAD = {"active": False}


@pytest.fixture
async def given(service: Provider, hoa: Browser) -> Tokens:
    """Fresh tokens of the portal for dossiers."""
    return await service.tokens("dossiers", HOA, hoa)


@pytest.fixture
def portal(service: Provider) -> Portal:
    """The portal for dossiers."""
    return service.portal("dossiers")


async def test_an_access_token_of_a_person(service: Provider, portal: Portal, given: Tokens) -> None:
    now = int(service.clock())
    told = dict(await portal.introspect(given.access_token))
    assert len(told.pop("jti")) >= 16
    assert told == {
        "active": True,
        "token_type": "Bearer",
        "iss": ISSUER,
        "sub": given.sub,
        "aud": ISSUER,
        "client_id": "dossiers",
        "scope": "openid profile org",
        "iat": now,
        "exp": now + 300,
        "auth_time": given.claims["auth_time"],
        "acr": given.claims["acr"],
    }


async def test_the_answer_is_json_and_not_kept(portal: Portal, given: Tokens) -> None:
    response = await portal.post("/introspect", token=given.access_token)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"


async def test_a_refresh_token(service: Provider, portal: Portal, given: Tokens) -> None:
    told = await portal.introspect(given.refresh_token)
    assert told == {
        "active": True,
        "iss": ISSUER,
        "client_id": "dossiers",
        "sub": given.sub,
        "scope": "openid profile org",
        "exp": int(service.clock()) + 1800,
    }
    await portal.refresh(given.refresh_token)
    assert await portal.introspect(given.refresh_token) == DEAD, "it was used"


async def test_for_whom_a_person_acts(service: Provider) -> None:
    asked, visit = await service.portal("dossiers").send(service.browser())
    visit = await service.sign_in(visit, KHANG)
    visit = await service.settle(await visit.submit(acting_for="o-hoa-binh"))
    given = await service.portal("dossiers").tokens(asked, visit)
    told = await service.portal("dossiers").introspect(given.access_token)
    assert {"scheme": "vn_enterprise_code", "value": "0309990017"} in told["vn_organisation"]["id"]


async def test_a_resource_asks_about_tokens_that_are_for_it(service: Provider) -> None:
    machine = service.portal("machine-es256")
    token = (await machine.post("/token", grant_type="client_credentials")).json()["access_token"]
    for asking in ("api", "machine-es256"):
        told = await service.portal(asking).introspect(token)
        assert (told["active"], told["sub"], told["client_id"]) == (True, "machine-es256", "machine-es256")
        assert (told["aud"], told["scope"]) == (API, "procedures:read procedures:write")
    assert await service.portal("machine-rs256").introspect(token) == DEAD


@pytest.mark.parametrize("stranger", ["library", "ministry", "legacy-post", "api", "machine-es256"])
async def test_others_learn_nothing(service: Provider, given: Tokens, stranger: str) -> None:
    for token in (given.access_token, given.refresh_token):
        assert await service.portal(stranger).introspect(token) == DEAD


@pytest.mark.parametrize(
    "token",
    ["x", "a.b.c", f"{'A' * 22}.{'A' * 43}", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.", "đ", "x" * 2000],
)
@pytest.mark.parametrize("hint", ["", "access_token", "refresh_token", "unheard-of"])
async def test_what_is_no_token_is_not_active(portal: Portal, token: str, hint: str) -> None:
    response = await portal.post("/introspect", token=token, token_type_hint=hint)
    assert (response.status_code, response.json()) == (200, DEAD)


@pytest.mark.parametrize(("length", "status"), [(16_384, 200), (16_385, 400)])
async def test_tokens_may_be_long(portal: Portal, length: int, status: int) -> None:
    """A signature that resists quantum computers alone has 4,412 characters."""
    for path in ("/introspect", "/revoke"):
        assert (await portal.post(path, token="x" * length)).status_code == status


async def test_tokens_of_other_kinds_and_changed_ones_are_not_active(portal: Portal, given: Tokens) -> None:
    header, payload, signature = given.access_token.split(".")
    family, secret = given.refresh_token.split(".")
    for token in (
        given.id_token,
        f"{header}.{given.id_token.split('.')[1]}.{signature}",
        f"{header}.{payload}.{signature[::-1]}",
        f"{family}.{secret[::-1]}",
        f"{family[::-1]}.{secret}",
    ):
        assert await portal.introspect(token) == DEAD


async def test_revoked_tokens_are_not_active(portal: Portal, given: Tokens) -> None:
    await portal.revoke(given.access_token)
    assert await portal.introspect(given.access_token) == DEAD
    assert (await portal.introspect(given.refresh_token))["active"] is True
    await portal.revoke(given.refresh_token)
    assert await portal.introspect(given.refresh_token) == DEAD


async def test_a_token_is_needed(portal: Portal) -> None:
    response = await portal.post("/introspect")
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_only_clients_that_prove_who_they_are_may_ask(
    service: Provider, hoa: Browser, given: Tokens
) -> None:
    own = await service.tokens("app", HOA, hoa)
    for form in (
        {"client_id": "app", "token": own.access_token},
        {"client_id": "dossiers", "token": given.access_token},
        {"token": given.access_token},
    ):
        response = await service.http().post("/introspect", data=form)
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
        assert "active" not in response.json()


async def test_only_by_post(service: Provider) -> None:
    response = await service.http().get("/introspect", params={"token": "x"})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_what_is_over_is_not_active(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("dossiers")
    given = await provider.tokens("dossiers", HOA)
    provider.clock.advance(300)
    assert await portal.introspect(given.access_token) == DEAD
    assert (await portal.introspect(given.refresh_token))["active"] is True
    provider.clock.advance(1500)
    assert await portal.introspect(given.refresh_token) == DEAD


async def test_what_ends_a_person_s_rights_ends_the_token(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("dossiers")
    browsers = {citizen: provider.browser() for citizen in (HOA, AN, MAI)}
    given = {
        citizen: await provider.tokens("dossiers", citizen, browser, scope="openid profile")
        for citizen, browser in browsers.items()
    }
    await provider.lock(HOA)
    await change_citizen(provider.registers, AN, status="deceased")
    left = await browsers[MAI].open(f"/logout?id_token_hint={given[MAI].id_token}")
    assert left.status == 200
    for tokens in given.values():
        assert await portal.introspect(tokens.access_token) == DEAD
        assert await portal.introspect(tokens.refresh_token) == DEAD
        assert (await portal.userinfo(tokens.access_token)).status_code == 401
        assert (await portal.refresh(tokens.refresh_token)).json()["error"] == "invalid_grant"
