"""JWT Secured Authorization Response Mode (JARM): answers that are signed, and encrypted for who wants them so."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import orjson
import pytest
from sqlalchemy import func, select

from idp.oidc.authorization_response import LIFETIME
from idp.store.schema import grants
from tests.support.browsing import Browser, Visit
from tests.support.devices import add_clients
from tests.support.fapi import SIGNING, FapiPortal
from tests.support.installation import ISSUER
from tests.support.jarm import claims_of, decrypted, encryption_key, unwrapped
from tests.support.on_sqlite import on_sqlite
from tests.support.population import HOA
from tests.support.portals import REGISTRATIONS, Portal
from tests.support.provider import Provider
from tests.support.suite import sent_on

pytestmark = on_sqlite

MODES: Final = ("jwt", "query.jwt", "form_post.jwt")
ALGORITHMS: Final = ("ES256", "PS256", "EdDSA", "RS256")
KEY: Final = encryption_key("ECDH-ES")
_GRANTS: Final = select(func.count().label("number")).select_from(grants)


@pytest.fixture
async def signing(service: Provider) -> FapiPortal:
    return await FapiPortal.register(service, SIGNING)


@pytest.fixture
async def known(service: Provider, signing: FapiPortal, hoa: Browser) -> Browser:
    """The browser of somebody whom the portals know."""
    await signing.enter(service, HOA, hoa)
    return hoa


async def _client(service: Provider, client_id: str, **metadata: Any) -> Portal:
    """A client like `dossiers`, which need neither push nor sign."""
    if client_id not in service.registered:
        host = f"https://{client_id}.example"
        described = {
            **REGISTRATIONS["dossiers"],
            "client_id": client_id,
            "redirect_uris": [f"{host}/callback"],
        }
        await add_clients(service, {**described, "post_logout_redirect_uris": [], **metadata})
    return service.portal(client_id)


async def _encrypting(service: Provider) -> Portal:
    ways = {
        "authorization_encrypted_response_alg": "ECDH-ES",
        "authorization_encrypted_response_enc": "A256GCM",
    }
    jwks = {"keys": [orjson.loads(KEY.export_public())]}
    return await _client(service, "encrypting", jwks=jwks, **ways)


class TestTheAnswer:
    """JARM §2."""

    @pytest.mark.parametrize("mode", MODES)
    async def test_is_one_parameter(self, service: Provider, hoa: Browser, mode: str) -> None:
        portal = service.portal("dossiers")
        asked, visit = await portal.send(hoa, response_mode=mode)
        by_form = mode.startswith("form_post")
        if by_form:
            assert visit.response.headers["content-security-policy"].count("https://dossiers.example") == 1
        visit = await sent_on(visit)
        sent = parse_qsl(urlsplit(visit.address).query)
        assert [name for name, _ in sent] == ([] if by_form else ["response"])
        assert urlsplit(visit.address).fragment == ""
        claims = await claims_of(portal, visit)
        assert claims.keys() == {"iss", "aud", "iat", "exp", "code", "state"}
        assert (claims["iss"], claims["aud"]) == (ISSUER, "dossiers")
        assert claims["exp"] - claims["iat"] == LIFETIME
        assert claims["state"] == asked.parameters["state"]
        assert (await portal.tokens(asked, await unwrapped(portal, visit))).sub

    @pytest.mark.parametrize("state", ["Cổng số 1 – đã gửi", "s" * 1000, '"><script>', "a&code=stolen"])
    async def test_says_the_state_as_it_came(self, service: Provider, hoa: Browser, state: str) -> None:
        _, visit = await service.portal("dossiers").send(hoa, response_mode="jwt", state=state)
        assert (await claims_of(service.portal("dossiers"), visit))["state"] == state

    async def test_says_no_state_where_none_came(self, service: Provider, hoa: Browser) -> None:
        portal = service.portal("dossiers")
        visit = await hoa.open(portal.ask("state", response_mode="jwt").address)
        assert "state" not in await claims_of(portal, visit)

    @pytest.mark.parametrize("alg", ALGORITHMS)
    async def test_is_signed_as_registered(self, service: Provider, hoa: Browser, alg: str) -> None:
        portal = await _client(service, f"signed-{alg.lower()}", authorization_signed_response_alg=alg)
        visit = await service.settle((await portal.send(hoa, response_mode="jwt"))[1])
        header = jwt.get_unverified_header(visit.given["response"])
        assert (header["alg"], header["typ"]) == (alg, "JWT")
        assert (await unwrapped(portal, visit)).code

    async def test_leads_to_an_address_with_a_query(self, service: Provider, known: Browser) -> None:
        portal = await FapiPortal.register(service, SIGNING)
        _, visit = await portal.send(known, redirect_uri=SIGNING["redirect_uris"][1])
        assert visit.address.startswith(SIGNING["redirect_uris"][1] + "&response=")


class TestRefusals:
    """JARM §2.1: errors are told in the same way."""

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize(
        ("error", "changes"),
        [
            ("login_required", {"prompt": "none"}),
            ("unsupported_response_type", {"response_type": "token"}),
            ("invalid_scope", {"scope": "profile"}),
            ("invalid_request", {"code_challenge_method": "plain"}),
        ],
    )
    async def test_an_error_without_a_page(
        self, service: Provider, mode: str, error: str, changes: dict[str, str]
    ) -> None:
        portal = service.portal("dossiers")
        asked, visit = await portal.send(service.browser(), response_mode=mode, **changes)
        claims = await claims_of(portal, await sent_on(visit))
        assert claims["error"] == error
        assert claims["state"] == asked.parameters["state"]
        assert claims.keys() <= {"iss", "aud", "iat", "exp", "error", "error_description", "state"}

    async def test_the_person_goes_back(self, service: Provider, signing: FapiPortal) -> None:
        browser = service.browser()
        _, visit = await signing.send(browser)
        back = await browser.post(f"{visit.path}/cancel", visit.forms[0].filled([]))
        assert (await claims_of(signing, back))["error"] == "access_denied"

    async def test_a_request_that_was_not_pushed(self, signing: FapiPortal, hoa: Browser) -> None:
        """There is no mode in which this client is told anything plainly."""
        for mode in ("jwt", "query", "form_post", "fragment"):
            visit = await sent_on(await hoa.open(signing.ask(response_mode=mode).address))
            assert (await claims_of(signing, visit))["error"] == "invalid_request"


class TestWhoIsAnsweredInNoOtherWay:
    """FAPI 2.0 Message Signing §5.4."""

    @pytest.mark.parametrize("mode", ["query", "form_post", "fragment", "fragment.jwt", "web_message"])
    async def test_by_profile(self, signing: FapiPortal, mode: str) -> None:
        answer = (await signing.push(response_mode=mode)).response
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert "jwt, query.jwt, form_post.jwt" in answer.json()["error_description"]

    async def test_what_is_not_said_means_query(self, signing: FapiPortal) -> None:
        answer = (await signing.push("response_mode")).response
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    @pytest.mark.parametrize("mode", ["", "query", "form_post"])
    async def test_by_registered_encryption(self, service: Provider, hoa: Browser, mode: str) -> None:
        """An address that somebody changed on the way gets nothing in the clear."""
        portal = await _encrypting(service)
        visit = await hoa.open(portal.ask(response_mode=mode).address)
        assert (await claims_of(portal, visit, KEY))["error"] == "invalid_request"

    @pytest.mark.parametrize("mode", MODES)
    async def test_every_mode_of_the_profile(self, signing: FapiPortal, known: Browser, mode: str) -> None:
        asked, visit = await signing.send(known, response_mode=mode)
        assert (await signing.tokens(asked, await sent_on(visit))).sub


class TestEncryption:
    """JARM §3: signed, then encrypted."""

    async def test_only_the_client_reads_it(self, service: Provider, hoa: Browser) -> None:
        portal = await _encrypting(service)
        asked, visit = await portal.send(hoa, response_mode="jwt")
        visit = await service.settle(visit)
        header, inner = decrypted(visit.given["response"], KEY)
        assert (header["alg"], header["enc"], header["kid"], header["cty"]) == (
            "ECDH-ES", "A256GCM", "for-me", "JWT",
        )  # fmt: skip
        assert jwt.get_unverified_header(inner)["alg"] == "ES256"
        assert (await portal.tokens(asked, await unwrapped(portal, visit, KEY))).sub

    async def test_who_cannot_be_answered_gets_no_code(self, service: Provider, hoa: Browser) -> None:
        """Its key cannot be had: the person is told, and nothing is granted or used up."""
        portal = await _client(
            service,
            "keyless",
            jwks_uri="https://127.0.0.1:9/jwks",
            authorization_encrypted_response_alg="ECDH-ES",
        )
        before = await service.db.fetch_one(_GRANTS)
        asked = portal.ask(response_mode="jwt")
        name = (await portal.post("/par", **asked.parameters)).json()["request_uri"]
        address = f"{ISSUER}/authorize?{urlencode({'client_id': 'keyless', 'request_uri': name})}"
        visit = await hoa.open(address)
        if visit.offers(decision="continue"):
            visit = await visit.submit(decision="continue")
        assert _is_told(visit)
        assert await service.db.fetch_one(_GRANTS) == before
        again = await hoa.open(address)
        assert "invalid_request_uri" not in again.text
        refused = await hoa.open(portal.ask(response_mode="jwt", scope="profile").address)
        assert _is_told(refused)


def _is_told(visit: Visit) -> bool:
    shown = (visit.answer, visit.status, visit.told("error-code")) == (None, 503, "unanswerable")
    return shown and 'id="back" href="https://dossiers.example/"' in visit.text


async def test_an_answer_passes_for_no_id_token(service: Provider, hoa: Browser) -> None:
    """Both are signed by the same keys and of the type JWT; only one has a subject (RFC 8725 §3.12)."""
    portal = service.portal("dossiers")
    _, visit = await portal.send(hoa, response_mode="jwt")
    token = visit.given["response"]
    _, refused = await portal.send(hoa, id_token_hint=token)
    assert refused.error == "invalid_request"
    page = await hoa.open(f"{ISSUER}/logout?{urlencode({'id_token_hint': token})}")
    assert (page.status, page.told("error-code")) == (400, "invalid_logout_hint")
