"""OpenID Connect Registration 1.0, by the names of the conformance suite's modules.

`oidcc-...` are modules of the plans for Basic, Dynamic, and third-party initiated login that register a client.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import httpx2
import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.databases import fresh_database
from tests.support.images import png
from tests.support.installation import ISSUER
from tests.support.population import CITIZENS, HOA
from tests.support.provider import Ground, Provider, running_provider
from tests.support.receiving_portal import Received, receiving_portal, status
from tests.support.registering import PORTAL, SelfRegistered, ask, initial_token, loads, refused, registered

TWO_HOSTS = ["https://one.example/callback", "https://two.example/callback"]


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _jwks() -> dict[str, Any]:
    public = jwt.algorithms.ECAlgorithm.to_jwk(_key().public_key(), as_dict=True)
    return {"keys": [{**public, "kid": "k1", "use": "sig", "alg": "ES256"}]}


@pytest.fixture(scope="module")
async def served_sandbox(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider as the suite is run against: open registration, and documents of this machine may be fetched."""
    folder = tmp_path_factory.mktemp("sandbox")
    async with (
        fresh_database("sqlite", "provider", folder) as database_url,
        fresh_database("sqlite", "registers", folder) as registers_url,
        running_provider(
            database_url,
            registers_url,
            provider_ground,
            open_registration=ISSUER,
            outbound_networks=("127.0.0.0/8",),
        ) as provider,
    ):
        await provider.open_account(*CITIZENS)
        yield provider


@pytest.fixture
def sandbox(served_sandbox: Provider) -> Provider:
    """The same for every test, some seconds later: registrations of one address are counted."""
    served_sandbox.clock.advance(10)
    return served_sandbox


def _at_work(client: SelfRegistered) -> str:
    signs = client.told["token_endpoint_auth_method"] == "private_key_jwt"
    return client.at_work(_key() if signs else None)


async def _tokens(client: SelfRegistered) -> Any:
    return await client.provider.tokens(_at_work(client), HOA)


# section 0.5 of the checklist: what every answer looks like


@pytest.mark.parametrize(
    "metadata",
    [
        {"client_name": "Suite client"},
        {"client_name": None},
        {"grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"]},
        {"contacts": ["certification@self.example"]},
        {"jwks": _jwks()},
        {"jwks": _jwks(), "token_endpoint_auth_method": "private_key_jwt"},
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
    client = await registered(sandbox, **metadata)
    told = client.told
    said = {name: one for name, one in metadata.items() if one not in (None, False)}
    assert told.items() >= said.items()
    assert told["client_name"], "a client without a name is shown by its id (RFC 7591 section 2)"
    assert ("client_secret" in told) == ("client_secret_expires_at" in told)
    assert {"registration_client_uri", "registration_access_token"} <= told.keys()
    read = await client.manage("GET")
    assert (read.status_code, read.headers["content-type"]) == (200, "application/json")
    assert (await client.manage("DELETE")).status_code == 204


# the modules


async def test_oidcc_discovery_endpoint_verification(sandbox: Provider) -> None:
    document = (await sandbox.http().get("/.well-known/openid-configuration")).json()
    assert document["registration_endpoint"] == f"{ISSUER}/register"


async def test_oidcc_server(sandbox: Provider) -> None:
    client = await registered(
        sandbox, token_endpoint_auth_method="private_key_jwt", jwks=_jwks(), client_name="Suite client"
    )
    tokens = await _tokens(client)
    told = await sandbox.portal(client.client_id).userinfo(tokens.access_token)
    assert (told.status_code, told.json()["sub"]) == (200, tokens.sub)


async def test_oidcc_server_client_secret_post(sandbox: Provider) -> None:
    client = await registered(sandbox, token_endpoint_auth_method="client_secret_post")
    assert (await _tokens(client)).sub


async def test_oidcc_idtoken_signature(sandbox: Provider) -> None:
    """Registered without an algorithm: RS256 (Registration §2)."""
    client = await registered(sandbox)
    assert client.told["id_token_signed_response_alg"] == "RS256"
    assert jwt.get_unverified_header((await _tokens(client)).id_token)["alg"] == "RS256"


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
async def test_oidcc_idtoken_rs256(sandbox: Provider, alg: str) -> None:
    client = await registered(sandbox, id_token_signed_response_alg=alg)
    assert jwt.get_unverified_header((await _tokens(client)).id_token)["alg"] == alg


async def test_oidcc_idtoken_unsigned(sandbox: Provider) -> None:
    refused(await ask(sandbox, **PORTAL, id_token_signed_response_alg="none"), "invalid_client_metadata")


async def test_oidcc_userinfo_rs256(sandbox: Provider) -> None:
    client = await registered(sandbox, userinfo_signed_response_alg="RS256")
    tokens = await _tokens(client)
    answer = await sandbox.portal(client.client_id).userinfo(tokens.access_token)
    assert answer.headers["content-type"] == "application/jwt"
    assert jwt.get_unverified_header(answer.text)["alg"] == "RS256"
    claims = await sandbox.portal(client.client_id).verify(answer.text)
    assert (claims["sub"], claims["iss"], claims["aud"]) == (tokens.sub, ISSUER, client.client_id)


async def test_oidcc_refresh_token(sandbox: Provider) -> None:
    grants = ["authorization_code", "refresh_token"]
    client = await registered(sandbox, grant_types=grants, response_types=["code"])
    assert "offline_access" in client.told["scope"].split()
    portal = _at_work(client)
    tokens = await sandbox.tokens(portal, HOA, scope="openid offline_access", prompt="consent")
    refreshed = await sandbox.portal(portal).refresh(tokens.refresh_token)
    assert (refreshed.status_code, refreshed.headers["cache-control"]) == (200, "no-store")


async def test_oidcc_redirect_uri_regfrag(sandbox: Provider) -> None:
    response = await ask(sandbox, **PORTAL | {"redirect_uris": ["https://self.example/callback#fragment"]})
    refused(response, "invalid_redirect_uri", "fragment")


async def test_oidcc_ensure_redirect_uri_in_authorization_request(sandbox: Provider) -> None:
    client = await registered(sandbox, redirect_uris=TWO_HOSTS)
    query = {"client_id": client.client_id, "response_type": "code", "scope": "openid"}
    assert (await sandbox.http().get("/authorize", params=query)).status_code == 400


@pytest.mark.parametrize(
    ("asked", "good"),
    [("?x=1", True), ("?x=2", False), ("?x=1&y=2", False), ("", False)],
    ids=["query-OK", "query-mismatch", "query-added", "query-left-out"],
)
async def test_oidcc_redirect_uri(sandbox: Provider, asked: str, good: bool) -> None:  # noqa: FBT001 - a column
    client = await registered(sandbox, redirect_uris=["https://self.example/callback?x=1"])
    query = {
        "client_id": client.client_id,
        "response_type": "code",
        "scope": "openid",
        "prompt": "none",
        "redirect_uri": f"https://self.example/callback{asked}",
    }
    response = await sandbox.http().get("/authorize", params=query)
    if good:
        assert response.headers["location"].startswith(
            "https://self.example/callback?x=1&error=login_required"
        )
    else:
        assert (response.status_code, "location" in response.headers) == (400, False)


async def test_oidcc_registration_jwks_uri(sandbox: Provider) -> None:
    async with receiving_portal() as host:
        host.answer = lambda _: status(200, body=orjson.dumps(_jwks()))
        client = await registered(
            sandbox, token_endpoint_auth_method="private_key_jwt", jwks_uri=host.at("127.0.0.1", "/jwks")
        )
        assert "registration_notes" not in client.told
        assert (await _tokens(client)).sub


async def test_keys_that_are_not_there_yet_are_told(sandbox: Provider) -> None:
    client = await registered(
        sandbox, token_endpoint_auth_method="private_key_jwt", jwks_uri="http://127.0.0.1:9/jwks"
    )
    assert "http://127.0.0.1:9/jwks" in client.told["registration_notes"][0]


async def test_oidcc_registration_logo_uri(sandbox: Provider) -> None:
    async with receiving_portal() as host:
        host.answer = lambda _: status(200, "Content-Type: image/png", body=png())
        client = await registered(sandbox, logo_uri=host.at("127.0.0.1", "/logo.png"))
    shown = await sandbox.http().get(f"/logo/{client.client_id}")
    assert (shown.status_code, shown.content) == (200, png())
    told = loads(await client.put(logo_uri=None))
    assert "logo_uri" not in told
    assert (await sandbox.http().get(f"/logo/{client.client_id}")).status_code == 404


@pytest.mark.parametrize("name", ["policy_uri", "tos_uri"])
async def test_oidcc_registration_page_uri(sandbox: Provider, name: str) -> None:
    """`oidcc-registration-policy-uri`, `oidcc-registration-tos-uri`."""
    client = await registered(sandbox, **{name: "https://self.example/page"})
    _, visit = await sandbox.portal(_at_work(client)).send(sandbox.browser())
    assert 'href="https://self.example/page"' in visit.text


def _sector(*addresses: str) -> Any:
    def answer(_: Received) -> bytes:
        return status(200, "Content-Type: application/json", body=orjson.dumps(addresses))

    return answer


async def test_oidcc_registration_sector_uri(sandbox: Provider) -> None:
    async with receiving_portal() as host:
        host.answer = _sector(*TWO_HOSTS, "https://three.example/callback")
        client = await registered(
            sandbox,
            subject_type="pairwise",
            redirect_uris=TWO_HOSTS,
            sector_identifier_uri=host.at("127.0.0.1", "/sector"),
        )
        assert client.told["sector"] == "127.0.0.1"
        other = await registered(
            sandbox,
            redirect_uris=["https://three.example/callback"],
            sector_identifier_uri=host.at("127.0.0.1", "/sector"),
        )
    one, two = await _tokens(client), await _tokens(other)
    assert one.sub == two.sub, "clients of one sector see one subject"


async def test_oidcc_registration_sector_bad(sandbox: Provider) -> None:
    async with receiving_portal() as host:
        host.answer = _sector("https://another.example/callback")
        uri = host.at("127.0.0.1", "/sector")
        response = await ask(sandbox, **PORTAL | {"redirect_uris": TWO_HOSTS, "sector_identifier_uri": uri})
    refused(response, "invalid_client_metadata", "sector_identifier_uri")


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
