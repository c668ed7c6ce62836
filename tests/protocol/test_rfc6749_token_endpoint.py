"""RFC 6749 §3.2, §4.1.3, §4.4, §5, §6: the token endpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping

import httpx2
import pytest

from tests.support.browsing import Browser
from tests.support.population import HOA
from tests.support.portals import Tokens
from tests.support.provider import Provider

DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")
UNKNOWN_REFRESH_TOKEN = f"{'A' * 22}.{'A' * 43}"


def check_error(response: httpx2.Response, error: str, status: int = 400) -> None:
    """An error answer as §5.2 wants it."""
    assert (response.status_code, response.json()["error"]) == (status, error), response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.json().keys() <= {"error", "error_description"}
    assert DESCRIPTION.fullmatch(response.json()["error_description"])


async def fresh(service: Provider, client_id: str, browser: Browser) -> dict[str, str]:
    """The form of a good token request for a fresh code."""
    asked, visit = await service.enter(client_id, HOA, browser)
    return {
        "grant_type": "authorization_code",
        "code": visit.code,
        "redirect_uri": asked.parameters["redirect_uri"],
        "code_verifier": asked.verifier,
    }


async def tokens(service: Provider, browser: Browser, client_id: str = "dossiers") -> Tokens:
    return await service.tokens(client_id, HOA, browser)


async def test_a_code_gives_what_section_5_1_lists(service: Provider, hoa: Browser) -> None:
    response = await service.portal("dossiers").post("/token", **await fresh(service, "dossiers", hoa))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["pragma"] == "no-cache"
    body = response.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 300, "openid profile org")


@pytest.mark.parametrize(
    ("client_id", "refreshed"), [("dossiers", True), ("app", True), ("ministry", False), ("library", False)]
)
async def test_a_refresh_token_is_for_clients_that_registered_for_it(
    service: Provider, hoa: Browser, client_id: str, *, refreshed: bool
) -> None:
    given = await tokens(service, hoa, client_id)
    assert ("refresh_token" in given.body) is refreshed


async def test_offline_access_by_consent_gives_a_refresh_token(service: Provider, hoa: Browser) -> None:
    given = await service.tokens("library", HOA, hoa, prompt="consent")
    assert "offline_access" in given.body["scope"].split()
    assert (await service.portal("library").refresh(given.refresh_token)).status_code == 200


@pytest.mark.parametrize(
    ("client_id", "scope", "granted"),
    [
        ("machine-es256", "", "procedures:read procedures:write"),
        ("machine-es256", "procedures:write", "procedures:write"),
        ("machine-rs256", "procedures:read", "procedures:read"),
    ],
)
async def test_a_machine_gets_an_access_token_and_nothing_else(
    service: Provider, client_id: str, scope: str, granted: str
) -> None:
    response = await service.portal(client_id).post("/token", grant_type="client_credentials", scope=scope)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    assert response.json().keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert response.json()["scope"] == granted


async def test_a_machine_without_scopes_is_told_of_none(service: Provider) -> None:
    response = await service.portal("api").post("/token", grant_type="client_credentials")
    assert response.json().keys() == {"access_token", "token_type", "expires_in"}


@pytest.mark.parametrize(
    ("client_id", "form", "error"),
    [
        ("dossiers", {}, "invalid_request"),
        ("dossiers", {"grant_type": ""}, "invalid_request"),
        ("dossiers", {"grant_type": "password", "username": "u", "password": "p"}, "unsupported_grant_type"),
        ("dossiers", {"grant_type": "implicit"}, "unsupported_grant_type"),
        ("dossiers", {"grant_type": "AUTHORIZATION_CODE"}, "unsupported_grant_type"),
        ("dossiers", {"grant_type": "client_credentials"}, "unauthorized_client"),
        ("ministry", {"grant_type": "refresh_token"}, "unauthorized_client"),
        ("machine-es256", {"grant_type": "authorization_code", "code": "c"}, "unauthorized_client"),
        ("dossiers", {"grant_type": "authorization_code"}, "invalid_request"),
        ("dossiers", {"grant_type": "authorization_code", "code": "unknown"}, "invalid_request"),
        (
            "dossiers",
            {"grant_type": "authorization_code", "code": "unknown", "redirect_uri": "https://a.example/"},
            "invalid_grant",
        ),
        ("dossiers", {"grant_type": "refresh_token"}, "invalid_request"),
        ("dossiers", {"grant_type": "refresh_token", "refresh_token": ""}, "invalid_request"),
        ("dossiers", {"grant_type": "refresh_token", "refresh_token": "unknown"}, "invalid_grant"),
        (
            "dossiers",
            {"grant_type": "refresh_token", "refresh_token": UNKNOWN_REFRESH_TOKEN},
            "invalid_grant",
        ),
        ("dossiers", {"grant_type": "refresh_token", "refresh_token": "a" * 2049}, "invalid_request"),
        ("dossiers", {"grant_type": "refresh_token", "refresh_token": "a\x7fb"}, "invalid_request"),
        ("machine-es256", {"grant_type": "client_credentials", "scope": "openid"}, "invalid_scope"),
        ("machine-es256", {"grant_type": "client_credentials", "scope": "other:read"}, "invalid_scope"),
        ("machine-rs256", {"grant_type": "client_credentials", "scope": "procedures:write"}, "invalid_scope"),
        ("machine-es256", {"grant_type": "client_credentials", "scope": 'a"b'}, "invalid_scope"),
    ],
)
async def test_refused_as_section_5_2_says(
    service: Provider, client_id: str, form: Mapping[str, str], error: str
) -> None:
    check_error(await service.portal(client_id).post("/token", **form), error)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": "https://dossiers.example/callback/"}, "invalid_grant"),
        ({"redirect_uri": "https://dossiers.example/other"}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_request"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"code_verifier": "a" * 43}, "invalid_grant"),
        ({"code_verifier": "a" * 42}, "invalid_request"),
        ({"code_verifier": "a" * 129}, "invalid_request"),
        ({"code_verifier": "é" * 43}, "invalid_request"),
        ({"code": "A" * 43}, "invalid_grant"),
    ],
)
async def test_a_code_is_bound_to_its_request(
    service: Provider, hoa: Browser, changes: Mapping[str, str], error: str
) -> None:
    form = await fresh(service, "dossiers", hoa)
    check_error(await service.portal("dossiers").post("/token", **{**form, **changes}), error)


async def test_a_code_is_for_the_client_that_asked(service: Provider, hoa: Browser) -> None:
    form = await fresh(service, "dossiers", hoa)
    check_error(await service.portal("library").post("/token", **form), "invalid_grant")


@pytest.mark.parametrize("name", ["grant_type", "code", "redirect_uri", "code_verifier"])
async def test_a_parameter_is_given_once(service: Provider, hoa: Browser, name: str) -> None:
    form = await fresh(service, "dossiers", hoa)
    _, headers = service.portal("dossiers").credentials()
    twice: dict[str, str | list[str]] = {**form, name: [form[name], form[name]]}
    check_error(await service.http().post("/token", data=twice, headers=headers), "invalid_request")


async def test_unknown_parameters_are_ignored_and_empty_ones_omitted(service: Provider, hoa: Browser) -> None:
    form = await fresh(service, "dossiers", hoa)
    response = await service.portal("dossiers").post("/token", **form, colour="red", refresh_token="")
    assert response.status_code == 200


async def test_parameters_in_the_address_are_not_read(service: Provider, hoa: Browser) -> None:
    form = await fresh(service, "dossiers", hoa)
    _, headers = service.portal("dossiers").credentials()
    check_error(await service.http().post("/token", params=form, headers=headers), "invalid_request")
    assert (await service.portal("dossiers").post("/token", **form)).status_code == 200


async def test_the_request_is_a_form_by_post(service: Provider, hoa: Browser) -> None:
    form = await fresh(service, "dossiers", hoa)
    _, headers = service.portal("dossiers").credentials()
    check_error(await service.http().post("/token", json=form, headers=headers), "invalid_request", 415)
    response = await service.http().get("/token", params=form, headers=headers)
    assert (response.status_code, response.headers["allow"]) == (405, "OPTIONS, POST")


async def test_a_code_works_for_a_minute(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    portal, form = provider.portal("dossiers"), await fresh(provider, "dossiers", browser)
    late = await fresh(provider, "dossiers", browser)
    provider.clock.advance(59)
    assert (await portal.post("/token", **form)).status_code == 200
    provider.clock.advance(1)
    check_error(await portal.post("/token", **late), "invalid_grant")


async def test_refreshing_gives_the_next_token_for_the_same_grant(service: Provider, hoa: Browser) -> None:
    first = await tokens(service, hoa)
    response = await service.portal("dossiers").refresh(first.refresh_token)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    second = await service.portal("dossiers").read(response)
    assert second.refresh_token != first.refresh_token
    assert second.access_token != first.access_token
    assert second.body["scope"] == first.body["scope"]
    assert "nonce" not in second.claims
    for claim in ("iss", "sub", "aud", "auth_time", "acr", "amr", "sid"):
        assert second.claims[claim] == first.claims[claim], claim


async def test_refreshing_may_ask_for_less(service: Provider, hoa: Browser) -> None:
    portal, first = service.portal("dossiers"), await tokens(service, hoa)
    less = await portal.refresh(first.refresh_token, scope="openid")
    assert less.json()["scope"] == "openid"
    again = await portal.refresh(less.json()["refresh_token"])
    assert again.json()["scope"] == "openid profile org", "the grant itself is as wide as before (§6)"


@pytest.mark.parametrize(
    "scope", ["openid profile pid", "openid offline_access", "procedures:read", "x\x80y"]
)
async def test_refreshing_may_not_ask_for_more(service: Provider, hoa: Browser, scope: str) -> None:
    portal, first = service.portal("dossiers"), await tokens(service, hoa)
    check_error(await portal.refresh(first.refresh_token, scope=scope), "invalid_scope")
    assert (await portal.refresh(first.refresh_token)).status_code == 200, "the mistake cost nothing"


async def test_a_refresh_token_is_for_its_client(service: Provider, hoa: Browser) -> None:
    first = await tokens(service, hoa)
    check_error(await service.portal("library").refresh(first.refresh_token), "invalid_grant")
    assert (await service.portal("dossiers").refresh(first.refresh_token)).status_code == 200


async def test_a_refresh_token_lives_while_it_is_used_and_a_day_of_work_at_most(
    settled_provider: Provider,
) -> None:
    provider, portal = settled_provider, settled_provider.portal("dossiers")
    idle = await provider.tokens("dossiers", HOA)
    used = (await provider.tokens("dossiers", HOA)).refresh_token
    for _ in range(16):
        provider.clock.advance(30 * 60 - 1)
        response = await portal.refresh(used)
        assert response.status_code == 200
        used = response.json()["refresh_token"]
    check_error(await portal.refresh(idle.refresh_token), "invalid_grant")
    provider.clock.advance(60)
    check_error(await portal.refresh(used), "invalid_grant")
