"""Portals that ask people who are elsewhere (CIBA), a person who answers at the account page, and pings."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from idp.oidc.grant_types import CIBA
from tests.support.browsing import Browser, Visit
from tests.support.fapi import FAPI2, FapiPortal
from tests.support.population import HOA, Citizen
from tests.support.portals import Portal, Tokens
from tests.support.provider import PASSWORD, Provider

REQUESTS: Final = "/account/requests"
COUNTER: Final[Mapping[str, Any]] = {
    **{
        name: value
        for name, value in FAPI2.items()
        if name not in {"redirect_uris", "post_logout_redirect_uris"}
    },
    "client_id": "counter",
    "client_name": "Tổng đài dịch vụ công",
    "sector": "counter",
    "client_uri": "https://counter.example/",
    "grant_types": [CIBA, "refresh_token"],
    "scope": "openid profile org",
    "dpop_bound_access_tokens": True,
    "require_pushed_authorization_requests": False,
    "backchannel_token_delivery_mode": "poll",
}
"""A call centre of the strongest profile, that polls."""
COUNTER_2: Final = {**COUNTER, "client_id": "counter-2", "sector": "counter-2"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was sent, and what was answered."""

    counter: Counter
    response: httpx2.Response
    claims: Mapping[str, Any] = field(repr=False)

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

    async def outcome(self, **form: str) -> str:
        """The error that a poll is answered with."""
        response = await self.poll(**form)
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
        claims = self.claims(*without, **changes)
        return await self.ask_signed(self.request_object(claims), claims)

    async def ask_signed(self, request: str, claims: Mapping[str, Any] | None = None, **beside: str) -> Asked:
        """Send a signed request as it is."""
        return Asked(self, await self.post("/bc-authorize", request=request, **beside), claims or {})


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


async def agree(provider: Provider, browser: Browser, asked: Asked, citizen: Citizen = HOA) -> Visit:
    """The person confirms, chooses and agrees, to the end."""
    visit = await (await look_at(browser, asked, citizen)).submit(decision="confirm")
    while visit.forms:
        if visit.offers(decision="allow"):
            claims = [value for form in visit.forms for name, value in form.choices if name == "claim"]
            visit = await visit.submit(decision="allow", claim=claims)
        elif visit.offers(decision="continue"):
            visit = await visit.submit(decision="continue")
        else:
            visit = await visit.submit(acting_for="self")
    assert "đang tiếp tục" in visit.text, visit.text
    return visit


async def refuse(browser: Browser, asked: Asked, citizen: Citizen = HOA) -> Visit:
    """The person says on the page that asks them that it was not them."""
    return await (await look_at(browser, asked, citizen)).submit(decision="deny")
