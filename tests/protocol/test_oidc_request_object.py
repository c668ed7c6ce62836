"""OpenID Connect Core §6 and RFC 9101 through the endpoint: what a portal, and the person, see of request objects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from idp.http.limits import QUERY_BYTES
from idp.store import clients
from idp.store.database import step
from keys.policy import MAX_TOKEN_LENGTH
from tests.support.browsing import Browser, Visit
from tests.support.logouts import LOOPBACK
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA
from tests.support.portals import REGISTRATIONS, Asked, Portal, register
from tests.support.provider import NOW, Ground, Provider
from tests.support.receiving_portal import Received, ReceivingPortal, receiving_portal, status
from tests.support.request_objects import enclosed, public_jwk, signed, unsigned

KINDS: Final[dict[str, dict[str, Any]]] = {
    "signs": {"jwks": {"keys": [public_jwk()]}},
    "must-sign": {"jwks": {"keys": [public_jwk()]}, "require_signed_request_object": True},
    "unsigned": {"request_object_signing_alg": "none"},
}
ELSEWHERE: Final = "https://dossiers.example/callback"


@pytest.fixture(scope="module")
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider that may call this machine."""
    folder = tmp_path_factory.mktemp("request-objects")
    async with provider_on_sqlite(folder, provider_ground, outbound_networks=LOOPBACK) as provider:
        yield provider


@pytest.fixture(scope="module")
async def hoa(service: Provider) -> Browser:
    """The browser of somebody who has logged in."""
    browser = service.browser()
    await service.enter("dossiers", HOA, browser)
    return browser


@pytest.fixture(scope="module")
async def portals(service: Provider) -> dict[str, Portal]:
    """Portals that differ in what they registered of request objects."""
    return {kind: await _added(service, f"object-{kind}", **more) for kind, more in KINDS.items()}


async def _added(provider: Provider, client_id: str, **more: Any) -> Portal:
    host = f"https://{client_id}.example"
    described = {
        **REGISTRATIONS["dossiers"],
        "client_id": client_id,
        "redirect_uris": [f"{host}/callback", f"{host}/second"],
        "grant_types": ["authorization_code"],
        "sector": "kho-ho-so",
        **more,
    }
    registered, kept = register(described, NOW - 3_600)
    await provider.db.write(kept)
    provider.registered[client_id] = registered
    return provider.portal(client_id)


def outside(portal: Portal, asked: Asked, request: str, *kept: str, **changes: str) -> str:
    """The address with an object, and with a few parameters beside it."""
    named = {name: asked.parameters[name] for name in ("client_id", "response_type", "scope", *kept)}
    return f"{portal.issuer}/authorize?{urlencode(named | {'request': request} | changes)}"


def claims(portal: Portal, asked: Asked, **changes: Any) -> dict[str, Any]:
    """All parameters of a request as claims of an object."""
    about = {"iss": portal.client_id, "aud": portal.issuer, "exp": NOW + 300}
    return {**about, **asked.parameters, **changes}


async def test_everything_inside_a_signed_object(
    service: Provider, hoa: Browser, portals: dict[str, Portal]
) -> None:
    portal = portals["signs"]
    asked = portal.ask()
    visit = await service.settle(await hoa.open(outside(portal, asked, signed(claims(portal, asked)))))
    assert visit.address.startswith(f"{portal.redirect_uri}?")
    tokens = await portal.tokens(asked, visit)
    assert tokens.claims["nonce"] == asked.parameters["nonce"]


async def test_oidcc_unsigned_request_object_supported_correctly(
    service: Provider, hoa: Browser, portals: dict[str, Portal]
) -> None:
    """The state and the nonce outside are not the ones inside."""
    portal = portals["unsigned"]
    asked = portal.ask()
    address = outside(portal, asked, unsigned(asked.parameters), state="outside", nonce="outside")
    tokens = await portal.tokens(asked, await service.settle(await hoa.open(address)))
    assert tokens.claims["nonce"] == asked.parameters["nonce"]


async def test_encrypted_for_the_published_key(
    service: Provider, hoa: Browser, portals: dict[str, Portal]
) -> None:
    portal = portals["must-sign"]
    published = {
        key["alg"]: key for key in (await portal.http.get("/jwks")).json()["keys"] if key["use"] == "enc"
    }
    metadata = (await portal.http.get("/.well-known/openid-configuration")).json()
    assert set(metadata["request_object_encryption_alg_values_supported"]) == published.keys()
    for alg, jwk in published.items():
        asked = portal.ask()
        token = enclosed(signed(claims(portal, asked)), jwk)
        address = f"{portal.issuer}/authorize?{urlencode({'client_id': portal.client_id, 'request': token})}"
        assert (await portal.tokens(asked, await service.settle(await hoa.open(address)))).sub, alg


async def test_a_person_without_a_session_is_asked_as_the_object_says(
    service: Provider, portals: dict[str, Portal]
) -> None:
    portal, browser = portals["signs"], service.browser()
    asked = portal.ask(prompt="login")
    visit = await browser.open(outside(portal, asked, signed(claims(portal, asked))))
    visit = await service.settle(await service.sign_in(visit, HOA))
    assert (await portal.tokens(asked, visit)).sub


async def test_by_post_it_may_be_longer_than_an_address(
    service: Provider, portals: dict[str, Portal]
) -> None:
    portal, browser = portals["signs"], service.browser()
    asked = portal.ask()
    long = signed(claims(portal, asked, note="x" * 8_000))
    assert QUERY_BYTES < len(long) < MAX_TOKEN_LENGTH
    fields = [("client_id", portal.client_id), ("request", long)]
    visit = await service.sign_in(await browser.post("/authorize", fields), HOA)
    assert (await portal.tokens(asked, await service.settle(visit))).sub
    response = await browser.http.get(outside(portal, asked, long))
    assert response.status_code == 414


@pytest.mark.parametrize("kind", ["signs", "unsigned"])
@pytest.mark.parametrize("outer", ["second", "foreign", "none"])
async def test_oidcc_ensure_request_object_with_redirect_uri(
    service: Provider, hoa: Browser, portals: dict[str, Portal], kind: str, outer: str
) -> None:
    """The address inside counts, whatever stands outside."""
    portal = portals[kind]
    asked = portal.ask()
    beside = {"second": portal.registered.metadata["redirect_uris"][1], "foreign": ELSEWHERE, "none": ""}[
        outer
    ]
    token = _made(kind, claims(portal, asked))
    visit = await service.settle(await hoa.open(outside(portal, asked, token, redirect_uri=beside)))
    assert visit.address.startswith(f"{portal.redirect_uri}?")
    assert (await portal.tokens(asked, visit)).sub


@pytest.mark.parametrize("kind", ["signs", "unsigned"])
@pytest.mark.parametrize("inner", [ELSEWHERE, "", "javascript:alert(1)", "a\nb"])
async def test_a_foreign_address_inside_leads_nowhere(
    hoa: Browser, portals: dict[str, Portal], kind: str, inner: str
) -> None:
    """And never to the one outside."""
    portal = portals[kind]
    asked = portal.ask()
    token = _made(kind, claims(portal, asked, redirect_uri=inner))
    visit = await hoa.open(outside(portal, asked, token, "redirect_uri", "state"))
    assert (visit.answer, visit.status) == (None, 400)
    assert visit.told("error-code") == "redirect_uri_mismatch"


def _made(kind: str, inside: dict[str, Any]) -> str:
    return unsigned(inside) if kind == "unsigned" else signed(inside)


async def test_a_bad_object_is_told_where_the_parameters_beside_it_lead(
    service: Provider, hoa: Browser, portals: dict[str, Portal]
) -> None:
    portal = portals["signs"]
    asked = portal.ask()
    bad = signed(claims(portal, asked, iss="dossiers"))
    visit = await hoa.open(outside(portal, asked, bad, "redirect_uri", "state"))
    assert visit.error == "invalid_request_object"
    assert visit.given["state"] == asked.parameters["state"]
    assert visit.given["iss"] == portal.issuer
    events = [event for event in await service.events("authorization") if event.client_id == portal.client_id]
    assert events[-1].outcome == "invalid_request_object"


@pytest.mark.parametrize(
    "beside", [{}, {"redirect_uri": ELSEWHERE}, {"redirect_uri": "https://evil.example/"}]
)
async def test_a_bad_object_with_nowhere_to_go_is_a_page(
    hoa: Browser, portals: dict[str, Portal], beside: dict[str, str]
) -> None:
    portal = portals["signs"]
    asked = portal.ask()
    visit = await hoa.open(outside(portal, asked, signed(claims(portal, asked))[:-4], **beside))
    assert (visit.answer, visit.status) == (None, 400)
    assert visit.told("error-code") == ("redirect_uri_mismatch" if beside else "invalid_request_object")


async def test_who_must_sign_is_refused_a_plain_request_and_whatever_stands_outside(
    service: Provider, hoa: Browser, portals: dict[str, Portal]
) -> None:
    portal = portals["must-sign"]
    asked, visit = await portal.send(hoa)
    assert visit.error == "invalid_request"
    inside = claims(portal, asked)
    address = outside(portal, asked, signed(inside), prompt="login", max_age="0", state="outside")
    assert (await portal.tokens(asked, await service.settle(await hoa.open(address)))).sub


async def test_an_object_of_a_disabled_client_is_not_looked_at(service: Provider, hoa: Browser) -> None:
    portal = await _added(service, "object-closed", **KINDS["signs"])
    await service.db.write(step(clients.DISABLE, client=portal.client_id, now=NOW))
    asked = portal.ask()
    visit = await hoa.open(outside(portal, asked, "x", "redirect_uri"))
    assert (visit.answer, visit.status) == (None, 403)
    assert visit.told("error-code") == "client_disabled"


@pytest.fixture
async def server() -> AsyncIterator[ReceivingPortal]:
    """The portal's own server, where its objects lie."""
    async with receiving_portal() as running:
        yield running


async def _entered(provider: Provider, portal: Portal, asked: Asked, browser: Browser, uri: str) -> Visit:
    named = {name: asked.parameters[name] for name in ("client_id", "response_type", "scope")}
    visit = await browser.open(f"{portal.issuer}/authorize?{urlencode(named | {'request_uri': uri})}")
    if visit.offers(personal_number=HOA.number, password="x"):
        visit = await provider.sign_in(visit, HOA)
    return visit if visit.status == 400 else await provider.settle(visit)


def _serving(answer: bytes) -> Callable[[Received], bytes | None]:
    return lambda _: answer


async def test_oidcc_request_uri_unsigned_and_signed_rs256(
    service: Provider, server: ReceivingPortal
) -> None:
    """With a fragment as the suite registers it: no digest of what it will serve."""
    address = server.at("127.0.0.1", "/requesturi/1")
    registered = f"{address}#{'x' * 43}"
    signs = await _added(
        service,
        "object-there",
        request_uris=[registered],
        jwks={"keys": [public_jwk("RS256")]},
        request_object_signing_alg="RS256",
    )
    plain = await _added(
        service, "object-plain", request_uris=[registered], request_object_signing_alg="none"
    )
    browser = service.browser()
    for portal in (signs, plain):
        asked = portal.ask()
        inside = claims(portal, asked)
        token = signed(inside, "RS256") if portal is signs else unsigned(inside)
        server.answer = _serving(status(200, "Content-Type: application/jwt", body=token.encode()))
        visit = await _entered(service, portal, asked, browser, registered)
        assert (await portal.tokens(asked, visit)).sub
    assert [(seen.method, seen.path) for seen in server.received] == [("GET", "/requesturi/1")] * 2


async def test_oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(
    service: Provider, server: ReceivingPortal
) -> None:
    """Rejected, of a client that did not register `none`."""
    uri = server.at("127.0.0.1", "/unsigned")
    portal = await _added(service, "object-unregistered", request_uris=[uri])
    asked = portal.ask()
    server.answer = _serving(status(200, body=unsigned(claims(portal, asked)).encode()))
    visit = await service.browser().open(f"{asked.address}&{urlencode({'request_uri': uri})}")
    assert visit.error == "request_uri_not_supported"


@pytest.mark.parametrize(
    "answer",
    [
        status(404),
        status(302, "Location: https://elsewhere.example/r"),
        status(200, body=b"x" * (MAX_TOKEN_LENGTH + 1)),
        status(200, body="đ".encode()),
        b"",
    ],
    ids=["missing", "moved", "giant", "not text", "silent"],
)
async def test_what_cannot_be_had_there_is_told(
    service: Provider, server: ReceivingPortal, answer: bytes
) -> None:
    uri = server.at("127.0.0.1", "/r")
    portal = await _added(service, f"object-gone-{server.port}", request_uris=[uri], **KINDS["signs"])
    server.answer = _serving(answer)
    asked = portal.ask()
    address = f"{asked.address}&{urlencode({'request_uri': uri})}"
    visit = await service.browser().open(address)
    assert visit.error == "invalid_request_uri"
    visit = await service.browser().open(f"{asked.address}&{urlencode({'request_uri': uri + '/x'})}")
    assert visit.error == "invalid_request_uri"
    assert len(server.received) == 1, "only registered addresses are asked"
