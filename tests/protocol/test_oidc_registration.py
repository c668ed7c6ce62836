"""OpenID Connect Registration 1.0: what every answer looks like, sectors, and login begun by a third party.

The modules of the plans that register a client stand in `test_oidc_dynamic_checklist`; the plan for third-party
initiated login (Core §4) is here.
"""

from __future__ import annotations

from typing import Any

import httpx2
import orjson
import pytest

from tests.support.images import png
from tests.support.provider import Provider
from tests.support.receiving_portal import Received, receiving_portal, status
from tests.support.registering import PORTAL, SelfRegistered, ask, initial_token, loads, refused, registered
from tests.support.request_objects import public_jwk
from tests.support.suite_checks import check_registration

TWO_HOSTS = ["https://one.example/callback", "https://two.example/callback"]
JWKS = {"keys": [public_jwk()]}
UNREACHABLE = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "metadata",
    [
        {"client_name": "Suite client"},
        {"client_name": None},
        {"grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"]},
        {"contacts": ["certification@self.example"]},
        {"jwks": JWKS},
        {"jwks": JWKS, "token_endpoint_auth_method": "private_key_jwt"},
        {"jwks_uri": f"{UNREACHABLE}/jwks"},
        {"logo_uri": f"{UNREACHABLE}/logo.png"},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"token_endpoint_auth_method": "none"},
        {"id_token_signed_response_alg": "RS256"},
        {"id_token_signed_response_alg": "PS256"},
        {"userinfo_signed_response_alg": "RS256"},
        {"request_object_signing_alg": "RS256"},
        {"request_object_signing_alg": "none"},
        {"request_uris": ["https://self.example/request"]},
        {"initiate_login_uri": "https://self.example/start"},
        {"post_logout_redirect_uris": ["https://self.example/bye"]},
        {
            "frontchannel_logout_uri": "https://self.example/front",
            "frontchannel_logout_session_required": True,
        },
        {"backchannel_logout_uri": "https://self.example/back", "backchannel_logout_session_required": True},
        {"subject_type": "pairwise"},
        {"policy_uri": "https://policies.example/policy"},
        {"tos_uri": "https://policies.example/tos"},
        {"client_uri": "https://about.example/"},
        {"default_max_age": 3600, "require_auth_time": True},
        {"tls_client_certificate_bound_access_tokens": False},
        {"dpop_bound_access_tokens": False},
    ],
    ids=",".join,
)
async def test_registration_accepts_and_echoes(sandbox: Provider, metadata: dict[str, Any]) -> None:
    response = await ask(
        sandbox, **{name: one for name, one in (PORTAL | metadata).items() if one is not None}
    )
    check_registration(response, {name: one for name, one in metadata.items() if one is not None})
    client = SelfRegistered(sandbox, response.json())
    told = client.told
    assert told["client_name"], "a client without a name is shown by its id (RFC 7591 section 2)"
    read = await client.manage("GET")
    assert (read.status_code, read.headers["content-type"]) == (200, "application/json")
    once = {"client_secret", "client_secret_expires_at", "registration_notes"}
    assert read.json() == {name: value for name, value in told.items() if name not in once}
    assert (await client.manage("DELETE")).status_code == 204


async def test_keys_that_are_not_there_yet_are_told(sandbox: Provider) -> None:
    client = await registered(
        sandbox, token_endpoint_auth_method="private_key_jwt", jwks_uri="http://127.0.0.1:9/jwks"
    )
    assert "http://127.0.0.1:9/jwks" in client.told["registration_notes"][0]


async def test_a_logo_goes_when_it_is_registered_no_more(sandbox: Provider) -> None:
    async with receiving_portal() as host:
        host.answer = lambda _: status(200, "Content-Type: image/png", body=png())
        client = await registered(sandbox, logo_uri=host.at("127.0.0.1", "/logo.png"))
    shown = await sandbox.http().get(f"/logo/{client.client_id}")
    assert (shown.status_code, shown.content) == (200, png())
    told = loads(await client.put(logo_uri=None))
    assert "logo_uri" not in told
    assert (await sandbox.http().get(f"/logo/{client.client_id}")).status_code == 404


def _sector(*addresses: str) -> Any:
    def answer(_: Received) -> bytes:
        return status(200, "Content-Type: application/json", body=orjson.dumps(addresses))

    return answer


async def test_an_update_has_its_sector_checked_too(sandbox: Provider) -> None:
    async with receiving_portal() as host:
        host.answer = _sector(*TWO_HOSTS)
        uri = host.at("127.0.0.1", "/sector")
        client = await registered(sandbox, redirect_uris=TWO_HOSTS[:1], sector_identifier_uri=uri)
        assert (await client.put(redirect_uris=TWO_HOSTS)).status_code == 200
        response = await client.put(redirect_uris=[*TWO_HOSTS, "https://evil.example/callback"])
        refused(response, "invalid_client_metadata", "evil.example")


@pytest.mark.parametrize(
    ("metadata", "sector"),
    [
        ({}, "self.example"),
        ({"redirect_uris": ["https://self.example:8443/a", "https://self.example/b"]}, "self.example"),
        ({"redirect_uris": TWO_HOSTS}, ""),
        ({"redirect_uris": TWO_HOSTS, "subject_type": "pairwise"}, None),
        ({"redirect_uris": ["http://localhost:8080/cb"]}, ""),
        ({"redirect_uris": ["https://localhost:8080/cb"]}, ""),
        ({"redirect_uris": ["http://127.0.0.1/cb"], "application_type": "native"}, ""),
        ({"redirect_uris": ["vn.example.app:/cb", "http://[::1]/cb"], "application_type": "native"}, ""),
        (
            {"redirect_uris": ["https://victim.example/cb", "vn.evil.app:/cb"], "application_type": "native"},
            "",
        ),
        ({"redirect_uris": ["https://victim.example/cb", "http://localhost/cb"]}, ""),
        ({"redirect_uris": ["https://bo-tu-phap/cb"]}, None),
    ],
)
async def test_sector_of_the_addresses(
    sandbox: Provider, metadata: dict[str, Any], sector: str | None
) -> None:
    """Core §8.1; `""` is a sector of its own, None a refusal: nobody gets into another's sector."""
    response = await ask(sandbox, **PORTAL | metadata)
    if sector is None:
        assert response.status_code == 400
        return
    told = loads(response)
    assert told["sector"] == (sector or told["client_id"])


async def test_oidcc_3rd_party_init_login(sandbox: Provider) -> None:
    client = await registered(sandbox, initiate_login_uri="https://self.example/start")
    read = loads(await client.manage("GET"))
    assert client.told["initiate_login_uri"] == read["initiate_login_uri"] == "https://self.example/start"


async def test_oidcc_3rd_party_init_login_nohttps(sandbox: Provider) -> None:
    response = await ask(sandbox, **PORTAL, initiate_login_uri="http://self.example/start")
    refused(response, "invalid_client_metadata", "initiate_login_uri")


async def test_the_registration_endpoint_calls_no_address_of_our_own_network(service: Provider) -> None:
    """Server-side request forgery: what leads nowhere public is not asked for."""
    async with receiving_portal() as host:
        token = await initial_token(service, sector=None, trial=True, uses=2)
        uri = host.at("127.0.0.1", "/sector")
        response: httpx2.Response = await ask(service, token, **PORTAL, sector_identifier_uri=uri)
        refused(response, "invalid_client_metadata", "address_not_allowed")
        client = await registered(service, token, logo_uri=uri)
        assert "address_not_allowed" in client.told["registration_notes"][0]
        assert host.received == []
