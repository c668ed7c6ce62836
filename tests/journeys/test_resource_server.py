"""An API behind `examples/resource_server`, and the real provider: its tokens open it to whom they were given alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from examples.resource_server import Api, ClientCertificates, Guard, Needs, access_of, asks, closed
from tests.support.certificates import Wish, self_signed
from tests.support.certified import by_itself, request_of
from tests.support.delegation import DOSSIERS
from tests.support.devices import add_clients
from tests.support.dpop import DpopKey, Holder
from tests.support.fapi import FAPI2, FapiPortal
from tests.support.installation import ISSUER
from tests.support.mandates import admit_agents, given
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA, KHANG
from tests.support.portals import API
from tests.support.provider import NOW, Ground, Provider

PROXY: Final = "127.0.0.1"
OWN, OTHER = (self_signed(Wish("CN=machine", at=NOW, ends=1 << 24)) for _ in range(2))
ALGORITHMS: Final = ("ES256", "PS256", "EdDSA")
DESCRIBED: Final = Api(issuer=ISSUER, audience=API, address=API)


@pytest.fixture(scope="module")
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider behind a proxy that asks for certificates."""
    folder: Path = tmp_path_factory.mktemp("resource-server")
    settings = {"mtls_url": "https://mtls.sso.example.vn", "trusted_proxies": (f"{PROXY}/32",)}
    async with provider_on_sqlite(folder, provider_ground, citizens=[HOA, KHANG], **settings) as provider:
        machines = [
            by_itself(f"machine-{alg}", OWN) | {"access_token_signed_response_alg": alg} for alg in ALGORITHMS
        ]
        await add_clients(provider, *machines)
        yield provider


async def tell(request: Request) -> Response:
    """Who came, and by which program."""
    access = access_of(request)
    return JSONResponse({"subject": access.subject, "client": access.client_id})


class Caller:
    """Calls `GET /extracts` of an API that was described so."""

    def __init__(self, service: Provider, api: Api, needs: Needs, address: str = "203.0.113.9") -> None:
        guard = Guard(api, clock=service.clock, transport=service.transport())
        app = Starlette(routes=closed([Route("/extracts", tell, middleware=asks(guard, needs))]))
        self._transport = httpx2.ASGITransport(app, client=(address, 4000))

    async def call(self, token: str, scheme: str = "Bearer", **headers: str) -> httpx2.Response:
        """One request."""
        async with httpx2.AsyncClient(transport=self._transport, base_url="http://inside") as http:
            return await http.get("/extracts", headers={"authorization": f"{scheme} {token}", **headers})

    async def prove(self, token: str, holder: Holder) -> httpx2.Response:
        """One request with a proof; once more with a nonce, if it is asked for."""
        response = await self.call(token, "DPoP", **holder.header("GET", "/extracts", access_token=token))
        if holder.wants_again(response):
            proof = holder.header("GET", "/extracts", access_token=token)
            response = await self.call(token, "DPoP", **proof)
        return response


async def test_a_token_that_a_portals_key_is_bound_to(service: Provider) -> None:
    caller = Caller(service, replace(DESCRIBED, nonce_secret=bytes(32)), Needs())
    portal = await FapiPortal.register(service, FAPI2, audience=[API])
    asked, visit = await portal.enter(service, HOA, resource=API)
    tokens = await portal.tokens(asked, visit)
    owner, thief = (Holder(key, API, service.clock) for key in (portal.holder.key, DpopKey.fresh()))

    response = await caller.prove(tokens.access_token, owner)
    assert response.json() == {"subject": tokens.claims["sub"], "client": "fapi"}
    assert owner.nonce
    for refused in (
        await caller.prove(tokens.access_token, thief),
        await caller.call(tokens.access_token),
        await caller.call(tokens.id_token, "DPoP"),
    ):
        assert refused.status_code == 401
        assert "invalid_token" in refused.headers["www-authenticate"]


async def test_a_token_for_the_provider_is_none_for_the_api(service: Provider) -> None:
    portal = await FapiPortal.register(service, FAPI2, audience=[API])
    tokens = await portal.tokens(*await portal.enter(service, HOA))
    refused = await Caller(service, DESCRIBED, Needs()).prove(
        tokens.access_token, Holder(portal.holder.key, API, service.clock)
    )
    assert "for another API" in refused.json()["error_description"]


@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_a_token_that_is_bound_to_a_certificate(service: Provider, alg: str) -> None:
    http = httpx2.AsyncClient(
        transport=service.transport(PROXY),
        base_url="https://mtls.sso.example.vn",
        headers={"client-cert": OWN.header},
    )
    answer = await http.post("/token", data=dict(request_of(f"machine-{alg}")))
    token = answer.json()["access_token"]
    described = replace(DESCRIBED, certificates=ClientCertificates([PROXY]))
    caller = Caller(service, described, Needs(level=0, scope="procedures:read"), PROXY)

    response = await caller.call(token, **{"client-cert": OWN.header})
    assert response.json() == {"subject": f"machine-{alg}", "client": f"machine-{alg}"}
    assert (await caller.call(token, **{"client-cert": OTHER.header})).status_code == 401
    assert (await caller.call(token)).status_code == 401
    stranger = Caller(service, described, Needs(level=0))
    assert (await stranger.call(token, **{"client-cert": OWN.header})).status_code == 401
    people_only = Caller(service, described, Needs(), PROXY)
    refused = await people_only.call(token, **{"client-cert": OWN.header})
    assert "insufficient_user_authentication" in str(refused.headers)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"action": "sign", "procedure": "1.001234"}, 200),
        ({"action": "pay", "procedure": "1.001234"}, 403),
        ({"action": "sign", "procedure": "1.009999"}, 403),
        ({"action": "sign"}, 403),
    ],
)
async def test_a_mandate_opens_what_it_was_given_for(
    service: Provider, asked: dict[str, Any], status: int
) -> None:
    await admit_agents(service)
    tokens = await given(service, resource=DOSSIERS)
    described = replace(DESCRIBED, audience=DOSSIERS, accept_unbound_tokens=True)
    response = await Caller(service, described, Needs(details="vn_mandate", **asked)).call(
        tokens.access_token
    )
    assert response.status_code == status
