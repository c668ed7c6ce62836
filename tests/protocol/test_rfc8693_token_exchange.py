"""RFC 8693: token exchange. An API acts for a person by name, for less than it was handed, and never longer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt
import pytest

from idp.oidc.access_token import ACCESS_TOKEN_LIFETIME, act_claim, read_actors
from idp.store import clients
from idp.store.database import step
from keys.policy import Purpose
from tests.support.browsing import Browser
from tests.support.delegation import (
    ACCESS_TOKEN,
    DOSSIERS,
    ELSEWHERE,
    EXCHANGE,
    LAND,
    TAXES,
    acting,
    admit,
    change,
    exchange,
    granted,
    post,
    read,
)
from tests.support.installation import ISSUER
from tests.support.oidc_rules import keyring
from tests.support.population import HOA, HOA_BINH, KHANG, change_citizen
from tests.support.portals import Portal, Tokens
from tests.support.provider import Provider
from tests.support.signing import signed

TYPE = "urn:ietf:params:oauth:token-type:"
DEAD = {"active": False}
on_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
async def apis(service: Provider) -> Provider:
    """A provider with a portal that calls APIs, which call each other."""
    return await admit(service)


@pytest.fixture
async def given(apis: Provider, hoa: Browser) -> Tokens:
    """What the portal has for the API of dossiers."""
    return await granted(apis, hoa)


@pytest.fixture
async def handed(given: Tokens) -> str:
    """The access token that the portal hands to the API of dossiers."""
    return given.access_token


async def is_active(provider: Provider, api: str, token: str) -> bool:
    return bool((await provider.portal(api).introspect(token))["active"])


async def disable(provider: Provider, client_id: str) -> None:
    await provider.db.write(step(clients.DISABLE, client=client_id, now=int(provider.clock())))


# ----- what it gives


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


async def test_the_audit_log_says_who_acts_for_whom(apis: Provider, handed: str) -> None:
    token = await acting(apis, "dossiers-api", handed, TAXES)
    event, account = (await apis.events("token"))[-1], await apis.account(HOA)
    assert (event.outcome, event.client_id, event.account_id) == ("ok", "dossiers-api", account.account_id)
    assert event.details == {
        "grant_type": EXCHANGE,
        "granted_to": "filing",
        "actors": ["dossiers-api"],
        "audience": TAXES,
        "scope": "openid profile org",
        "jti": read(token)["jti"],
    }
    await exchange(apis, "taxes-api", handed)
    event = (await apis.events("token"))[-1]
    assert (event.outcome, event.client_id) == ("invalid_request", "taxes-api")
    assert handed not in str(event.details)


# ----- what it refuses


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"subject_token": ""}, "invalid_request"),
        ({"subject_token_type": ""}, "invalid_request"),
        ({"subject_token_type": f"{TYPE}id_token"}, "invalid_request"),
        ({"subject_token_type": f"{TYPE}refresh_token"}, "invalid_request"),
        ({"subject_token_type": f"{TYPE}jwt"}, "invalid_request"),
        ({"subject_token_type": "access_token"}, "invalid_request"),
        ({"requested_token_type": f"{TYPE}refresh_token"}, "invalid_request"),
        ({"requested_token_type": f"{TYPE}id_token"}, "invalid_request"),
        ({"requested_token_type": f"{TYPE}saml2"}, "invalid_request"),
        ({"actor_token": "x", "actor_token_type": ACCESS_TOKEN}, "invalid_request"),
        ({"actor_token": "x"}, "invalid_request"),
        ({"actor_token_type": ACCESS_TOKEN}, "invalid_request"),
        ({"subject_token": ["a", "b"]}, "invalid_request"),
        ({"scope": "openid pid"}, "invalid_scope"),
        ({"scope": "openid profile org offline_access"}, "invalid_scope"),
        ({"scope": "procedures:read"}, "invalid_scope"),
        ({"scope": 'a"b'}, "invalid_scope"),
        ({"resource": ELSEWHERE}, "invalid_target"),
        ({"resource": DOSSIERS}, "invalid_target"),
        ({"resource": [TAXES, ELSEWHERE]}, "invalid_target"),
        ({"resource": ISSUER}, "invalid_target"),
        ({"resource": f"{TAXES}/"}, "invalid_target"),
        ({"resource": f"{TAXES}#x"}, "invalid_target"),
        ({"resource": TAXES, "audience": ELSEWHERE}, "invalid_target"),
        ({"resource": "", "audience": "taxes-api"}, "invalid_target"),
        ({"resource": ""}, "invalid_target"),
    ],
)
async def test_requests_that_are_refused(
    apis: Provider, handed: str, changes: Mapping[str, Any], error: str
) -> None:
    response = await exchange(apis, "dossiers-api", handed, **changes)
    assert (response.status_code, response.json()["error"]) == (400, error)
    assert "access_token" not in response.json()


async def test_tokens_that_are_no_access_token_of_ours_for_this_api(
    apis: Provider, hoa: Browser, given: Tokens, handed: str
) -> None:
    header, payload, signature = handed.split(".")
    claims = read(handed)
    machine = apis.portal("machine-es256")
    foreign = signed(keyring("theirs"), Purpose.ACCESS_TOKEN, claims)
    tokens = {
        "an ID token": given.id_token,
        "a refresh token": given.refresh_token,
        "unsecured": f"{'eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0'}.{payload}.",
        "with another content": f"{header}.{given.id_token.split('.')[1]}.{signature}",
        "with another signature": f"{header}.{payload}.{signature[::-1]}",
        "of another issuer's key": foreign,
        "of another issuer's key under the name of ours": f"{header}.{'.'.join(foreign.split('.')[1:])}",
        "signed by the API itself": jwt.encode(claims, "secret" * 8, "HS256", headers={"typ": "at+jwt"}),
        "by our key for ID tokens": signed(apis.keyring, Purpose.ID_TOKEN, claims),
        "for UserInfo": (await granted(apis, hoa, resource="")).access_token,
        "for another API": (await granted(apis, hoa, resource=LAND)).access_token,
        "of a machine": (await machine.post("/token", grant_type="client_credentials")).json()[
            "access_token"
        ],
        "nothing": "x",
    }
    for name, token in tokens.items():
        response = await exchange(apis, "dossiers-api", token)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request"), name


@on_sqlite
async def test_a_machine_s_own_token_has_no_person_to_act_for(one: Provider) -> None:
    await admit(one)
    await change(one, "machine-es256", audience=[DOSSIERS])
    machine = one.portal("machine-es256")
    token = (await machine.post("/token", grant_type="client_credentials")).json()["access_token"]
    response = await exchange(one, "dossiers-api", token)
    assert "no person" in response.json()["error_description"]


async def test_who_was_not_handed_it_cannot_use_it(apis: Provider, handed: str) -> None:
    """A token that leaks to another API is worth nothing there."""
    for thief in ("taxes-api", "land-api"):
        response = await exchange(apis, thief, handed, resource=DOSSIERS)
        assert response.json()["error"] == "invalid_request"
    token = await acting(apis, "dossiers-api", handed, TAXES)
    for thief in ("dossiers-api", "land-api"):
        response = await exchange(apis, thief, token, resource=LAND)
        assert response.json()["error"] == "invalid_request"


async def test_only_whom_the_portal_lets_act(apis: Provider, hoa: Browser, handed: str) -> None:
    refused = await exchange(apis, "impostor-api", handed)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    assert refused.json()["error_description"] == "may not act on tokens of filing: impostor-api"
    plain = await exchange(apis, "filing", handed)
    assert plain.json()["error"] == "unauthorized_client", "a portal does not act for its own people"


@pytest.mark.parametrize("client_id", ["filing", "api", "app", "library", "machine-es256"])
async def test_only_clients_that_are_registered_for_it(apis: Provider, handed: str, client_id: str) -> None:
    response = await exchange(apis, client_id, handed)
    assert (response.status_code, response.json()["error"]) == (400, "unauthorized_client")


async def test_the_api_is_authenticated_first(apis: Provider, handed: str) -> None:
    form = {
        "grant_type": EXCHANGE,
        "subject_token": handed,
        "subject_token_type": ACCESS_TOKEN,
        "resource": TAXES,
    }
    for claimed in (
        {},
        {"client_id": "dossiers-api"},
        {"client_id": "dossiers-api", "client_secret": "guess"},
    ):
        response = await apis.http().post("/token", data={**form, **claimed})
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


async def test_the_target_stays_within_what_the_person_s_portal_named(apis: Provider, hoa: Browser) -> None:
    given = await granted(apis, hoa, named=[DOSSIERS, LAND])
    assert (await exchange(apis, "dossiers-api", given.access_token, resource=LAND)).status_code == 200
    refused = await exchange(apis, "dossiers-api", given.access_token, resource=TAXES)
    assert refused.json()["error"] == "invalid_target"


async def test_a_token_that_was_refreshed_for_less_gives_no_more(apis: Provider, given: Tokens) -> None:
    response = await apis.portal("filing").refresh(given.refresh_token, scope="profile", resource=DOSSIERS)
    token = response.json()["access_token"]
    assert read(await acting(apis, "dossiers-api", token, TAXES))["scope"] == "profile"
    refused = await exchange(apis, "dossiers-api", token, scope="openid profile")
    assert refused.json()["error"] == "invalid_scope"


# ----- how long it lasts


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


async def test_parameters_may_not_be_polluted(apis: Provider, handed: str) -> None:
    portal: Portal = apis.portal("dossiers-api")
    form = {"grant_type": EXCHANGE, "subject_token": handed, "subject_token_type": ACCESS_TOKEN}
    for name in ("grant_type", "subject_token", "subject_token_type", "scope"):
        value = form.get(name, "openid")
        response = await post(portal, "/token", {**form, "resource": TAXES, name: [value, value]})
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request"), name
