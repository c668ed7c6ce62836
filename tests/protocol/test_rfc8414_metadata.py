"""RFC 8414 §3, OpenID Connect Discovery §4, RFC 7517 §5: what anybody may fetch, and that it is true."""

from __future__ import annotations

import base64
from typing import Any, Final

import jwt
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.discovery import OpenIDProviderMetadata

from idp.oidc.discovery import ENDPOINTS
from tests.support.browsing import Browser
from tests.support.installation import ISSUER
from tests.support.on_sqlite import on_sqlite
from tests.support.population import HOA
from tests.support.portals import REGISTRATIONS
from tests.support.provider import Provider

pytestmark = on_sqlite

WELL_KNOWN: Final = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
PUBLIC_MEMBERS: Final = {"kty", "use", "alg", "kid", "crv", "x", "y", "n", "e", "pub"}
POSTED: Final = ("token_endpoint", "revocation_endpoint", "introspection_endpoint")
ALSO_POSTED: Final = (
    "backchannel_authentication_endpoint",
    "device_authorization_endpoint", "pushed_authorization_request_endpoint", "registration_endpoint",
)  # fmt: skip


async def metadata(service: Provider) -> dict[str, Any]:
    document: dict[str, Any] = (await service.http().get(WELL_KNOWN[0])).json()
    return document


async def keys(service: Provider) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await service.http().get("/jwks")).json()["keys"]
    return found


@pytest.mark.parametrize("path", [*WELL_KNOWN, "/jwks"])
async def test_documents_are_public_json_that_may_be_kept(service: Provider, path: str) -> None:
    response = await service.http().get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"].startswith("public, max-age=")
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "access-control-allow-credentials" not in response.headers
    assert "set-cookie" not in response.headers


async def test_both_addresses_say_the_same(service: Provider) -> None:
    one, other = [await service.http().get(path) for path in WELL_KNOWN]
    assert one.content == other.content
    assert one.json()["issuer"] == ISSUER, "RFC 8414 §3.3: identical to the one the address was made of"
    OpenIDProviderMetadata(one.json()).validate()
    AuthorizationServerMetadata(one.json()).validate()


@pytest.mark.parametrize("suffix", ["/", "/x", "?x=1"])
async def test_neighbouring_addresses(service: Provider, suffix: str) -> None:
    response = await service.http().get(WELL_KNOWN[0] + suffix)
    assert response.status_code == (200 if suffix.startswith("?") else 404)


async def test_every_advertised_endpoint_answers(service: Provider) -> None:
    document = await metadata(service)
    addresses = {name: value for name, value in document.items() if name.endswith(("_endpoint", "_uri"))}
    assert addresses.keys() == ENDPOINTS.keys()
    for name, address in addresses.items():
        assert address.startswith(f"{ISSUER}/")
        allowed = await service.http().request("PATCH", address)
        assert allowed.status_code == 405, name
        assert ("POST" in allowed.headers["allow"]) is (name != "jwks_uri")
        assert ("GET" in allowed.headers["allow"]) is (name not in POSTED + ALSO_POSTED)


async def test_every_registration_of_the_tests_is_within_what_is_advertised(service: Provider) -> None:
    document = await metadata(service)
    for client in REGISTRATIONS.values():
        assert client["token_endpoint_auth_method"] in document["token_endpoint_auth_methods_supported"]
        assert set(client.get("grant_types", [])) <= set(document["grant_types_supported"])
        personal = {token for token in client["scope"].split() if ":" not in token}
        assert personal <= set(document["scopes_supported"])


@pytest.mark.parametrize("client_id", ["ministry", "dossiers", "legacy-basic", "legacy-post", "app"])
@pytest.mark.parametrize("endpoint", POSTED)
async def test_advertised_methods_of_authentication_work(
    service: Provider, client_id: str, endpoint: str
) -> None:
    document = await metadata(service)
    method = REGISTRATIONS[client_id]["token_endpoint_auth_method"]
    advertised = method in document[f"{endpoint}_auth_methods_supported"]
    response = await service.portal(client_id).post(document[endpoint], token="x", grant_type="x")
    assert (response.status_code != 401) is advertised


async def test_tokens_are_as_advertised(service: Provider, hoa: Browser) -> None:
    document = await metadata(service)
    for client_id in ("dossiers", "legacy-basic"):
        given = await service.tokens(client_id, HOA, hoa)
        header = jwt.get_unverified_header(given.id_token)
        assert header["alg"] in document["id_token_signing_alg_values_supported"]
        assert given.claims["acr"] in document["acr_values_supported"]
        assert given.claims.keys() <= set(document["claims_supported"]) | {"nonce"}
        told = (await service.portal(client_id).userinfo(given.access_token)).json()
        assert told.keys() <= set(document["claims_supported"])


async def test_what_is_not_supported_is_refused(service: Provider, hoa: Browser) -> None:
    _, visit = await service.portal("dossiers").send(hoa, registration="x")
    assert visit.error == "registration_not_supported"
    assert "registration_parameter_supported" not in await metadata(service)


async def test_public_keys_hold_nothing_private(service: Provider) -> None:
    published = await keys(service)
    assert published
    for key in published:
        assert key.keys() <= PUBLIC_MEMBERS
        assert key["use"] in {"sig", "enc"}
    assert len({key["kid"] for key in published}) == len(published)
    assert {(key["kty"], key["alg"]) for key in published if key["use"] == "sig"} == {
        ("EC", "ES256"),
        ("RSA", "RS256"),
        ("RSA", "PS256"),
        ("OKP", "EdDSA"),
        ("AKP", "ML-DSA-65"),
    }


async def test_public_keys_are_well_formed_and_strong(service: Provider) -> None:
    for key in await keys(service):
        for member in key.keys() & {"x", "y", "n", "e", "pub"}:
            assert "=" not in key[member]
            octets = base64.urlsafe_b64decode(key[member] + "=" * (-len(key[member]) % 4))
            assert len(octets) == {"x": 32, "y": 32, "n": 256, "e": 3, "pub": 1952}[member]
        if key["use"] == "sig" and key["kty"] != "AKP":  # which PyJWT does not know
            assert jwt.PyJWK.from_dict(key).algorithm_name == key["alg"]


async def test_purposes_have_keys_of_their_own(service: Provider, hoa: Browser) -> None:
    given = await service.tokens("dossiers", HOA, hoa)
    enterprise = await service.tokens("enterprise", HOA, hoa, scope="openid profile")
    told = await service.portal("enterprise").userinfo(enterprise.access_token)
    used = [jwt.get_unverified_header(t)["kid"] for t in (given.id_token, given.access_token, told.text)]
    assert len(set(used)) == 3
    assert set(used) <= {key["kid"] for key in await keys(service)}
