"""RFC 9449 §4.3 point 9, with several addresses and proxies: which `htu` names a request of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import pytest

from idp.oidc.dpop import Nonces
from tests.support.devices import add_clients
from tests.support.dpop import DpopKey
from tests.support.dpop_clients import MACHINE
from tests.support.installation import ISSUER
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.provider import Ground, Provider

MTLS: Final = "https://mtls.sso.example.gov.vn:8443"
PROXY: Final = "10.0.0.1"
FORWARDED: Final = {
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "http",
    "x-forwarded-for": "203.0.113.9",
}


@pytest.fixture(scope="module")
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider behind a proxy, with a second host for certificates."""
    async with provider_on_sqlite(
        tmp_path_factory.mktemp("addresses"),
        provider_ground,
        citizens=[],
        mtls_url=MTLS,
        trusted_proxies=(f"{PROXY}/32",),
    ) as provider:
        await add_clients(provider, MACHINE)
        yield provider


async def _told(service: Provider, address: str, headers: Mapping[str, str]) -> Any:
    """What the machine is told about a proof for an address, which lacks nothing else."""
    now = int(service.clock())
    fields, _ = service.portal(MACHINE["client_id"]).credentials()
    proof = DpopKey.fresh().proof("POST", address, now, nonce=Nonces(service.keyring, now).fresh)
    form = {**fields, "grant_type": "client_credentials"}
    answer = await service.http(PROXY).post("/token", data=form, headers={"dpop": proof, **headers})
    return answer.json()


@pytest.mark.parametrize("address", [f"{ISSUER}/token", f"{MTLS}/token", f"{MTLS.upper()}/token"])
@pytest.mark.parametrize("headers", [{}, FORWARDED, {"host": "10.0.0.7:8080"}])
async def test_our_addresses(service: Provider, address: str, headers: Mapping[str, str]) -> None:
    assert (await _told(service, address, headers))["token_type"] == "DPoP"


@pytest.mark.parametrize(
    "address",
    [
        "http://evil.example/token",
        "https://evil.example/token",
        "https://mtls.sso.example.gov.vn/token",
        f"{ISSUER}:8443/token",
        "http://10.0.0.7:8080/token",
        f"{MTLS}/userinfo",
        f"{ISSUER}.evil.example/token",
    ],
)
@pytest.mark.parametrize("headers", [FORWARDED, {"host": "10.0.0.7:8080"}])
async def test_addresses_of_others(service: Provider, address: str, headers: Mapping[str, str]) -> None:
    told = await _told(service, address, headers)
    assert told["error"] == "invalid_dpop_proof"
    assert told["error_description"].endswith(f"{MTLS}/token or {ISSUER}/token")
