"""The metadata say where it is served, and what is served of the protocol stands in the metadata.

That each of their values is true: `tests/protocol/test_oidc_discovery_clients` and `..._requests`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from idp.endpoints.routes import ROUTES
from idp.http.routing import Kind
from idp.oidc.discovery import WELL_KNOWN
from tests.support.installation import ISSUER
from tests.support.provider import Provider

PEOPLES_PAGES = ("/", "/interaction/", "/activate", "/account", "/device/", "/static/", "/logo/", "/health/")
"""Addresses that programs have no business with: their place is not the metadata."""

KEY_LOG = "/.well-known/key-log/"
"""Found by the convention of transparency logs: whoever reads it has been given its origin and its key already."""

CONFIGURATION = "/register/"
"""Told to each client when it registers (RFC 7591 §3.2.1 `registration_client_uri`)."""

ANSWERS = {
    "authorization_endpoint": ("GET", 400),
    "pushed_authorization_request_endpoint": ("POST", 401),
    "token_endpoint": ("POST", 401),
    "userinfo_endpoint": ("GET", 401),
    "jwks_uri": ("GET", 200),
    "revocation_endpoint": ("POST", 401),
    "introspection_endpoint": ("POST", 401),
    "device_authorization_endpoint": ("POST", 401),
    "backchannel_authentication_endpoint": ("POST", 401),
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
