"""A portal that plays the conformance suite: it looks at everything that it is given, in one response mode."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urljoin

import pytest

from tests.support.browsing import Browser, Visit
from tests.support.databases import KINDS
from tests.support.installation import ISSUER
from tests.support.on_sqlite import provider_on, provider_on_sqlite
from tests.support.population import HOA
from tests.support.portals import Asked, Portal, Tokens
from tests.support.provider import PASSWORD, Ground, Provider
from tests.support.suite_checks import (
    check_answer,
    check_claims,
    check_id_token,
    check_token_response,
)

MODES: Final = ("query", "form_post")
"""Every module is run in both: the plans of form_post are those of the same name without it."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One client of the suite at one provider; Hòa is the person."""

    provider: Provider
    mode: str
    client_id: str = "dossiers"

    def of(self, client_id: str) -> Suite:
        """The same with another client."""
        return replace(self, client_id=client_id)

    @property
    def portal(self) -> Portal:
        """The client at work."""
        return self.provider.portal(self.client_id)

    def browser(self) -> Browser:
        """A browser that nobody has used."""
        return self.provider.browser()

    def ask(self, *without: str, **changes: str) -> Asked:
        """A good request in this mode, changed; `query` is the default, and so not named."""
        mode = {} if self.mode == "query" else {"response_mode": self.mode}
        return self.portal.ask(*without, **mode, **changes)

    async def send(self, browser: Browser | None = None, **changes: str) -> tuple[Asked, Visit]:
        """As far as it goes without the person: a page, or the portal."""
        asked = self.ask(**changes)
        return asked, await self.arrive(browser or self.browser(), asked.address)

    async def arrive(self, browser: Browser, address: str) -> Visit:
        """Open an address; an answer by form is sent on, as its script does."""
        return await sent_on(await browser.open(address))

    async def walk(self, visit: Visit) -> Visit:
        """Through all pages, until the portal has its answer."""
        if asks_login(visit):
            visit = await sent_on(await self.provider.sign_in(visit, HOA))
        while visit.answer is None:
            visit = await sent_on(await _agree(visit))
        return visit

    async def finish(self, asked: Asked, visit: Visit, *, asked_claims: tuple[str, ...] = ()) -> Tokens:
        """From wherever the browser is to tokens, with every check on the way."""
        visit = await self.walk(visit)
        check_answer(asked, visit)
        response = await self._redeem(asked, visit.code)
        check_token_response(response, asked.parameters["scope"])
        tokens = await self.portal.read(response)
        alg = self.portal.registered.metadata.get("id_token_signed_response_alg", "ES256")
        check_id_token(tokens, asked, self.provider.clock(), alg=alg, asked_claims=asked_claims)
        return tokens

    async def _redeem(self, asked: Asked, code: str) -> Any:
        if "code_challenge" in asked.parameters:
            return await self.portal.redeem(asked, code)
        redirect_uri = asked.parameters["redirect_uri"]
        return await self.portal.post(
            "/token", grant_type="authorization_code", code=code, redirect_uri=redirect_uri
        )

    async def flow(self, browser: Browser | None = None, **changes: str) -> Tokens:
        """The happy flow."""
        asked, visit = await self.send(browser, **changes)
        return await self.finish(asked, visit)

    async def refused(self, *errors: str, browser: Browser | None = None, **changes: str) -> Visit:
        """A request that is answered at once, without a page, by one of these errors."""
        asked, visit = await self.send(browser, **changes)
        check_answer(asked, visit)
        assert visit.error in errors
        return visit

    async def told(self, tokens: Tokens, way: str = "header") -> dict[str, Any]:
        """UserInfo, whose subject must be the ID token's (Core §5.3.2)."""
        header = {"authorization": f"Bearer {tokens.access_token}"}
        if way == "header":
            response = await self.provider.http().get("/userinfo", headers=header)
        elif way == "post header":
            response = await self.provider.http().post("/userinfo", headers=header)
        else:
            response = await self.provider.http().post(
                "/userinfo", data={"access_token": tokens.access_token}
            )
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json"
        claims: dict[str, Any] = response.json()
        assert claims["sub"] == tokens.sub
        check_claims(claims)
        return claims


def asks_login(visit: Visit) -> bool:
    """Whether the page is the login page."""
    return visit.offers(personal_number=HOA.number, password=PASSWORD)


def is_error_page(visit: Visit, error: str) -> bool:
    """Whether people are shown what is wrong, under the name that its element always has, and sent nowhere."""
    shown = visit.answer is None and visit.response.headers["content-type"].startswith("text/html")
    away = any(not urljoin(visit.address, form.action).startswith(ISSUER) for form in visit.forms)
    return shown and not away and (visit.status, visit.told("error-code")) == (400, error)


async def sent_on(visit: Visit) -> Visit:
    """The answer in the hands of the portal; a `form_post` page is sent as its button does."""
    if visit.answer is not None:
        return visit
    away = [form for form in visit.forms if not urljoin(visit.address, form.action).startswith(f"{ISSUER}/")]
    return await visit.browser.post(away[0].action, away[0].values) if away else visit


async def _agree(visit: Visit) -> Visit:
    if visit.offers(decision="continue"):
        return await visit.submit(decision="continue")
    if visit.offers(decision="allow"):
        claims = [value for form in visit.forms for name, value in form.choices if name == "claim"]
        return await visit.submit(decision="allow", claim=claims)
    return await visit.submit(acting_for="self")


@pytest.fixture(scope="session", params=KINDS)
async def _examined(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Provider]:
    async with provider_on(request.param, tmp_path_factory.mktemp("examined"), provider_ground) as provider:
        yield provider


@pytest.fixture(params=MODES)
def suite(_examined: Provider, request: pytest.FixtureRequest) -> Suite:
    """The suite with a static client: one provider for all modules, some time after the last one."""
    _examined.clock.advance(60)
    return Suite(_examined, request.param)


@pytest.fixture(scope="session")
async def _sandbox(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    settings: dict[str, Any] = {"open_registration": ISSUER, "outbound_networks": ("127.0.0.0/8",)}
    async with provider_on_sqlite(
        tmp_path_factory.mktemp("sandbox"), provider_ground, **settings
    ) as provider:
        yield provider


@pytest.fixture
def sandbox(_sandbox: Provider) -> Provider:
    """A provider as the suite is run against: open registration, and documents of this machine may be fetched.

    The same for every test, some seconds later: registrations of one address are counted.
    """
    _sandbox.clock.advance(10)
    return _sandbox
