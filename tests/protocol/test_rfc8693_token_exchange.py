"""RFC 8693: token exchange. An API acts for a person by name, for less than it was handed, and never longer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt
import pytest

from idp.oidc.access_token import ACCESS_TOKEN_LIFETIME, act_claim, read_actors
from idp.store import clients
from idp.store.database import step
from tests.support.browsing import Browser
from tests.support.delegation import (
    ACCESS_TOKEN,
    DOSSIERS,
    EXCHANGE,
    LAND,
    TAXES,
    acting,
    admit,
    change,
    exchange,
    granted,
    read,
)
from tests.support.installation import ISSUER
from tests.support.on_sqlite import on_sqlite
from tests.support.population import HOA, HOA_BINH, KHANG, change_citizen
from tests.support.portals import Tokens
from tests.support.provider import Event, Provider

DEAD = {"active": False}


async def is_active(provider: Provider, api: str, token: str) -> bool:
    return bool((await provider.portal(api).introspect(token))["active"])


async def disable(provider: Provider, client_id: str) -> None:
    await provider.db.write(step(clients.DISABLE, client=client_id, now=int(provider.clock())))


async def test_an_api_acts_for_a_person(apis: Provider, given: Tokens, handed: str) -> None:
    response = await exchange(apis, "dossiers-api", handed)
    body = response.json()
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert body | {"access_token": ""} == {
        "access_token": "",
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": ACCESS_TOKEN_LIFETIME,
        "scope": "openid profile org",
    }
    token = body["access_token"]
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    claims = await apis.portal("taxes-api").verify(token, audience=TAXES)
    before = read(handed)
    assert claims | {"jti": ""} == before | {
        "jti": "",
        "aud": TAXES,
        "client_id": "dossiers-api",
        "act": {"sub": "dossiers-api"},
    }
    assert claims["sub"] == given.sub, "the same person, under the name that the portal knows"
    assert claims["jti"].startswith(f"{before['jti']}.")


async def test_what_the_next_api_is_told(apis: Provider, handed: str) -> None:
    token = await acting(apis, "dossiers-api", handed, TAXES)
    for asking in ("taxes-api", "dossiers-api"):
        told = await apis.portal(asking).introspect(token)
        assert (told["active"], told["act"]) == (True, {"sub": "dossiers-api"})
        assert (told["client_id"], told["aud"], told["iss"]) == ("dossiers-api", TAXES, ISSUER)
    for stranger in ("land-api", "filing", "impostor-api"):
        assert await apis.portal(stranger).introspect(token) == DEAD


async def test_a_chain_names_everybody_who_acts(apis: Provider, handed: str) -> None:
    second = await acting(apis, "dossiers-api", handed, TAXES)
    third = await acting(apis, "taxes-api", second, LAND)
    assert read(third)["act"] == {"sub": "taxes-api", "act": {"sub": "dossiers-api"}}
    assert read_actors(read(third)) == ("taxes-api", "dossiers-api")
    assert (await apis.portal("land-api").introspect(third))["act"] == read(third)["act"]


async def test_a_chain_has_an_end(apis: Provider, handed: str) -> None:
    token = await acting(apis, "dossiers-api", handed, TAXES)
    token = await acting(apis, "taxes-api", token, DOSSIERS)
    token = await acting(apis, "dossiers-api", token, LAND)
    refused = await exchange(apis, "land-api", token, resource=TAXES)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    assert "exchanged 3 times" in refused.json()["error_description"]


def test_actors_are_written_and_read_in_one_order() -> None:
    assert act_claim(("c", "b", "a")) == {"sub": "c", "act": {"sub": "b", "act": {"sub": "a"}}}
    for actors in ((), ("a",), ("c", "b", "a")):
        assert read_actors({"act": act_claim(actors)} if actors else {}) == actors


async def test_for_an_organisation_it_stays_that_organisation(apis: Provider) -> None:
    portal = apis.portal("filing")
    asked, visit = await portal.send(apis.browser())
    visit = await apis.sign_in(visit, KHANG)
    visit = await apis.settle(await visit.submit(acting_for=HOA_BINH.record_id))
    token = (await portal.redeem(asked, visit.code, resource=DOSSIERS)).json()["access_token"]
    assert (
        read(await acting(apis, "dossiers-api", token, TAXES))["vn_organisation"]
        == (read(token)["vn_organisation"])
    )


@pytest.mark.parametrize(
    ("changes", "audience"),
    [
        ({"resource": TAXES}, TAXES),
        ({"resource": "", "audience": LAND}, LAND),
        ({"resource": [TAXES, LAND]}, [TAXES, LAND]),
        ({"resource": TAXES, "audience": [LAND, TAXES]}, [TAXES, LAND]),
    ],
)
async def test_it_is_for_what_is_named(
    apis: Provider, handed: str, changes: Mapping[str, Any], audience: object
) -> None:
    response = await exchange(apis, "dossiers-api", handed, **changes)
    assert read(response.json()["access_token"])["aud"] == audience


async def test_the_only_one_that_is_within_reach_needs_no_name(apis: Provider, hoa: Browser) -> None:
    given = await granted(apis, hoa, named=[DOSSIERS, LAND])
    response = await exchange(apis, "dossiers-api", given.access_token, resource="")
    assert read(response.json()["access_token"])["aud"] == LAND


async def test_less_may_be_asked_for(apis: Provider, handed: str) -> None:
    response = await exchange(apis, "dossiers-api", handed, scope="profile")
    assert response.json()["scope"] == read(response.json()["access_token"])["scope"] == "profile"


async def test_it_opens_no_userinfo_and_comes_alone(apis: Provider, handed: str) -> None:
    response = await exchange(apis, "dossiers-api", handed, scope="openid")
    assert not response.json().keys() & {"refresh_token", "id_token"}
    assert (await apis.portal("filing").userinfo(response.json()["access_token"])).status_code == 401


async def last_of(provider: Provider, client_id: str) -> Event:
    """The latest event about tokens of a client; others are at work at the same provider."""
    return [event for event in await provider.events("token") if event.client_id == client_id][-1]


async def test_the_audit_log_says_who_acts_for_whom(apis: Provider, handed: str) -> None:
    token = await acting(apis, "dossiers-api", handed, TAXES)
    event, account = await last_of(apis, "dossiers-api"), await apis.account(HOA)
    assert (event.outcome, event.account_id) == ("ok", account.account_id)
    assert event.details == {
        "grant_type": EXCHANGE,
        "granted_to": "filing",
        "actors": ["dossiers-api"],
        "audience": TAXES,
        "scope": "openid profile org",
        "jti": read(token)["jti"],
    }
    await exchange(apis, "taxes-api", handed)
    event = await last_of(apis, "taxes-api")
    assert event.outcome == "invalid_request"
    assert handed not in str(event.details)


@on_sqlite
async def test_nothing_is_prolonged(one: Provider) -> None:
    await admit(one)
    handed = (await granted(one)).access_token
    one.clock.advance(200)
    response = await exchange(one, "dossiers-api", handed)
    second = response.json()["access_token"]
    assert (response.json()["expires_in"], read(second)["exp"]) == (100, read(handed)["exp"])
    one.clock.advance(99)
    third = await acting(one, "taxes-api", second, LAND)
    assert read(third)["exp"] == read(handed)["exp"]
    one.clock.advance(1)
    for api, token in (("dossiers-api", handed), ("taxes-api", second), ("land-api", third)):
        response = await exchange(one, api, token, resource=DOSSIERS)
        assert "expired" in response.json()["error_description"]
        assert not await is_active(one, api, token)


@pytest.fixture
async def chain(one: Provider, browser: Browser) -> tuple[Tokens, str, str]:
    """What the portal has, and what two APIs made of it."""
    given = await granted(await admit(one), browser)
    second = await acting(one, "dossiers-api", given.access_token, TAXES)
    return given, second, await acting(one, "taxes-api", second, LAND)


async def _logout(provider: Provider, browser: Browser, given: Tokens) -> None:
    assert (await browser.open(f"/logout?id_token_hint={given.id_token}")).status == 200


async def _revoke(provider: Provider, _: Browser, given: Tokens) -> None:
    await provider.portal("filing").revoke(given.refresh_token)


async def _revoke_access(provider: Provider, _: Browser, given: Tokens) -> None:
    await provider.portal("filing").revoke(given.access_token)


async def _lock(provider: Provider, _: Browser, __: Tokens) -> None:
    await provider.lock(HOA)


async def _die(provider: Provider, _: Browser, __: Tokens) -> None:
    await change_citizen(provider.registers, HOA, status="deceased")


ENDS = {
    "logout": _logout,
    "revocation of the grant": _revoke,
    "revocation of the first token": _revoke_access,
    "a lock": _lock,
    "death": _die,
}


@pytest.mark.parametrize("end", ENDS)
async def test_what_ends_the_grant_or_the_first_token_ends_all_that_came_of_it(
    one: Provider, browser: Browser, chain: tuple[Tokens, str, str], end: str
) -> None:
    given, second, third = chain
    await ENDS[end](one, browser, given)
    for api, token in (("dossiers-api", given.access_token), ("taxes-api", second), ("land-api", third)):
        assert not await is_active(one, api, token)
        response = await exchange(one, api, token, resource=DOSSIERS if api != "dossiers-api" else TAXES)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_an_api_gives_up_its_own_and_what_came_of_it(
    one: Provider, chain: tuple[Tokens, str, str]
) -> None:
    given, second, third = chain
    await one.portal("taxes-api").revoke(second)
    assert await is_active(one, "taxes-api", second), "it is not its own: it was handed"
    await one.portal("dossiers-api").revoke(second)
    assert not await is_active(one, "taxes-api", second)
    assert not await is_active(one, "land-api", third)
    assert await is_active(one, "dossiers-api", given.access_token), "the person's portal goes on"
    assert (await one.portal("filing").refresh(given.refresh_token)).status_code == 200
    assert await acting(one, "dossiers-api", given.access_token, TAXES)


@on_sqlite
@pytest.mark.parametrize("closed", ["filing", "dossiers-api"])
async def test_clients_that_are_disabled_act_no_more_nor_does_anybody_for_them(
    one: Provider, chain: tuple[Tokens, str, str], closed: str
) -> None:
    _, second, third = chain
    await disable(one, closed)
    refused = await exchange(one, "taxes-api", second, resource=LAND)
    assert refused.json()["error"] == "invalid_request"
    fresh = await one.another_worker()
    assert await one.portal("taxes-api", app=fresh).introspect(second) == DEAD
    assert await one.portal("land-api", app=fresh).introspect(third) == DEAD


@on_sqlite
async def test_a_portal_takes_back_who_may_act(one: Provider, chain: tuple[Tokens, str, str]) -> None:
    given, second, _ = chain
    await change(one, "filing", may_act=["taxes-api", "land-api"])
    refused = await exchange(one, "dossiers-api", given.access_token)
    assert refused.json()["error"] == "invalid_request"
    refused = await exchange(one, "taxes-api", second, resource=LAND)
    assert "dossiers-api" in refused.json()["error_description"], "nor is built on what it did before"


@on_sqlite
async def test_a_portal_takes_back_where_tokens_may_go(one: Provider, chain: tuple[Tokens, str, str]) -> None:
    given, _, _ = chain
    await change(one, "filing", audience=[DOSSIERS, LAND])
    refused = await exchange(one, "dossiers-api", given.access_token, resource=TAXES)
    assert refused.json()["error"] == "invalid_target"
