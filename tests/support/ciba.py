"""Portals that ask people who are elsewhere (CIBA), a person who answers at the account page, and pings."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import httpx2
import pytest

from idp.oidc.grant_types import CIBA
from tests.support.browsing import Browser, Visit
from tests.support.certificates import Holder, Wish, self_signed
from tests.support.devices import add_clients
from tests.support.fapi import FAPI2, FapiPortal
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA, Citizen
from tests.support.portals import Portal, Tokens
from tests.support.provider import NOW, PASSWORD, Ground, Provider

REQUESTS: Final = "/account/requests"
MTLS: Final = "https://mtls.sso.example.vn"
PROXY: Final = "127.0.0.1"
CERTIFICATE, OTHER_CERTIFICATE = (self_signed(Wish("CN=counter", at=NOW, ends=1 << 24)) for _ in range(2))
COUNTER: Final[Mapping[str, Any]] = {
    **{
        name: value
        for name, value in FAPI2.items()
        if name not in {"redirect_uris", "post_logout_redirect_uris"}
    },
    "client_id": "call-centre",
    "client_name": "Tổng đài dịch vụ công",
    "sector": "call-centre",
    "client_uri": "https://call-centre.example/",
    "grant_types": [CIBA, "refresh_token"],
    "scope": "openid profile org",
    "dpop_bound_access_tokens": True,
    "require_pushed_authorization_requests": False,
    "backchannel_token_delivery_mode": "poll",
}
"""A call centre of the strongest profile, that polls."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was sent, and what was answered."""

    counter: Counter
    response: httpx2.Response

    @property
    def auth_req_id(self) -> str:
        """What the portal polls with."""
        assert self.response.status_code == 200, self.response.text
        return str(self.response.json()["auth_req_id"])

    @property
    def error(self) -> tuple[int, str]:
        """Status and code of a refusal."""
        return self.response.status_code, str(self.response.json()["error"])

    async def poll(self, counter: Portal | None = None, **form: str) -> httpx2.Response:
        """The token request (CIBA Core §10.1)."""
        fields = {"grant_type": CIBA, "auth_req_id": self.auth_req_id} | form
        return await (counter or self.counter).post("/token", **fields)

    async def outcome(self) -> str:
        """The error that a poll is answered with."""
        response = await self.poll()
        assert response.status_code == 400, response.text
        return str(response.json()["error"])

    async def tokens(self) -> Tokens:
        """What the portal is given in the end."""
        response = await self.poll()
        assert response.status_code == 200, response.text
        return await self.counter.read(response)


class Counter(FapiPortal):
    """A portal's counter or call centre."""

    def claims(self, *without: str, **changes: Any) -> dict[str, Any]:
        """A good request about Hoa, changed; `without` leaves claims out."""
        good = {"scope": "openid", "login_hint": HOA.number, "binding_message": "1234"}
        if self.registered.metadata["backchannel_token_delivery_mode"] == "ping":
            good["client_notification_token"] = secrets.token_urlsafe(32)
        return {name: value for name, value in (good | changes).items() if name not in without}

    async def ask_for(self, *without: str, **changes: Any) -> Asked:
        """Send a good request, changed; claims that are None are left out of the signed object."""
        return await self.ask_signed(self.request_object(self.claims(*without, **changes)))

    async def ask_signed(self, request: str, **beside: str) -> Asked:
        """Send a signed request as it is."""
        return Asked(self, await self.post("/bc-authorize", request=request, **beside))


class CertifiedCounter(Counter):
    """One that connects with a certificate, which its tokens are bound to."""

    post = Portal.post
    userinfo = Portal.userinfo

    def showing(self, provider: Provider, holder: Holder | None) -> Self:
        """The same client with another certificate, or without one."""
        return self.of(Portal(self.registered, connected(provider, holder), self.issuer, self.clock))


def connected(provider: Provider, holder: Holder | None) -> httpx2.AsyncClient:
    """A program that connects with a certificate, or without; our proxy hands it on."""
    headers = {} if holder is None else {"client-cert": holder.header}
    return httpx2.AsyncClient(transport=provider.transport(PROXY), base_url=MTLS, headers=headers)


async def register_certified(
    provider: Provider, holder: Holder, client_id: str, **changes: Any
) -> CertifiedCounter:
    """A counter whose tokens are bound to a certificate; by the same it may authenticate, else by its key."""
    described = {
        **COUNTER,
        "client_id": client_id,
        "sector": client_id,
        "dpop_bound_access_tokens": False,
        "tls_client_certificate_bound_access_tokens": True,
        **changes,
    }
    if described["token_endpoint_auth_method"] == "self_signed_tls_client_auth":
        described["jwks"] = {"keys": [holder.jwk("k1")]}
    if client_id not in provider.registered:
        await add_clients(provider, described)
    registered = provider.registered[client_id]
    provider.registered[client_id] = replace(registered, private_key=registered.private_key or holder.key)
    return CertifiedCounter.of(provider.portal(client_id)).showing(provider, holder)


async def open_requests(browser: Browser, citizen: Citizen = HOA) -> Visit:
    """The page of what waits for a person, who logs in where they have to."""
    visit = await browser.open(REQUESTS)
    if visit.offers(personal_number=citizen.number, password=PASSWORD):
        visit = await visit.submit(personal_number=citizen.number, password=PASSWORD)
    assert visit.path == REQUESTS, visit.text
    return visit


async def look_at(browser: Browser, asked: Asked, citizen: Citizen = HOA) -> Visit:
    """As `open_requests`, and on to the page that asks whether it was them."""
    visit = await (await open_requests(browser, citizen)).submit(open=request_id(asked))
    if visit.offers(personal_number=citizen.number, password=PASSWORD):
        visit = await visit.submit(personal_number=citizen.number, password=PASSWORD)
    assert visit.offers(decision="confirm"), visit.text
    return visit


def request_id(asked: Asked) -> str:
    """What a request is called in the forms of the page."""
    return hashlib.sha256(asked.auth_req_id.encode()).hexdigest()


async def agree(
    provider: Provider, browser: Browser, asked: Asked, citizen: Citizen = HOA, *, acting_for: str = "self"
) -> Visit:
    """The person confirms, chooses and agrees, to the end."""
    visit = await (await look_at(browser, asked, citizen)).submit(decision="confirm")
    while visit.forms:
        if visit.offers(decision="allow"):
            visit = await visit.submit(decision="allow", **visit.ticks)
        elif visit.offers(decision="continue"):
            visit = await visit.submit(decision="continue", **visit.ticks)
        else:
            visit = await visit.submit(acting_for=acting_for)
    assert "đang tiếp tục" in visit.text, visit.text
    return visit


async def refuse(browser: Browser, asked: Asked, citizen: Citizen = HOA) -> Visit:
    """The person says on the page that asks them that it was not them."""
    return await (await look_at(browser, asked, citizen)).submit(decision="deny")


@pytest.fixture(scope="module")
async def ciba(provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Provider]:
    """A provider where everybody has an account, behind a proxy that asks for certificates; for one file."""
    folder = tmp_path_factory.mktemp("ciba")
    running = provider_on_sqlite(folder, provider_ground, mtls_url=MTLS, trusted_proxies=(f"{PROXY}/32",))
    async with running as provider:
        await add_clients(provider, COUNTER)
        yield provider


@pytest.fixture
def counter(ciba: Provider) -> Counter:
    """A call centre that holds a key; time has passed since it asked for somebody else."""
    ciba.clock.advance(60)
    return Counter.of(ciba.portal("call-centre"))


@pytest.fixture
async def held(ciba: Provider) -> CertifiedCounter:
    """One that authenticates by its key, and whose tokens are bound to its certificate."""
    ciba.clock.advance(60)
    return await register_certified(ciba, CERTIFICATE, "held")


@pytest.fixture
async def shown(ciba: Provider) -> CertifiedCounter:
    """One that authenticates by its certificate, too."""
    return await register_certified(
        ciba, CERTIFICATE, "shown", token_endpoint_auth_method="self_signed_tls_client_auth"
    )
