"""The metadata say what is served, and what is served of the protocol stands in the metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from idp.endpoints.routes import ROUTES
from idp.http.routing import Kind
from idp.oidc.discovery import WELL_KNOWN
from idp.oidc.scope import SCOPES
from tests.support.installation import ISSUER
from tests.support.population import HOA
from tests.support.provider import Provider

PEOPLES_PAGES = ("/", "/interaction/", "/activate", "/account", "/device/", "/static/", "/logo/", "/health/")
"""Addresses that programs have no business with: their place is not the metadata."""

KEY_LOG = "/.well-known/key-log/"
"""Found by the convention of transparency logs: whoever reads it has been given its origin and its key already."""

CONFIGURATION = "/register/"
"""Told to each client when it registers (RFC 7591 §3.2.1 `registration_client_uri`)."""

ANSWERS = {
    "authorization_endpoint": ("GET", 400),
    "token_endpoint": ("POST", 401),
    "userinfo_endpoint": ("GET", 401),
    "jwks_uri": ("GET", 200),
    "revocation_endpoint": ("POST", 401),
    "introspection_endpoint": ("POST", 401),
    "device_authorization_endpoint": ("POST", 401),
    "end_session_endpoint": ("GET", 200),
    "registration_endpoint": ("POST", 401),
}
"""What an empty request to each advertised address is answered with."""


async def _metadata(provider: Provider, path: str = WELL_KNOWN[0]) -> Mapping[str, Any]:
    response = await provider.http().get(path)
    assert response.status_code == 200
    document: Mapping[str, Any] = response.json()
    return document


def _advertised(document: Mapping[str, Any]) -> dict[str, str]:
    """Name and path of every address of ours in the document."""
    return {
        name: urlsplit(value).path
        for name, value in document.items()
        if isinstance(value, str) and value.startswith(f"{ISSUER}/")
    }


async def test_both_well_known_addresses_serve_the_same_document(provider: Provider) -> None:
    documents = [await _metadata(provider, path) for path in WELL_KNOWN]
    assert documents[0] == documents[1]
    assert documents[0]["issuer"] == ISSUER


async def test_every_advertised_address_answers(provider: Provider) -> None:
    advertised = _advertised(await _metadata(provider))
    assert advertised.keys() == ANSWERS.keys()
    for name, path in advertised.items():
        method, status = ANSWERS[name]
        response = await provider.http().request(method, path)
        assert response.status_code == status, f"{name}: {method} {path}"


async def test_every_route_of_the_protocol_is_advertised(provider: Provider) -> None:
    advertised = set(_advertised(await _metadata(provider)).values())
    beside = (*PEOPLES_PAGES[1:], KEY_LOG, CONFIGURATION)
    ours = {route.path for route in ROUTES if route.path in {"/", "/device"} or route.path.startswith(beside)}
    assert {route.path for route in ROUTES} - ours == advertised | set(WELL_KNOWN)
    pages = {route.path for route in ROUTES if route.kind is Kind.PAGE}
    assert pages & advertised == {"/authorize", "/logout"}, "where people come through, errors are pages"


async def test_the_advertised_algorithms_have_keys(provider: Provider) -> None:
    document = await _metadata(provider)
    published = {key["alg"] for key in (await provider.http().get("/jwks")).json()["keys"]}
    for name in ("id_token_signing_alg_values_supported", "userinfo_signing_alg_values_supported"):
        assert set(document[name]) <= published


async def test_every_advertised_claim_can_be_asked_for_and_no_other_is_told(
    settled_provider: Provider,
) -> None:
    provider, advertised = settled_provider, set((await _metadata(settled_provider))["claims_supported"])
    assert {claim for scope in SCOPES.values() for claim in scope.claims} <= advertised
    tokens = await provider.tokens("legacy-basic", HOA)
    told = (await provider.portal("legacy-basic").userinfo(tokens.access_token)).json()
    not_about_people = {"exp", "iat", "jti"}
    assert {*tokens.claims, *told} - not_about_people <= advertised


@pytest.mark.parametrize("grant_type", ["password", "implicit", "urn:example:unknown"])
async def test_what_is_not_advertised_is_not_served(provider: Provider, grant_type: str) -> None:
    document = await _metadata(provider)
    assert grant_type not in document["grant_types_supported"]
    response = await provider.portal("machine-es256").post("/token", grant_type=grant_type)
    assert response.json()["error"] == "unsupported_grant_type"


async def test_every_advertised_grant_type_is_served(provider: Provider) -> None:
    document = await _metadata(provider)
    for grant_type in document["grant_types_supported"]:
        response = await provider.portal("dossiers").post("/token", grant_type=grant_type)
        assert response.json()["error"] != "unsupported_grant_type"
