"""Clients that are not portals with a server: a device, a kiosk, a single-page application; and a device at work."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from idp.oidc.grant_types import DEVICE_CODE
from tests.support.browsing import Browser, Visit
from tests.support.population import Citizen
from tests.support.portals import Portal, register
from tests.support.provider import NOW, PASSWORD, Provider

ELSEWHERE: Final = "203.0.113.9"
"""An address in another network than the person's."""

_NAMED: Final = {
    "owner": "Cơ quan mẫu",
    "sector": "thiet-bi",
    "profile": "oidc",
    "purpose": "Tra cứu hồ sơ",
    "legal_basis": "consent",
}
TV: Final[Mapping[str, Any]] = {
    **_NAMED,
    "client_id": "tv",
    "client_name": "Máy tra cứu hồ sơ",
    "application_type": "native",
    "token_endpoint_auth_method": "none",
    "grant_types": [DEVICE_CODE, "refresh_token"],
    "scope": "openid profile org",
}
KIOSK: Final[Mapping[str, Any]] = {
    **_NAMED,
    "client_id": "kiosk",
    "client_name": "Ki-ốt bộ phận một cửa",
    "token_endpoint_auth_method": "private_key_jwt",
    "grant_types": [DEVICE_CODE],
    "scope": "openid",
}
SPA: Final[Mapping[str, Any]] = {
    **_NAMED,
    "client_id": "spa",
    "client_name": "Ứng dụng một trang",
    "token_endpoint_auth_method": "none",
    "grant_types": ["authorization_code", "refresh_token"],
    "redirect_uris": ["https://spa.example/callback", "https://spa.example:8443/callback"],
    "post_logout_redirect_uris": [],
    "scope": "openid profile",
}


async def add_clients(provider: Provider, *described: Mapping[str, Any]) -> None:
    """Register clients beside those that every provider of the tests has."""
    for metadata in described:
        registered, kept = register(metadata, NOW - 3_600)
        await provider.db.write(kept)
        provider.registered[registered.client_id] = registered


@dataclass(frozen=True, slots=True)
class Device:
    """A device that has asked for its codes."""

    portal: Portal
    codes: Mapping[str, Any]

    @property
    def user_code(self) -> str:
        """What it shows."""
        return str(self.codes["user_code"])

    async def poll(self, **form: str) -> httpx2.Response:
        """The token request (RFC 8628 §3.4)."""
        fields = {"grant_type": DEVICE_CODE, "device_code": str(self.codes["device_code"])} | form
        return await self.portal.post("/token", **fields)

    async def error(self) -> str:
        """The error that a poll is answered with."""
        response = await self.poll()
        assert response.status_code == 400, response.text
        return str(response.json()["error"])


async def ask(provider: Provider, client_id: str = "tv", **form: str) -> Device:
    """A device asks for its codes, from another network than where the person is."""
    here = provider.portal(client_id)
    portal = Portal(here.registered, provider.http(ELSEWHERE), here.issuer, provider.clock)
    response = await portal.post("/device_authorization", **{"scope": "openid", **form})
    assert response.status_code == 200, response.text
    return Device(portal, response.json())


async def type_code(browser: Browser, code: str) -> Visit:
    """A person types a code at the verification address."""
    return await (await browser.open("/device")).submit(user_code=code)


async def arrive(provider: Provider, browser: Browser, device: Device, citizen: Citizen) -> Visit:
    """A person types the device's code and logs in: the page that asks whether it is theirs."""
    visit = await type_code(browser, device.user_code)
    visit = await visit.submit(personal_number=citizen.number, password=PASSWORD)
    assert visit.offers(decision="confirm"), visit.text
    return visit


async def let_in(
    provider: Provider, browser: Browser, device: Device, citizen: Citizen, *, acting_for: str = "self"
) -> Visit:
    """As `arrive`, and on to the end: the person confirms, chooses and agrees."""
    visit = await (await arrive(provider, browser, device, citizen)).submit(decision="confirm")
    while visit.forms:
        if visit.offers(decision="allow"):
            visit = await visit.submit(decision="allow", **visit.ticks)
        else:
            visit = await visit.submit(acting_for=acting_for)
    assert re.search(r"đang được đăng nhập", visit.text), visit.text
    return visit
