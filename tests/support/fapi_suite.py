"""Two portals that play the conformance suite's plans for FAPI 2.0: they look at everything that they are given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx2
import jwt
import pytest

from tests.support.browsing import Browser, Visit
from tests.support.contacts import note_contacts
from tests.support.fapi import FAPI2, PREFIX, SECOND, SIGNING, FapiPortal, Pushed
from tests.support.installation import ISSUER
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA
from tests.support.portals import ASSERTION_TYPE, Asked, Tokens
from tests.support.provider import PASSWORD, Ground, Provider
from tests.support.suite_checks import (
    check_claims,
    check_error,
    check_id_token,
    check_token_response,
    check_unguessable,
)

FAPI_ALGORITHMS: Final = {"PS256", "ES256", "EdDSA", "Ed25519"}
REFRESHES: Final = {"grant_types": ["authorization_code", "refresh_token"], "scope": "openid profile phone"}
SECOND_SIGNING: Final = {
    **SECOND,
    "client_id": "signing-2",
    "sector": "signing-2",
    "profile": SIGNING["profile"],
}
PLANS: Final = {"security-profile": (FAPI2, SECOND), "message-signing": (SIGNING, SECOND_SIGNING)}
"""What is registered of the two clients of each plan."""

_LONGEST: Final = 600  # seconds that a signed answer is good for at most


@dataclass(frozen=True, slots=True)
class FapiSuite:
    """The two clients of a plan, and a person who has logged in before."""

    provider: Provider
    first: FapiPortal
    second: FapiPortal
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

    async def flow(self, portal: FapiPortal, *without: str, **changes: str) -> Tokens:
        """The happy flow."""
        pushed = await portal.push(*without, **changes)
        check_pushed(pushed.response)
        return await self.finish(portal, pushed.asked, await self.arrive(pushed))

    async def finish(self, portal: FapiPortal, asked: Asked, visit: Visit) -> Tokens:
        """From the answer to UserInfo, with every check on the way."""
        given = await check_answer(portal, asked, visit)
        response = await portal.redeem(asked, str(given["code"]))
        check_token_response(response, asked.parameters["scope"], scheme="dpop")
        tokens = await portal.read(response)
        check_id_token(tokens, asked, portal.clock(), alg="ES256")
        told = await portal.userinfo(tokens.access_token)
        assert told.status_code == 200
        assert told.json()["sub"] == tokens.sub
        check_claims(told.json())
        return tokens

    async def code(self, portal: FapiPortal, *without: str, **changes: str) -> tuple[Asked, str]:
        """As far as the code."""
        pushed = await portal.push(*without, **changes)
        given = await check_answer(portal, pushed.asked, await self.arrive(pushed))
        return pushed.asked, str(given["code"])


async def direct(
    portal: FapiPortal,
    path: str,
    form: Mapping[str, str],
    *,
    assertion: str | None = None,
    proof: bool = True,
) -> httpx2.Response:
    """A request of a client itself, authenticated by this assertion (by none where it is empty), or without a proof."""
    response = await _direct_once(portal, path, assertion, form, proof=proof)
    if proof and portal.holder.wants_again(response):
        return await _direct_once(portal, path, assertion, form, proof=proof)
    return response


async def _direct_once(
    portal: FapiPortal, path: str, assertion: str | None, form: Mapping[str, str], *, proof: bool
) -> httpx2.Response:
    shown = portal.assertion() if assertion is None else assertion
    fields = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": shown}
    headers = portal.holder.header("POST", path) if proof else {}
    return await portal.http.post(path, data={**(fields if shown else {}), **form}, headers=headers)


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


async def check_answer(portal: FapiPortal, asked: Asked, visit: Visit) -> Mapping[str, Any]:
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


async def _opened(portal: FapiPortal, told: Mapping[str, str]) -> Mapping[str, Any]:
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
    async with provider_on_sqlite(tmp_path_factory.mktemp("fapi"), provider_ground) as provider:
        await note_contacts(provider, HOA)
        yield provider


@pytest.fixture(scope="session")
async def _person(_examined_by_fapi: Provider) -> Browser:
    browser = _examined_by_fapi.browser()
    await _examined_by_fapi.enter("dossiers", HOA, browser)
    return browser


async def _play(provider: Provider, person: Browser, plan: str) -> FapiSuite:
    provider.clock.advance(2)
    first, second = [await FapiPortal.register(provider, one, **REFRESHES) for one in PLANS[plan]]
    return FapiSuite(provider, first, second, person)


@pytest.fixture(params=PLANS)
async def fapi(_examined_by_fapi: Provider, _person: Browser, request: pytest.FixtureRequest) -> FapiSuite:
    """The suite in each plan: one provider for all modules, a little after the last one."""
    return await _play(_examined_by_fapi, _person, request.param)


@pytest.fixture
async def signing(_examined_by_fapi: Provider, _person: Browser) -> FapiSuite:
    """The suite in the plan whose requests are signed."""
    return await _play(_examined_by_fapi, _person, "message-signing")
