"""RFC 8693 §2.2.2: what is not exchanged: tokens of others and for others, and whatever would be more than handed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt
import pytest

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
from tests.support.on_sqlite import on_sqlite
from tests.support.portals import Portal, Tokens
from tests.support.provider import Provider
from tests.support.signing import signed

TYPE = "urn:ietf:params:oauth:token-type:"


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


async def test_parameters_may_not_be_polluted(apis: Provider, handed: str) -> None:
    portal: Portal = apis.portal("dossiers-api")
    form = {"grant_type": EXCHANGE, "subject_token": handed, "subject_token_type": ACCESS_TOKEN}
    for name in ("grant_type", "subject_token", "subject_token_type", "scope"):
        value = form.get(name, "openid")
        response = await post(portal, "/token", {**form, "resource": TAXES, name: [value, value]})
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request"), name
