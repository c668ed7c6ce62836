"""OpenID Connect Core §10.1.1 and Registration §2 over the wire: keys at `jwks_uri`, and logos from our own copies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from idp.oidc.client_keys import FRESH_SECONDS, UNKNOWN_KEY_SECONDS
from idp.oidc.client_metadata import read_client
from idp.oidc.logo import Logo, keep_logo
from idp.store import clients, versions
from tests.support.images import png
from tests.support.installation import ISSUER
from tests.support.on_sqlite import on_sqlite
from tests.support.portals import API, ASSERTION_TYPE
from tests.support.provider import NOW, Ground, Provider, running_provider
from tests.support.receiving_portal import ReceivingPortal, receiving_portal, status

pytestmark = on_sqlite

LOGO = "https://ministry.example/logo.png"


def jwk(key: ec.EllipticCurvePrivateKey, kid: str) -> dict[str, Any]:
    document = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**document, "kid": kid, "use": "sig", "alg": "ES256"}


class RotatingMachine:
    """A program whose keys stand at an address of its own."""

    def __init__(self, provider: Provider, host: ReceivingPortal) -> None:
        self.provider, self.host = provider, host
        self.key, self.kid, self.count = ec.generate_private_key(ec.SECP256R1()), "first", 0
        host.answer = lambda _: status(200, body=orjson.dumps({"keys": [jwk(self.key, self.kid)]}))

    def rotate(self, kid: str) -> None:
        self.key, self.kid = ec.generate_private_key(ec.SECP256R1()), kid

    async def token(self, **header: str) -> httpx2.Response:
        self.count += 1
        now = int(self.provider.clock())
        claims = {
            "iss": "rotating",
            "sub": "rotating",
            "aud": ISSUER,
            "jti": f"j{self.count}",
            "exp": now + 60,
        }
        return await self.provider.http().post(
            "/token",
            data={
                "grant_type": "client_credentials",
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": jwt.encode(claims, self.key, "ES256", headers={"kid": self.kid} | header),
            },
        )


def registered(jwks_uri: str) -> Any:
    described = {
        "client_id": "rotating",
        "client_name": "Máy chủ đổi khoá",
        "owner": "Cơ quan mẫu",
        "sector": "may-chu",
        "profile": "oidc",
        "application_type": "machine",
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": "procedures:read",
        "audience": [API],
        "jwks_uri": jwks_uri,
    }
    read_client(described, now=NOW)
    return clients.add("rotating", orjson.dumps(described).decode(), secret_digest=None, now=NOW)


@pytest.fixture
async def open_provider(
    database_url: str, registers_url: str, provider_ground: Ground
) -> AsyncIterator[Provider]:
    """A provider that may call this machine."""
    loopback = ("127.0.0.0/8",)
    async with running_provider(
        database_url, registers_url, provider_ground, outbound_networks=loopback
    ) as running:
        yield running


async def test_a_client_rotates_the_keys_at_its_jwks_uri(open_provider: Provider) -> None:
    async with receiving_portal() as host:
        machine = RotatingMachine(open_provider, host)
        await open_provider.db.write(registered(host.at("127.0.0.1", "/jwks")))
        assert (await machine.token()).status_code == 200
        assert (await machine.token()).status_code == 200
        assert len(host.received) == 1, "the set is kept"

        machine.rotate("second")
        assert (await machine.token()).status_code == 200
        assert len(host.received) == 2, "an unknown key is looked for at once"

        machine.rotate("third")
        refused = await machine.token()
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        assert len(host.received) == 2, "and not more often than now and then"
        open_provider.clock.advance(UNKNOWN_KEY_SECONDS)
        assert (await machine.token()).status_code == 200

        host.answer = lambda _: status(500)
        open_provider.clock.advance(FRESH_SECONDS)
        assert (await machine.token()).status_code == 200, "the last set serves on"


async def test_an_address_of_our_own_network_is_not_asked_for_keys(provider: Provider) -> None:
    async with receiving_portal() as host:
        machine = RotatingMachine(provider, host)
        await provider.db.write(registered(host.at("127.0.0.1", "/jwks")))
        refused = await machine.token()
        assert refused.status_code == 401
        assert "address_not_allowed" in refused.json()["error_description"]
        assert host.received == []


async def test_keys_in_the_header_are_not_keys_of_the_client(open_provider: Provider) -> None:
    """RFC 8725 §3.10: `jku` and its kind lead nowhere."""
    async with receiving_portal() as host, receiving_portal() as elsewhere:
        machine = RotatingMachine(open_provider, host)
        await open_provider.db.write(registered(host.at("127.0.0.1", "/jwks")))
        stranger = RotatingMachine(open_provider, elsewhere)
        refused = await stranger.token(jku=elsewhere.uri, x5u=elsewhere.uri)
        assert refused.status_code == 401
        assert elsewhere.received == []
        assert (await machine.token()).status_code == 200


async def test_a_logo_is_served_from_our_copy(open_provider: Provider) -> None:
    provider = open_provider
    row = await clients.find(provider.db, "ministry")
    assert row is not None
    described = {**orjson.loads(row["metadata"]), "logo_uri": LOGO}
    portal = read_client(described, now=NOW)
    assert (await provider.http().get("/logo/ministry")).status_code == 404
    await provider.db.write(
        keep_logo(portal, Logo("image/png", png()), NOW), versions.changed(versions.CLIENTS)
    )
    answer = await provider.http().get(f"/logo/ministry?{NOW}")
    assert (answer.status_code, answer.content) == (200, png())
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].endswith("sandbox")
    assert answer.headers["cache-control"] == "public, max-age=86400"
    again = await provider.http().get("/logo/ministry", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    assert (await provider.http().get("/logo/nobody")).json()["error"] == "not_found"
