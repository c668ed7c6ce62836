"""RFC 7516 and OpenID Connect Core §10.2: ID tokens and UserInfo that only their portal can read; hints only we can.

jwcrypto in Python and jose in JavaScript open them; neither shares code with what encrypts.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
import jwt
import pytest
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

from idp.oidc.client_keys import PAUSE_SECONDS
from idp.oidc.encrypted_answer import NoRecipient, encrypted
from tests.support.browsing import Browser
from tests.support.logouts import LOOPBACK, deliver
from tests.support.node_verifier import Case, verify_in_node
from tests.support.oidc_rules import client
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA
from tests.support.portals import REGISTRATIONS, Portal, register
from tests.support.provider import NOW, Ground, Provider
from tests.support.receiving_portal import ReceivingPortal, receiving_portal, status
from tests.support.request_objects import enclosed, public_jwk

KEYS: Final[dict[str, dict[str, Any]]] = {
    "ECDH-ES": {"kty": "EC", "crv": "P-256"},
    "RSA-OAEP-256": {"kty": "RSA", "size": 2048},
}


@cache
def private(alg: str) -> JWK:
    """The portal's private key for an algorithm."""
    return JWK.generate(use="enc", alg=alg, kid=f"mã-{alg}", **KEYS[alg])


def public(alg: str) -> dict[str, Any]:
    """What the portal publishes of it."""
    members: dict[str, Any] = private(alg).export_public(as_dict=True)
    return members


def _ways(alg: str, enc: str | None, *answers: str) -> dict[str, Any]:
    chosen = {f"{answer}_encrypted_response_alg": alg for answer in answers}
    return chosen | ({} if enc is None else {f"{answer}_encrypted_response_enc": enc for answer in answers})


PORTALS: Final[dict[str, dict[str, Any]]] = {
    "agreed": {
        **_ways("ECDH-ES", "A256GCM", "id_token", "userinfo"),
        "userinfo_signed_response_alg": "ES256",
        "jwks": {"keys": [public("ECDH-ES"), public("RSA-OAEP-256"), public_jwk()]},
    },
    "wrapped": {
        **_ways("RSA-OAEP-256", None, "id_token", "userinfo"),
        "userinfo_signed_response_alg": "PS256",
        "id_token_signed_response_alg": "RS256",
        "jwks": {"keys": [public("RSA-OAEP-256")]},
    },
    "unsigned": {
        **_ways("ECDH-ES", "A128CBC-HS256", "userinfo"),
        "jwks": {"keys": [public("ECDH-ES")]},
    },
}
HOW: Final = {"agreed": ("ECDH-ES", "A256GCM"), "wrapped": ("RSA-OAEP-256", "A128CBC-HS256")}


@pytest.fixture(scope="module")
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider that may call this machine."""
    folder = tmp_path_factory.mktemp("encryption")
    async with provider_on_sqlite(folder, provider_ground, outbound_networks=LOOPBACK) as provider:
        for client_id, more in PORTALS.items():
            await _add(provider, client_id, **more)
        yield provider


@pytest.fixture(scope="module")
async def hoa(service: Provider) -> Browser:
    """The browser of somebody who has logged in."""
    browser = service.browser()
    await service.enter("dossiers", HOA, browser)
    return browser


async def _add(provider: Provider, client_id: str, **more: Any) -> Portal:
    home = f"https://{client_id}.example"
    described = {
        **REGISTRATIONS["dossiers"],
        "client_id": client_id,
        "redirect_uris": [f"{home}/callback"],
        "post_logout_redirect_uris": [f"{home}/bye"],
        **more,
    }
    registered, kept = register(described, NOW - 3_600)
    await provider.db.write(kept)
    provider.registered[client_id] = registered
    return provider.portal(client_id)


def opened(token: str) -> tuple[Mapping[str, Any], str]:
    """Header and content of what was encrypted for the portal."""
    found = JWE()
    found.deserialize(token)
    header: dict[str, Any] = json.loads(found.objects["protected"])
    found.decrypt(private(header["alg"]))
    return header, found.payload.decode()


async def _code(service: Provider, hoa: Browser, portal: Portal) -> tuple[Any, str]:
    asked, visit = await portal.send(hoa)
    return asked, (await service.settle(visit)).code


async def _body(service: Provider, hoa: Browser, client_id: str) -> dict[str, Any]:
    portal = service.portal(client_id)
    response = await portal.redeem(*await _code(service, hoa, portal))
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


@pytest.mark.parametrize("client_id", HOW)
async def test_each_portal_gets_what_it_registered(service: Provider, hoa: Browser, client_id: str) -> None:
    portal, (alg, enc) = service.portal(client_id), HOW[client_id]
    body = await _body(service, hoa, client_id)
    told = await portal.userinfo(body["access_token"])
    assert told.headers["content-type"] == "application/jwt"
    refreshed = (await portal.refresh(body["refresh_token"])).json()
    subjects = set()
    for token in (body["id_token"], told.text, refreshed["id_token"]):
        header, inner = opened(token)
        assert header.items() >= {"alg": alg, "enc": enc, "kid": f"mã-{alg}", "cty": "JWT"}.items()
        subjects.add((await portal.verify(inner))["sub"])
    assert len(subjects) == 1
    assert HOA.name in json.dumps(await portal.verify(opened(told.text)[1]), ensure_ascii=False)


async def test_node_opens_and_verifies_them(service: Provider, hoa: Browser) -> None:
    jwks = (await service.http().get("/jwks")).json()
    cases = []
    for client_id, (alg, _) in HOW.items():
        body = await _body(service, hoa, client_id)
        told = await service.portal(client_id).userinfo(body["access_token"])
        key = private(alg).export_private(as_dict=True)
        for token in (body["id_token"], told.text):
            signed_by = jwt.get_unverified_header(opened(token)[1])["alg"]
            cases.append(Case(token, jwks, signed_by, "JWT", client_id, key))
    cases.append(
        Case(
            cases[0].token,
            jwks,
            "ES256",
            "JWT",
            "agreed",
            JWK.generate(**KEYS["ECDH-ES"]).export(as_dict=True),
        )
    )
    *good, foreign = verify_in_node(cases, issuer=service.settings.issuer, now=NOW)
    assert [answer.refused for answer in good] == [""] * 4
    assert [(answer.envelope["alg"], answer.envelope["enc"]) for answer in good[::2]] == list(HOW.values())
    assert all(answer.claims for answer in good)
    assert foreign.refused == "ERR_JWE_DECRYPTION_FAILED"


async def test_user_info_may_be_encrypted_without_a_signature(service: Provider, hoa: Browser) -> None:
    body = await _body(service, hoa, "unsigned")
    told = await service.portal("unsigned").userinfo(body["access_token"])
    header, content = opened(told.text)
    assert "cty" not in header
    claims = json.loads(content)
    assert (claims["iss"], claims["aud"], claims["name"]) == (service.settings.issuer, "unsigned", HOA.name)
    assert (await service.portal("unsigned").verify(body["id_token"]))["sub"] == claims["sub"]


async def test_what_was_not_asked_for_stays_as_it_is(service: Provider, hoa: Browser) -> None:
    tokens = await service.tokens("dossiers", HOA, hoa)
    assert tokens.id_token.count(".") == tokens.access_token.count(".") == 2
    assert (await _body(service, hoa, "agreed"))["access_token"].count(".") == 2, (
        "an API reads it, not the portal"
    )


async def _ours(service: Provider) -> dict[str, dict[str, str]]:
    keys = (await service.http().get("/jwks")).json()["keys"]
    return {key["alg"]: key for key in keys if key["use"] == "enc"}


@pytest.mark.parametrize("alg", KEYS)
async def test_a_hint_may_be_encrypted_for_us(service: Provider, hoa: Browser, alg: str) -> None:
    """OpenID Connect Core §3.1.2.1: the signed ID token, opened, and encrypted again."""
    inner = opened((await _body(service, hoa, "agreed"))["id_token"])[1]
    for hint in (inner, enclosed(inner, (await _ours(service))[alg])):
        _, visit = await service.portal("agreed").send(hoa, prompt="none", id_token_hint=hint)
        assert visit.code


async def test_a_hint_that_we_cannot_open_is_refused(service: Provider, hoa: Browser) -> None:
    received = (await _body(service, hoa, "agreed"))["id_token"]
    inner, ours = opened(received)[1], (await _ours(service))["ECDH-ES"]
    for hint in (
        received,
        enclosed(enclosed(inner, ours), ours),
        enclosed("đ", ours),
        enclosed("e30.e30.e30", ours),
    ):
        _, visit = await service.portal("agreed").send(hoa, id_token_hint=hint)
        assert visit.error == "invalid_request"


async def test_a_logout_by_an_encrypted_hint(service: Provider) -> None:
    browser, portal = service.browser(), service.portal("agreed")
    asked, visit = await service.enter("agreed", HOA, browser)
    inner = opened((await portal.redeem(asked, visit.code)).json()["id_token"])[1]
    hint = enclosed(inner, (await _ours(service))["RSA-OAEP-256"])
    bye = "https://agreed.example/bye"
    query = urlencode({"id_token_hint": hint, "post_logout_redirect_uri": bye})
    assert (await browser.open(f"/logout?{query}")).address == bye
    _, visit = await portal.send(browser, prompt="none")
    assert visit.error == "login_required"


async def test_a_logout_token_is_encrypted_as_id_tokens_are(service: Provider) -> None:
    """OpenID Connect Back-Channel Logout §2.6: a portal that agreed on encryption refuses what comes without."""
    async with receiving_portal() as told:
        uri, browser = told.at("127.0.0.1", "/logout"), service.browser()
        portal = await _add(service, "told", **{**PORTALS["agreed"], "backchannel_logout_uri": uri})
        asked, visit = await service.enter("told", HOA, browser)
        id_token = opened((await portal.redeem(asked, visit.code)).json()["id_token"])[1]
        await browser.open(f"/logout?{urlencode({'id_token_hint': id_token})}")
        await deliver(service)
        await asyncio.wait_for(told.arrived.wait(), 10)
        header, inner = opened(told.received[0].token)
    assert (header["alg"], header["cty"]) == ("ECDH-ES", "JWT")
    assert jwt.get_unverified_header(inner)["typ"] == "logout+jwt"
    assert (await portal.verify(inner))["sid"] == (await portal.verify(id_token))["sid"]


@pytest.fixture
async def server() -> AsyncIterator[ReceivingPortal]:
    """The portal's own server, where its keys lie."""
    async with receiving_portal() as running:
        yield running


def _publishes(server: ReceivingPortal, *keys: Mapping[str, Any]) -> None:
    body = json.dumps({"keys": keys}).encode()
    server.answer = lambda _: status(200, "Content-Type: application/jwk-set+json", body=body)


def _outcome(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


async def test_a_key_set_that_cannot_be_had_uses_up_no_code(
    service: Provider, hoa: Browser, server: ReceivingPortal
) -> None:
    uri = server.at("127.0.0.1", "/jwks")
    portal = await _add(service, "fetched", jwks_uri=uri, **_ways("ECDH-ES", None, "id_token"))
    asked, code = await _code(service, hoa, portal)
    server.answer = lambda _: status(503)
    for _ in range(2):
        assert _outcome(await portal.redeem(asked, code)) == (503, "temporarily_unavailable")
    assert len(server.received) == 1
    service.clock.advance(PAUSE_SECONDS)
    _publishes(server, public_jwk(), public("ECDH-ES"))
    response = await portal.redeem(asked, code)
    assert await portal.verify(opened(response.json()["id_token"])[1])


async def test_a_key_set_without_a_key_for_it_uses_up_no_code(
    service: Provider, hoa: Browser, server: ReceivingPortal
) -> None:
    uri = server.at("127.0.0.1", "/jwks")
    portal = await _add(service, "lacking", jwks_uri=uri, **_ways("ECDH-ES", None, "id_token"))
    _publishes(server, public_jwk(), public("RSA-OAEP-256"))
    asked, code = await _code(service, hoa, portal)
    for _ in range(2):
        response = await portal.redeem(asked, code)
        assert _outcome(response) == (400, "invalid_request")
        assert "ECDH-ES" in response.json()["error_description"]


async def test_user_info_is_not_told_in_the_clear_instead(
    service: Provider, hoa: Browser, server: ReceivingPortal
) -> None:
    uri = server.at("127.0.0.1", "/jwks")
    portal = await _add(service, "silent", jwks_uri=uri, **_ways("ECDH-ES", None, "userinfo"))
    server.answer = lambda _: status(503)
    body = await _body(service, hoa, "silent")
    assert _outcome(await portal.userinfo(body["access_token"])) == (503, "temporarily_unavailable")
    released = [event for event in await service.events("claims_released") if event.client_id == "silent"]
    assert released == []


def test_nothing_leaves_in_the_clear_where_a_key_is_missing() -> None:
    by_reference = client(
        jwks_uri="https://portal.example.gov.vn/jwks", id_token_encrypted_response_alg="ECDH-ES"
    )
    with pytest.raises(NoRecipient):
        encrypted("token", by_reference, by_reference.id_token_encryption)
