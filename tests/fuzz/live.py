"""Values that are worth something: without them no request would get past the first check of any endpoint."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from idp.oidc.backchannel_request import ASKING
from tests.support.browsing import Browser, Visit
from tests.support.ciba import COUNTER, CertifiedCounter, request_id
from tests.support.delegation import admit, granted
from tests.support.devices import SPA, TV, add_clients, ask
from tests.support.dpop import DpopKey, DpopPortal
from tests.support.population import HEN, HOA, KHANG
from tests.support.portals import REGISTRATIONS, register
from tests.support.provider import NOW, Provider
from tests.support.registering import SelfRegistered, initial_token, registered
from tests.support.request_objects import public_jwk, signed, unsigned

_PLACE: Final = re.compile(rb"zz-([a-z_]+)-zz")
SESSION, BROWSER = "__Host-motcua-session", "__Host-motcua-browser"
ASKING_PORTAL: Final = {**COUNTER, "profile": "oidc", "dpop_bound_access_tokens": False}
READER: Final[dict[str, Any]] = {
    **REGISTRATIONS["dossiers"],
    "client_id": "reader",
    "redirect_uris": ["https://reader.example/callback"],
    "jwks": {"keys": [public_jwk()]},
    "request_uris": ["https://127.0.0.1:1/request"],
}


def _hidden(visit: Visit, name: str) -> str:
    return next((value for form in visit.forms for key, value in form.values if key == name), "")


def _basic(provider: Provider, client_id: str) -> str:
    return base64.b64encode(f"{client_id}:{provider.registered[client_id].secret}".encode()).decode()


@dataclass(slots=True)
class Live:
    """The values by name, of one person who is signed in, and of clients at work."""

    provider: Provider
    values: dict[str, str] = field(default_factory=dict)
    _key: DpopKey = field(default_factory=DpopKey.fresh)
    _browser: Browser | None = None
    _registered: SelfRegistered | None = None

    async def begin(self) -> None:
        """Register who is needed."""
        await admit(self.provider)
        await add_clients(self.provider, TV, SPA, ASKING_PORTAL)
        reader, kept = register(READER, NOW - 60)
        await self.provider.db.write(kept)
        self.provider.registered["reader"] = reader
        for name, client_id in (("basic", "dossiers"), ("api_basic", "dossiers-api")):
            self.values[name] = _basic(self.provider, client_id)
        self.values["post_secret"] = self.provider.registered["legacy-post"].secret or ""

    async def renew(self) -> None:
        """Everything anew that a request may have used up."""
        browser = await self._signed_in()
        self.values["session"] = browser.cookies[SESSION]
        self.values["browser"] = browser.cookies[BROWSER]
        self.values["csrf"] = _hidden(await browser.open("/activate"), "csrf_token")
        await self._renew_tokens(browser)
        await self._renew_pages(browser)
        await self._renew_clients()

    async def _signed_in(self) -> Browser:
        """The person's browser; a new one, where its session was ended."""
        if self._browser is not None:
            _, visit = await self.provider.portal("dossiers").send(self._browser, prompt="none")
            if visit.answer is not None and "code" in visit.answer:
                return self._browser
        self.provider.clock.advance(3_600)  # whoever guessed may try again
        self._browser = self.provider.browser()
        await self.provider.enter("dossiers", HOA, self._browser)
        return self._browser

    async def _renew_tokens(self, browser: Browser) -> None:
        provider = self.provider
        tokens = await provider.tokens("dossiers", HOA, browser)
        bound = await self._renew_proofs(browser)
        asked, visit = await provider.enter("dossiers", HOA, browser)
        self.values |= {
            "access": tokens.access_token,
            "refresh": tokens.refresh_token,
            "id_token": tokens.id_token,
            "sid": str(tokens.claims["sid"]),
            "code": visit.code,
            "verifier": asked.verifier,
            "challenge": asked.parameters["code_challenge"],
            "api": (await granted(provider, browser)).access_token,
            "bound": bound,
            "pushed": await self._push(),
        }

    async def _push(self) -> str:
        """The name of a request that waits for its browser."""
        portal = self.provider.portal("dossiers")
        answer = await portal.post("/par", **portal.ask().parameters)
        return str(answer.json()["request_uri"])

    async def _renew_proofs(self, browser: Browser) -> str:
        """Proofs that are good once, and the access token that the second of them is for."""
        app = DpopPortal.of(self.provider.portal("spa"), self._key)
        token = (await app.tokens(*await self.provider.enter("spa", HOA, browser))).access_token
        self.values["proof"] = app.holder.header("POST", "/token")["dpop"]
        self.values["pushed_proof"] = app.holder.header("POST", "/par")["dpop"]
        self.values["bound_proof"] = app.holder.header("GET", "/userinfo", access_token=token)["dpop"]
        return token

    async def _renew_pages(self, browser: Browser) -> None:
        _, consent = await self.provider.portal("province").send(browser)
        _, login = await self.provider.portal("ministry").send(browser, prompt="login")
        _, choice = await self.provider.portal("enterprise").send(self.provider.browser())
        choice = await self.provider.sign_in(choice, KHANG)
        self.values |= {
            "interaction": consent.path.rpartition("/")[2],
            "shown": _hidden(consent, "shown"),
            "login": login.path.rpartition("/")[2],
            "choice": choice.path.rpartition("/")[2],
        }

    async def _renew_clients(self) -> None:
        provider = self.provider
        device = await ask(provider, "tv")
        counter = CertifiedCounter.of(provider.portal("call-centre"))
        provider.clock.advance(ASKING.interval_ms / 1000)
        elsewhere = await counter.ask_for()
        self.values["initial"] = await initial_token(provider, uses=1_000)
        if self._registered is None or (await self._registered.manage("GET")).status_code != 200:
            self._registered = await registered(provider, self.values["initial"])
        about = {"iss": "reader", "aud": provider.settings.issuer, "exp": int(provider.clock()) + 300}
        inside = {**about, **provider.portal("reader").ask().parameters}
        self.values |= {
            "device_code": str(device.codes["device_code"]),
            "user_code": device.user_code,
            "registered": self._registered.client_id,
            "management": str(self._registered.told["registration_access_token"]),
            "assertion": provider.portal("machine-es256").assertion(),
            "request": signed(inside),
            "unsigned_request": unsigned(inside),
            "auth_req_id": elsewhere.auth_req_id,
            "request_id": request_id(elsewhere),
            "asked_elsewhere": counter.request_object(counter.claims()),
            "counter_assertion": counter.assertion(),
            "activation_code": await provider.activation_code(HEN),
            "totp": "000000",
        }

    def fill(self, octets: bytes, *, escaped: bool) -> bytes:
        """The octets with values in the places of their names; `escaped` where they stand in an address or a form."""

        def value(found: re.Match[bytes]) -> bytes:
            text = self.values.get(found[1].decode(), "")
            return (quote(text, safe="") if escaped else text).encode()

        return _PLACE.sub(value, octets)
