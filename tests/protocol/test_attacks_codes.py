"""RFC 9700 §4.4 and §4.5: codes in other hands, and answers that another provider could pass for its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from tests.fuzz.live import READER
from tests.support.browsing import Browser
from tests.support.installation import ISSUER
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import AN, HOA
from tests.support.portals import ASSERTION_TYPE, Asked, register
from tests.support.provider import NOW, Ground, Provider
from tests.support.request_objects import signed, unsigned


@pytest.fixture(scope="module")
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider with a client that sends request objects."""
    async with provider_on_sqlite(tmp_path_factory.mktemp("attacks-codes"), provider_ground) as provider:
        reader, kept = register(READER, NOW - 60)
        await provider.db.write(kept)
        provider.registered["reader"] = reader
        yield provider


@pytest.fixture(scope="module")
async def hoa(service: Provider) -> Browser:
    """The browser of somebody who has logged in."""
    browser = service.browser()
    for client_id in ("dossiers", "legacy-basic", "reader"):
        await service.enter(client_id, HOA, browser)
    return browser


@pytest.fixture(scope="module")
async def an(service: Provider) -> Browser:
    """The browser of the attacker, who has an account as well."""
    browser = service.browser()
    await service.enter("dossiers", AN, browser)
    return browser


Bring = Callable[[Provider, Asked, str, Asked], Awaitable[httpx2.Response]]
"""How a stolen code is brought: with the request that it is of, and the attacker's own."""


def _by(client_id: str, /, **changes: str) -> Bring:
    async def bring(service: Provider, asked: Asked, code: str, _: Asked) -> httpx2.Response:
        return await service.portal(client_id).redeem(asked, code, **changes)

    return bring


def _anonymously(**form: str) -> Bring:
    async def bring(service: Provider, asked: Asked, code: str, _: Asked) -> httpx2.Response:
        sent = {
            "grant_type": "authorization_code", "code": code, "code_verifier": asked.verifier,
            "redirect_uri": asked.parameters["redirect_uri"],
        }  # fmt: skip
        return await service.http().post("/token", data=sent | form)

    return bring


async def _in_its_own_flow(service: Provider, _: Asked, code: str, own: Asked) -> httpx2.Response:
    return await service.portal("dossiers").redeem(own, code)


async def _with_the_challenge(service: Provider, asked: Asked, code: str, _: Asked) -> httpx2.Response:
    challenge = asked.parameters["code_challenge"]
    return await service.portal("dossiers").redeem(asked, code, code_verifier=challenge)


async def _as_another_grant(service: Provider, asked: Asked, code: str, _: Asked) -> httpx2.Response:
    return await service.portal("dossiers").redeem(
        asked, code, grant_type="refresh_token", refresh_token=code
    )


def _spelled(change: Callable[[str], str]) -> Bring:
    async def bring(service: Provider, asked: Asked, code: str, _: Asked) -> httpx2.Response:
        return await service.portal("dossiers").redeem(asked, change(code))

    return bring


BY_PROVEN_CLIENTS: Final[Mapping[str, Bring]] = {
    "by another portal": _by("library"),
    "by a portal of another kind": _by("province"),
    "by an app": _by("app"),
}
BY_OTHERS: Final[Mapping[str, Bring]] = {
    "by a machine": _by("machine-es256"),
    "by a protected resource": _by("api"),
    "by nobody": _anonymously(),
    "in the client's name, without its secret": _anonymously(client_id="dossiers"),
    "in the client's name, with an empty secret": _anonymously(client_id="dossiers", client_secret=""),
    "in the client's name, with another's secret": _anonymously(client_id="dossiers", client_secret="x" * 43),
    "by an app, in the client's name": _by("app", client_id="dossiers"),
    "as a refresh token": _as_another_grant,
    "in capitals": _spelled(str.upper),
    "with a blank": _spelled(lambda code: f"{code} "),
    "with padding": _spelled(lambda code: f"{code}="),
    "cut short": _spelled(lambda code: code[:-1]),
    "twice in one": _spelled(lambda code: code + code),
}
BY_THE_CLIENT: Final[Mapping[str, Bring]] = {
    "in the attacker's flow": _in_its_own_flow,
    "without a verifier": _by("dossiers", code_verifier=""),
    "with the challenge as verifier": _with_the_challenge,
    "with a short verifier": _by("dossiers", code_verifier="x"),
    "with the verifier of nobody": _by("dossiers", code_verifier="x" * 43),
    "without the redirect address": _by("dossiers", redirect_uri=""),
    "with another redirect address": _by("dossiers", redirect_uri="https://dossiers.example/other"),
}


async def _stolen(service: Provider, hoa: Browser, an: Browser) -> tuple[Asked, str, Asked]:
    asked, visit = await service.enter("dossiers", HOA, hoa)
    own, _ = await service.enter("dossiers", AN, an)
    return asked, visit.code, own


@pytest.mark.parametrize("how", BY_PROVEN_CLIENTS)
async def test_a_code_in_the_hands_of_another_client_is_worth_nothing_any_more(
    service: Provider, hoa: Browser, an: Browser, how: str
) -> None:
    """It has leaked: neither that client nor, after it, anybody else is given tokens for it."""
    asked, code, own = await _stolen(service, hoa, an)
    for response in (
        await BY_PROVEN_CLIENTS[how](service, asked, code, own),
        await service.portal("dossiers").redeem(asked, code),
    ):
        assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("how", BY_OTHERS)
async def test_a_stolen_code_gives_others_nothing(
    service: Provider, hoa: Browser, an: Browser, how: str
) -> None:
    """And it still works where it belongs: who proves nothing cannot even spoil it."""
    asked, code, own = await _stolen(service, hoa, an)
    response = await BY_OTHERS[how](service, asked, code, own)
    assert response.status_code in {400, 401}
    assert "token" not in response.json()
    assert (await service.portal("dossiers").redeem(asked, code)).status_code == 200


@pytest.mark.parametrize("how", BY_THE_CLIENT)
async def test_a_stolen_code_is_not_injected_into_a_portal(
    service: Provider, hoa: Browser, an: Browser, how: str
) -> None:
    """The portal itself redeems it, in a flow that the attacker began (RFC 9700 §4.5.3.1)."""
    asked, code, own = await _stolen(service, hoa, an)
    response = await BY_THE_CLIENT[how](service, asked, code, own)
    assert (response.status_code, response.json()["error"]) in {
        (400, "invalid_grant"),
        (400, "invalid_request"),
    }
    assert "token" not in response.json()


async def test_an_old_portal_sees_an_injected_code_by_its_nonce(service: Provider, hoa: Browser) -> None:
    """§4.5.3.2: without PKCE the ID token says which flow the code is of."""
    portal = service.portal("legacy-basic")
    asked = portal.ask("code_challenge", "code_challenge_method", scope="openid")
    visit = await service.settle(await hoa.open(asked.address))
    own = portal.ask("code_challenge", "code_challenge_method", scope="openid")
    form = {"grant_type": "authorization_code", "code": visit.code, "redirect_uri": portal.redirect_uri}
    tokens = await portal.read(await portal.post("/token", **form))
    assert tokens.claims["nonce"] == asked.parameters["nonce"] != own.parameters["nonce"]


async def test_a_code_of_one_browser_shows_nothing_to_another(service: Provider, hoa: Browser) -> None:
    """A code is in no page, no cookie and no log of ours."""
    asked, visit = await service.enter("dossiers", HOA, hoa)
    pages = [await hoa.open(path) for path in ("/", "/account", "/logout")]
    assert all(visit.code not in page.text for page in pages)
    assert visit.code not in str(service.log.kept)
    assert visit.code not in str(dict(hoa.cookies))
    assert asked.verifier not in str(service.log.kept)


OUTCOMES: Final[Mapping[str, tuple[str, dict[str, str]]]] = {
    "a code": ("", {"prompt": "none"}),
    "nobody is signed in": ("login_required", {"prompt": "none"}),
    "contradicting prompts": ("invalid_request", {"prompt": "none login"}),
    "another response type": ("unsupported_response_type", {"response_type": "token"}),
    "no challenge": ("invalid_request", {"code_challenge": ""}),
    "a plain challenge": ("invalid_request", {"code_challenge_method": "plain"}),
    "claims that are none": ("invalid_request", {"claims": "["}),
    "a hint that is none": ("invalid_request", {"id_token_hint": "x"}),
    "a request object of a client without": ("request_not_supported", {"request": unsigned({})}),
    "a reference of a client without": ("request_uri_not_supported", {"request_uri": "https://x.example/"}),
    "a registration in the request": ("registration_not_supported", {"registration": "{}"}),
    "an unknown response mode": ("invalid_request", {"response_mode": "web_message"}),
    "a resource of nobody": ("invalid_target", {"resource": "https://nobody.example"}),
    "a max_age that is none": ("invalid_request", {"max_age": "-1"}),
}
"""The error that is answered, by what leads to it; the second has a browser without a session."""


@pytest.mark.parametrize("mode", ["query", "form_post"])
@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_every_answer_says_whose_it_is(
    service: Provider, hoa: Browser, outcome: str, mode: str
) -> None:
    """RFC 9207 §2: a portal of several providers knows by `iss` which one answered, success or error."""
    error, changes = OUTCOMES[outcome]
    browser = service.browser() if error == "login_required" else hoa
    asked = service.portal("dossiers").ask(**{"response_mode": mode, **changes})
    visit = await browser.open(asked.address)
    given: Mapping[str, str] = visit.answer or dict(visit.forms[0].values)
    assert given.get("error", "") == error, given
    assert (given["iss"], given["state"]) == (ISSUER, asked.parameters["state"])
    assert ("code" in given) == (not error)


@pytest.mark.parametrize(
    "inside", [{"iss": "evil"}, {"aud": "https://other.example"}, {"exp": 1}, {"prompt": "none login"}]
)
async def test_an_answer_to_a_request_object_says_whose_it_is(
    service: Provider, hoa: Browser, inside: dict[str, Any]
) -> None:
    asked = service.portal("reader").ask(prompt="none")
    token = signed({"iss": "reader", "aud": ISSUER, "exp": NOW + 300, **inside})
    visit = await hoa.open(f"{asked.address}&request={token}")
    assert visit.given["iss"] == ISSUER
    assert visit.error in {"invalid_request_object", "invalid_request"}


async def test_cancelling_and_refusing_say_whose_it_is(service: Provider) -> None:
    _, visit = await service.portal("dossiers").send(service.browser())
    cancel = next(form for form in visit.forms if form.action.endswith("/cancel"))
    cancelled = await visit.browser.post(cancel.action, cancel.filled(cancel.choices[:1]))
    _, visit = await service.portal("province").send(service.browser(), scope="openid profile")
    denied = await (await service.sign_in(visit, HOA)).submit(decision="deny")
    for answered in (cancelled, denied):
        assert (answered.error, answered.given["iss"]) == ("access_denied", ISSUER)


async def test_both_documents_and_all_tokens_name_one_issuer(service: Provider, hoa: Browser) -> None:
    """RFC 8414 §3.3, RFC 9700 §4.4.2.1: what a portal compares is the same everywhere."""
    names = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
    documents = [(await service.http().get(name)).json() for name in names]
    assert {document["issuer"] for document in documents} == {ISSUER}
    assert all(document["authorization_response_iss_parameter_supported"] for document in documents)
    tokens = await service.tokens("dossiers", HOA, hoa)
    assert tokens.claims["iss"] == ISSUER
    assert (await service.portal("dossiers").introspect(tokens.access_token))["iss"] == ISSUER
    addresses = [value for name, value in documents[0].items() if name.endswith(("_endpoint", "_uri"))]
    assert all(urlsplit(str(address)).netloc == urlsplit(ISSUER).netloc for address in addresses)


@pytest.mark.parametrize(
    "audience",
    [
        "https://other.example", f"{ISSUER}.evil.example", f"{ISSUER}/", f"{ISSUER}/jwks", ISSUER.upper(), "",
        [ISSUER, "https://other.example"], ["https://other.example", f"{ISSUER}/token"], [], [[ISSUER]],
        {"a": ISSUER}, None, 7,
    ],
)  # fmt: skip
async def test_an_assertion_for_another_provider_proves_nothing_here(
    service: Provider, audience: Any
) -> None:
    """A provider that a portal uses as well could bring it here (RFC 7523 §3, audience injection)."""
    form = {
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": service.portal("machine-es256").assertion(aud=audience),
        "grant_type": "client_credentials",
    }
    response = await service.http().post("/token", data=form)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


async def test_a_portal_may_use_one_address_for_each_provider(service: Provider, hoa: Browser) -> None:
    """§4.4.2.2: the query of a registered address stays as it is, so that it can name the provider."""
    portal = service.portal("dossiers")
    visit = await hoa.open(portal.ask(prompt="none").address)
    answered = parse_qsl(urlsplit(visit.address).query)
    assert [name for name, _ in answered] == ["code", "state", "iss"]
