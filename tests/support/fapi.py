"""Portals of the FAPI 2.0 profiles at work: they push, sign, prove their key, and look at what they are answered."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlencode

import httpx2
import jwt

from tests.support.browsing import Browser, Visit
from tests.support.devices import add_clients
from tests.support.dpop import DpopKey, DpopPortal
from tests.support.jarm import claims_of
from tests.support.population import Citizen
from tests.support.portals import REGISTRATIONS, Asked, Portal, Tokens
from tests.support.provider import PASSWORD, Provider

PREFIX: Final = "urn:ietf:params:oauth:request_uri:"
FAPI2: Final[Mapping[str, Any]] = {
    **{name: value for name, value in REGISTRATIONS["ministry"].items() if name != "profile"},
    "client_id": "fapi",
    "sector": "fapi",
    "redirect_uris": [
        "https://fapi.example/callback",
        "https://fapi.example/callback?dummy1=lorem&dummy2=ipsum",
    ],
    "post_logout_redirect_uris": ["https://fapi.example/bye"],
    "client_uri": "https://fapi.example/",
}
"""What a new client is: `fapi2`, by `private_key_jwt` and DPoP."""
SECOND: Final = {
    **FAPI2,
    "client_id": "fapi-2",
    "sector": "fapi-2",
    "redirect_uris": ["https://fapi-2.example/callback?dummy1=lorem&dummy2=ipsum"],
    "client_uri": "https://fapi-2.example/",
}
SIGNING: Final = {**FAPI2, "client_id": "signing", "sector": "signing", "profile": "fapi2_message_signing"}
"""Signs its requests, and is answered in JWTs."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """A request as it was pushed, and the answer to that."""

    asked: Asked
    response: httpx2.Response

    @property
    def request_uri(self) -> str:
        """The name that the request was given."""
        assert self.response.status_code == 201, self.response.text
        return str(self.response.json()["request_uri"])

    def address(self, issuer: str, **beside: str) -> str:
        """Where the browser is sent; what stands `beside` must count for nothing."""
        names = {"client_id": self.asked.parameters["client_id"], "request_uri": self.request_uri}
        return f"{issuer}/authorize?{urlencode(names | beside)}"


class FapiPortal(DpopPortal):
    """A client that pushes its requests; it signs them where it is registered so, and opens signed answers."""

    @classmethod
    async def register(cls, provider: Provider, metadata: Mapping[str, Any] = FAPI2, **changes: Any) -> Self:
        """A client at a provider, registered there if it is not yet."""
        described = {**metadata, **changes}
        if described["client_id"] not in provider.registered:
            await add_clients(provider, described)
        return cls.of(provider.portal(described["client_id"]))

    def with_key(self, key: DpopKey) -> Self:
        """The same client with another DPoP key."""
        return self.of(Portal(self.registered, self.http, self.issuer, self.clock), key)

    @property
    def signs(self) -> bool:
        """Whether its requests are signed, and its answers."""
        return self.registered.metadata.get("profile") == "fapi2_message_signing"

    def ask(self, *without: str, **changes: str) -> Asked:
        """As any portal; in a signed mode where its answers are signed."""
        mode = {"response_mode": "jwt"} if self.signs else {}
        return super().ask(*without, **mode | changes)

    def request_object(self, parameters: Mapping[str, Any], **changes: Any) -> str:
        """A signed request object of parameters (FAPI 2.0 Message Signing §5.3.2); a claim that is None is left out."""
        now = int(self.clock())
        claims = {
            "iss": self.client_id, "aud": self.issuer, "nbf": now, "iat": now, "exp": now + 300,
            "jti": secrets.token_urlsafe(16), **parameters,
        } | changes  # fmt: skip
        kept = {name: value for name, value in claims.items() if value is not None}
        header = {"kid": "k1", "typ": "oauth-authz-req+jwt"}
        assert self.registered.private_key is not None
        return jwt.encode(kept, self.registered.private_key, self.registered.algorithm, headers=header)

    async def push(self, *without: str, **changes: str) -> Pushed:
        """Push a good request, changed (RFC 9126 §2.1)."""
        return await self.push_asked(self.ask(*without, **changes))

    async def push_asked(self, asked: Asked) -> Pushed:
        """Push a request as it is, signed where it has to be."""
        form = dict(asked.parameters)
        if self.signs:
            form = {"request": self.request_object(form)}
        return Pushed(asked, await self.post("/par", **form))

    async def send(self, browser: Browser, **changes: str) -> tuple[Asked, Visit]:
        """Push, then send the browser to the provider with nothing but the name."""
        pushed = await self.push(**changes)
        return pushed.asked, await browser.open(pushed.address(self.issuer))

    async def opened(self, visit: Visit) -> Mapping[str, Any]:
        """What an answer says: its parameters, or the verified claims of the JWT that is its only one (JARM §2.4)."""
        if "response" not in visit.given:
            return visit.given
        return await claims_of(self, visit)

    async def tokens(self, asked: Asked, visit: Visit) -> Tokens:
        """As any careful portal's, for answers of either kind."""
        given = await self.opened(visit)
        assert given.get("state") == asked.parameters.get("state")
        assert given["iss"] == self.issuer
        response = await self.redeem(asked, str(given["code"]))
        assert response.status_code == 200, response.text
        tokens = await self.read(response)
        assert tokens.claims.get("nonce") == asked.parameters.get("nonce")
        return tokens

    async def enter(
        self, provider: Provider, citizen: Citizen, browser: Browser | None = None, **changes: str
    ) -> tuple[Asked, Visit]:
        """A person goes to this portal, logs in where a page asks for it, agrees, and is back there."""
        asked, visit = await self.send(browser or provider.browser(), **changes)
        if visit.offers(personal_number=citizen.number, password=PASSWORD):
            visit = await provider.sign_in(visit, citizen)
        return asked, await provider.settle(visit)
