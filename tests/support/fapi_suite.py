"""Two portals that play the conformance suite's plans for FAPI 2.0: they look at everything that they are given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

import httpx2
import jwt
import pytest

from tests.support.browsing import Browser, Visit
from tests.support.certificates import Holder, Wish, self_signed
from tests.support.ciba import MTLS, PROXY, connected
from tests.support.contacts import note_contacts
from tests.support.fapi import FAPI2, PREFIX, SECOND, SIGNING, FapiPortal, Pushed
from tests.support.installation import ISSUER
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA
from tests.support.portals import ASSERTION_TYPE, Asked, Portal, Tokens
from tests.support.provider import NOW, PASSWORD, Ground, Provider
from tests.support.suite_checks import (
    check_claims,
    check_error,
    check_id_token,
    check_token_response,
    check_unguessable,
)

FAPI_ALGORITHMS: Final = {"PS256", "ES256", "EdDSA", "Ed25519"}
_REFRESHES: Final = {"grant_types": ["authorization_code", "refresh_token"], "scope": "openid profile phone"}
_SECOND_SIGNING: Final = {
    **SECOND,
    "client_id": "signing-2",
    "sector": "signing-2",
    "profile": SIGNING["profile"],
}
_BOUND_TO_CERTIFICATES: Final = {
    "dpop_bound_access_tokens": False,
    "tls_client_certificate_bound_access_tokens": True,
}
_LONGEST: Final = 600  # seconds that a signed answer is good for at most


@cache
def _certificate(client_id: str) -> Holder:
    return self_signed(Wish(f"CN={client_id}", at=NOW, ends=1 << 24))


class Examiner(FapiPortal):
    """A client that proves its key by DPoP, and looks closely."""

    scheme = "DPoP"

    async def direct(
        self, path: str, form: Mapping[str, str], *, assertion: str | None = None, proof: bool = True
    ) -> httpx2.Response:
        """A request of the client itself, authenticated by this assertion, or without a proof of its key."""
        response = await self._direct_once(path, form, assertion, proof=proof)
        if proof and self.holder.wants_again(response):
            return await self._direct_once(path, form, assertion, proof=proof)
        return response

    async def _direct_once(
        self, path: str, form: Mapping[str, str], assertion: str | None, *, proof: bool
    ) -> httpx2.Response:
        shown = self.assertion() if assertion is None else assertion
        fields = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": shown}
        headers = self.holder.header("POST", path) if proof else {}
        return await self.http.post(path, data={**fields, **form}, headers=headers)

    async def anonymous(self, path: str, form: Mapping[str, str]) -> httpx2.Response:
        """A request that says whose it is, and does not prove it."""
        headers = self.holder.header("POST", path)
        return await self.http.post(path, data={"client_id": self.client_id, **form}, headers=headers)

    async def told(self, access_token: str, scheme: str = "") -> httpx2.Response:
        """UserInfo by a scheme, however that is written."""
        response = await self.userinfo_once(access_token, scheme or self.scheme)
        if self.holder.wants_again(response):
            return await self.userinfo_once(access_token, scheme or self.scheme)
        return response


class Certified(Examiner):
    """A client that connects with a certificate; `bare` connects without."""

    scheme = "Bearer"
    bare: httpx2.AsyncClient
    post = Portal.post

    @classmethod
    async def connect(cls, provider: Provider, metadata: Mapping[str, Any]) -> Self:
        """A client with a certificate, by which it authenticates if it is registered so."""
        certificate = _certificate(str(metadata["client_id"]))
        changes: dict[str, Any] = dict(_BOUND_TO_CERTIFICATES)
        if metadata["token_endpoint_auth_method"] == "self_signed_tls_client_auth":
            changes["jwks"] = {"keys": [certificate.jwk()]}
        registered = await cls.register(provider, metadata, **changes)
        http = connected(provider, certificate)
        made = cls.of(Portal(registered.registered, http, registered.issuer, registered.clock))
        made.bare = connected(provider, None)
        return made

    async def direct(
        self, path: str, form: Mapping[str, str], *, assertion: str | None = None, proof: bool = True
    ) -> httpx2.Response:
        """A request of the client itself; without a proof it shows no certificate."""
        fields, headers = self.credentials()
        if assertion is not None:
            fields["client_assertion"] = assertion
        http = self.http if proof else self.bare
        return await http.post(path, data={**fields, **form}, headers=headers)

    async def anonymous(self, path: str, form: Mapping[str, str]) -> httpx2.Response:
        """A request that says whose it is, and does not prove it."""
        return await self.bare.post(path, data={"client_id": self.client_id, **form})

    async def told(self, access_token: str, scheme: str = "") -> httpx2.Response:
        """UserInfo by a scheme, however that is written."""
        headers = {"authorization": f"{scheme or self.scheme} {access_token}"}
        return await self.http.get("/userinfo", headers=headers)


@dataclass(frozen=True, slots=True)
class FapiSuite:
    """The two clients of a plan, and a person who has logged in before."""

    provider: Provider
    first: Examiner
    second: Examiner
    person: Browser

    async def arrive(
        self,
        pushed: Pushed,
        browser: Browser | None = None,
        *,
        beside: Mapping[str, str] = MappingProxyType({}),
    ) -> Visit:
        """Send a browser to the pushed request, with more in the address, and through all pages."""
        visit = await (browser or self.person).open(pushed.address(ISSUER, **beside))
        if visit.offers(personal_number=HOA.number, password=PASSWORD):
            visit = await self.provider.sign_in(visit, HOA)
        return await self.provider.settle(visit)

    async def flow(self, portal: Examiner, *without: str, **changes: str) -> Tokens:
        """The happy flow."""
        pushed = await portal.push(*without, **changes)
        check_pushed(pushed.response)
        return await self.finish(portal, pushed.asked, await self.arrive(pushed))

    async def finish(self, portal: Examiner, asked: Asked, visit: Visit) -> Tokens:
        """From the answer to UserInfo, with every check on the way."""
        given = await check_answer(portal, asked, visit)
        response = await portal.redeem(asked, str(given["code"]))
        check_token_response(response, asked.parameters["scope"], scheme=portal.scheme.lower())
        tokens = await portal.read(response)
        check_id_token(tokens, asked, portal.clock(), alg="ES256")
        told = await portal.told(tokens.access_token)
        assert told.status_code == 200
        assert told.json()["sub"] == tokens.sub
        check_claims(told.json())
        return tokens

    async def code(self, portal: Examiner, *without: str, **changes: str) -> tuple[Asked, str]:
        """As far as the code."""
        pushed = await portal.push(*without, **changes)
        given = await check_answer(portal, pushed.asked, await self.arrive(pushed))
        return pushed.asked, str(given["code"])


def check_pushed(response: httpx2.Response) -> None:
    """The answer to a pushed request (RFC 9126 §2.2)."""
    assert response.status_code == 201, response.text
    assert response.headers["content-type"] == "application/json"
    assert "no-store" in response.headers["cache-control"]
    body = response.json()
    check_unguessable(body["request_uri"].removeprefix(PREFIX))
    assert 5 <= body["expires_in"] < _LONGEST


def check_refused(response: httpx2.Response, *errors: str, unauthorized: bool = False) -> None:
    """A direct request that was refused by one of these errors, as JSON."""
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert response.status_code in ({400, 401} if unauthorized else {400}), body
    assert body["error"] in errors, body
    check_error(body)


async def check_answer(portal: Examiner, asked: Asked, visit: Visit) -> Mapping[str, Any]:
    """The authorization response, opened; whoever asked for a JWT is told nothing beside it (JARM §2.1)."""
    parts = urlsplit(visit.address)
    registered = urlsplit(asked.parameters.get("redirect_uri", visit.address))
    assert not parts.fragment
    assert (parts.netloc, parts.path) == (registered.netloc, registered.path)
    sent = dict(parse_qsl(parts.query, keep_blank_values=True))
    own = dict(parse_qsl(registered.query))
    assert own.items() <= sent.items()
    told = {name: value for name, value in sent.items() if name not in own}
    given: Mapping[str, Any] = told if not portal.signs else await _opened(portal, told)
    assert given["iss"] == ISSUER
    assert given.get("state") == asked.parameters.get("state")
    said = given.keys() - ({"aud", "exp", "iat"} if portal.signs else set())
    assert said <= ({"code"} if "code" in given else {"error", "error_description", "error_uri"}) | {
        "state",
        "iss",
    }
    if "code" in given:
        check_unguessable(str(given["code"]))
    else:
        check_error(given)
    return given


async def _opened(portal: Examiner, told: Mapping[str, str]) -> Mapping[str, Any]:
    assert told.keys() == {"response"}
    header = jwt.get_unverified_header(told["response"])
    assert header["alg"] in FAPI_ALGORITHMS
    claims = await portal.verify(told["response"])
    assert claims["aud"] == portal.client_id
    assert 10 < claims["exp"] - portal.clock() <= _LONGEST
    return claims


@pytest.fixture(scope="session")
async def _examined_by_fapi(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    folder = tmp_path_factory.mktemp("fapi")
    running = provider_on_sqlite(folder, provider_ground, mtls_url=MTLS, trusted_proxies=(f"{PROXY}/32",))
    async with running as provider:
        await note_contacts(provider, HOA)
        yield provider


@pytest.fixture(scope="session")
async def _person(_examined_by_fapi: Provider) -> Browser:
    browser = _examined_by_fapi.browser()
    await _examined_by_fapi.enter("dossiers", HOA, browser)
    return browser


async def _by_dpop(provider: Provider) -> tuple[Examiner, Examiner]:
    first = await Examiner.register(provider, FAPI2, **_REFRESHES)
    return first, await Examiner.register(provider, SECOND, **_REFRESHES)


async def _signed(provider: Provider) -> tuple[Examiner, Examiner]:
    first = await Examiner.register(provider, SIGNING, **_REFRESHES)
    return first, await Examiner.register(provider, _SECOND_SIGNING, **_REFRESHES)


async def _certified(provider: Provider) -> tuple[Examiner, Examiner]:
    """The first client authenticates by its certificate, the second one by its key."""
    shows = {
        "client_id": "shows",
        "sector": "shows",
        "token_endpoint_auth_method": "self_signed_tls_client_auth",
    }
    signs = {"client_id": "signs", "sector": "signs"}
    first = await Certified.connect(provider, {**FAPI2, **_REFRESHES, **shows})
    return first, await Certified.connect(provider, {**SECOND, **_REFRESHES, **signs})


PLANS: Final = {"dpop": _by_dpop, "signed": _signed, "certificates": _certified}
"""How tokens are bound, and whether requests and answers are signed -> the two clients of the plan."""


async def _play(provider: Provider, person: Browser, plan: str) -> FapiSuite:
    provider.clock.advance(2)
    return FapiSuite(provider, *await PLANS[plan](provider), person)


@pytest.fixture(params=PLANS)
async def fapi(_examined_by_fapi: Provider, _person: Browser, request: pytest.FixtureRequest) -> FapiSuite:
    """The suite in each plan: one provider for all modules, a little after the last one."""
    return await _play(_examined_by_fapi, _person, request.param)


@pytest.fixture(params=["dpop", "signed"])
async def keyed(_examined_by_fapi: Provider, _person: Browser, request: pytest.FixtureRequest) -> FapiSuite:
    """The suite where clients authenticate by an assertion and bind tokens by DPoP."""
    return await _play(_examined_by_fapi, _person, request.param)


@pytest.fixture
async def signing(_examined_by_fapi: Provider, _person: Browser) -> FapiSuite:
    """The suite in the plan whose requests are signed."""
    return await _play(_examined_by_fapi, _person, "signed")
