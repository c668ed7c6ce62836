"""Parameter pollution (RFC 6749 §3.1 and §3.2): given twice, in two places or in another spelling, nothing is chosen.

A proxy, a filter and we may each read another of two values; so a parameter that is known is given once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx2
import pytest

from idp.oidc.authorization_request import KNOWN_PARAMETERS
from idp.oidc.grant_types import DEVICE_CODE
from idp.oidc.parameters import REPEATABLE
from tests.support.browsing import Browser, Visit
from tests.support.ciba import COUNTER, Counter
from tests.support.delegation import EXCHANGE, admit, granted
from tests.support.devices import TV, add_clients, ask
from tests.support.installation import ISSUER
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA
from tests.support.portals import ASSERTION_TYPE
from tests.support.provider import Ground, Provider

FORM: Final = "application/x-www-form-urlencoded"
EVIL: Final = "https://evil.example/callback"
Pairs = list[tuple[str, str]]

TWICE: Final[Mapping[str, Callable[[Pairs, str, str], Pairs]]] = {
    "the same again": lambda pairs, name, value: [*pairs, (name, value)],
    "the same before": lambda pairs, name, value: [(name, value), *pairs],
    "another behind": lambda pairs, name, _: [*pairs, (name, "evil")],
    "another before": lambda pairs, name, _: [(name, "evil"), *pairs],
    "nothing behind": lambda pairs, name, _: [*pairs, (name, "")],
    "nothing before": lambda pairs, name, _: [(name, ""), *pairs],
    "three times": lambda pairs, name, value: [*pairs, (name, value), (name, "evil")],
}
SPELLINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "as a list": lambda name: f"{name}[]",
    "as the first of a list": lambda name: f"{name}[0]",
    "as a member": lambda name: f"x[{name}]",
    "in capitals": str.upper,
    "with a capital": str.title,
    "with a blank before": lambda name: f" {name}",
    "with a blank behind": lambda name: f"{name} ",
    "with a dot": lambda name: name.replace("_", "."),
    "with a hyphen": lambda name: name.replace("_", "-"),
    "with a letter that looks like another": lambda name: name.replace("e", "\u0435").replace("i", "\u0456"),
    "with a zero-width space": lambda name: f"{name}\u200b",
    "with a language": lambda name: f"{name}#en",
    "doubly encoded": lambda name: quote(name.replace("_", "%5F")),
}


@pytest.fixture(scope="module")
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider with devices and APIs."""
    async with provider_on_sqlite(tmp_path_factory.mktemp("attacks-parameters"), provider_ground) as provider:
        await add_clients(provider, TV, COUNTER)
        await admit(provider)
        yield provider


@pytest.fixture(scope="module")
async def hoa(service: Provider) -> Browser:
    """The browser of somebody who has logged in."""
    browser = service.browser()
    await service.enter("dossiers", HOA, browser)
    return browser


async def _post(
    service: Provider, client_id: str, path: str, pairs: Pairs, *, query: str = ""
) -> httpx2.Response:
    fields, headers = service.portal(client_id).credentials()
    content = urlencode([*fields.items(), *pairs])
    return await service.http().post(
        f"{path}{query}", content=content, headers={**headers, "content-type": FORM}
    )


async def _code(service: Provider, browser: Browser) -> Pairs:
    asked, visit = await service.enter("dossiers", HOA, browser)
    return [
        ("grant_type", "authorization_code"), ("code", visit.code), ("code_verifier", asked.verifier),
        ("redirect_uri", asked.parameters["redirect_uri"]), ("client_id", "dossiers"),
    ]  # fmt: skip


async def _refresh(service: Provider, browser: Browser) -> Pairs:
    tokens = await service.tokens("dossiers", HOA, browser)
    return [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh_token), ("scope", "openid")]


async def _device(service: Provider, _: Browser) -> Pairs:
    device = await ask(service)
    return [("grant_type", DEVICE_CODE), ("device_code", str(device.codes["device_code"]))]


async def _exchange(service: Provider, browser: Browser) -> Pairs:
    token = (await granted(service, browser)).access_token
    kind = "urn:ietf:params:oauth:token-type:access_token"
    return [
        ("grant_type", EXCHANGE), ("subject_token", token), ("subject_token_type", kind),
        ("requested_token_type", kind), ("scope", "openid"),
    ]  # fmt: skip


async def _token(service: Provider, browser: Browser) -> Pairs:
    tokens = await service.tokens("dossiers", HOA, browser)
    return [("token", tokens.access_token), ("token_type_hint", "access_token")]


async def _machine(*_: object) -> Pairs:
    return [
        ("grant_type", "client_credentials"),
        ("scope", "procedures:read"),
        ("client_id", "machine-es256"),
    ]


async def _scope(*_: object) -> Pairs:
    return [("scope", "openid")]


async def _elsewhere(service: Provider, _: Browser) -> Pairs:
    counter = Counter.of(service.portal("call-centre"))
    return [("request", counter.request_object(counter.claims()))]


async def _pushed(service: Provider, _: Browser) -> Pairs:
    return list(service.portal("dossiers").ask().parameters.items())


ASKED: Final[Mapping[str, tuple[str, str, Callable[[Provider, Browser], Awaitable[Pairs]]]]] = {
    "a code": ("dossiers", "/token", _code),
    "a refresh token": ("dossiers", "/token", _refresh),
    "a device code": ("tv", "/token", _device),
    "an exchange": ("dossiers-api", "/token", _exchange),
    "a machine's token": ("machine-es256", "/token", _machine),
    "introspection": ("dossiers", "/introspect", _token),
    "revocation": ("dossiers", "/revoke", _token),
    "codes for a device": ("tv", "/device_authorization", _scope),
    "a request from elsewhere": ("call-centre", "/bc-authorize", _elsewhere),
    "a pushed request": ("dossiers", "/par", _pushed),
}


@pytest.mark.parametrize("what", ASKED)
async def test_a_form_with_a_parameter_twice_asks_nothing(service: Provider, hoa: Browser, what: str) -> None:
    """Every parameter, in every order; afterwards what was sent once still works, so that nothing was used up."""
    client_id, path, prepare = ASKED[what]
    pairs = await prepare(service, hoa)
    for name, value in pairs:
        for how, twice in TWICE.items():
            response = await _post(service, client_id, path, twice(pairs, name, value))
            assert (response.status_code, response.json()["error"]) == (400, "invalid_request"), (
                f"{name}: {how}"
            )
            assert "evil" not in response.text
    response = await _post(service, client_id, path, pairs)
    assert response.status_code in {200, 201} or response.json()["error"] in {
        "authorization_pending",
        "invalid_target",
    }


@pytest.mark.parametrize("name", ["client_id", "client_secret", "client_assertion", "client_assertion_type"])
async def test_credentials_twice_prove_nobody(service: Provider, name: str) -> None:
    by_secret = {"client_id": "legacy-post", "client_secret": str(service.registered["legacy-post"].secret)}
    by_key = {
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": service.portal("machine-es256").assertion(),
    }
    sent = by_secret if name in by_secret else by_key
    pairs = [*sent.items(), ("token", "x")]
    for how, twice in TWICE.items():
        content = urlencode(twice(pairs, name, sent[name]))
        response = await service.http().post("/introspect", content=content, headers={"content-type": FORM})
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request"), how


@pytest.mark.parametrize(
    "path", ["/token", "/introspect", "/revoke", "/device_authorization", "/bc-authorize", "/par"]
)
async def test_what_stands_in_the_address_of_a_form_counts_for_nothing(service: Provider, path: str) -> None:
    """RFC 6749 §2.3.1 and §3.2: it would be in every log. Neither credentials nor what is asked for."""
    secret = str(service.registered["legacy-post"].secret)
    everything = {
        "client_id": "legacy-post",
        "client_secret": secret,
        "token": "x",
        "grant_type": "client_credentials",
    }
    response = await service.http().post(f"{path}?{urlencode(everything)}")
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    query = f"?{urlencode({'client_id': 'evil', 'token': 'evil', 'grant_type': 'evil', 'scope': 'evil'})}"
    response = await _post(service, "machine-es256", path, [("token", "x"), *await _machine()], query=query)
    assert "evil" not in response.text
    assert (
        response.json().get("error", "") in {"", "unauthorized_client", "invalid_scope", "invalid_request"}
        if response.content
        else True
    )


def _refused(visit: Visit) -> str | None:
    return visit.told("error-code") if visit.answer is None else visit.error


_ASKED: Final = {
    "response_mode": "query", "prompt": "none", "display": "page", "max_age": "1000", "ui_locales": "vi",
    "claims_locales": "vi", "acr_values": "LoA1", "claims": "{}", "login_hint": "x", "id_token_hint": "x",
    "request": "x", "request_uri": "https://evil.example/", "registration": "{}",
    "dpop_jkt": "A" * 43, "authorization_details": "[]",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(KNOWN_PARAMETERS - REPEATABLE.keys()))
async def test_an_authorization_request_with_a_parameter_twice_is_refused(
    service: Provider, hoa: Browser, name: str
) -> None:
    """By GET and by POST. Where it makes unsure who asks or where to answer, the person stays here."""
    extra = {name: _ASKED[name]} if name in _ASKED else {}
    pairs = list(service.portal("dossiers").ask(**extra).parameters.items())
    value = dict(pairs)[name]
    for how, twice in TWICE.items():
        sent = twice(pairs, name, EVIL if name == "redirect_uri" and "another" in how else value)
        for visit in (await hoa.open(f"/authorize?{urlencode(sent)}"), await hoa.post("/authorize", sent)):
            assert _refused(visit), how
            assert "code" not in (visit.answer or {}), how
            assert visit.address.partition("?")[0] in {
                "https://dossiers.example/callback",
                f"{ISSUER}/authorize",
            } or (visit.address.startswith(f"{ISSUER}/interaction/")), how
            if name in {"client_id", "redirect_uri"}:
                assert visit.answer is None, how


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_another_spelling_is_another_parameter(service: Provider, hoa: Browser, spelling: str) -> None:
    """What a framework would fold into one is unknown here, and ignored (RFC 6749 §3.1)."""
    spelled, portal = SPELLINGS[spelling], service.portal("dossiers")
    changed: Any = {
        "redirect_uri": EVIL,
        "response_mode": "form_post",
        "scope": "nothing",
        "client_id": "province",
    }
    asked = portal.ask(prompt="none")
    for name, value in changed.items():
        if spelled(name) == name:
            continue
        visit = await hoa.open(f"{asked.address}&{urlencode({spelled(name): value})}")
        assert visit.address.startswith("https://dossiers.example/callback?code="), name
    pairs = await _code(service, hoa)
    beside = [(spelled(name), "evil") for name, _ in pairs if spelled(name) != name]
    assert (await _post(service, "dossiers", "/token", [*pairs, *beside])).status_code == 200
    only = [(spelled(name), value) for name, value in await _code(service, hoa)]
    assert (await _post(service, "dossiers", "/token", only)).json()["error"] == "invalid_request"


async def test_an_encoded_name_is_the_same_parameter(service: Provider, hoa: Browser) -> None:
    asked = service.portal("dossiers").ask(prompt="none")
    visit = await hoa.open(f"{asked.address}&redirect%5Furi={quote(EVIL, safe='')}")
    assert visit.answer is None
    assert visit.status == 400


async def test_a_semicolon_separates_nothing(service: Provider, hoa: Browser) -> None:
    """WHATWG URL §5.1: once it did, and old filters still think so."""
    asked = service.portal("dossiers").ask("state", prompt="none")
    visit = await hoa.open(f"{asked.address}&state=a;redirect_uri={quote(EVIL, safe='')};client_id=province")
    assert visit.address.startswith("https://dossiers.example/callback?code=")
    assert visit.given["state"] == f"a;redirect_uri={EVIL};client_id=province"


async def test_what_stands_in_the_address_of_a_post_is_no_request(service: Provider, hoa: Browser) -> None:
    """RFC 6749 §3.1: by POST the parameters are in the body."""
    portal = service.portal("dossiers")
    asked = portal.ask(prompt="none")
    address = f"/authorize?{urlencode({'redirect_uri': EVIL, 'client_id': 'province', 'state': 'evil'})}"
    visit = await hoa.post(address, list(asked.parameters.items()))
    assert visit.answer is None or visit.given["state"] == asked.parameters["state"]
    assert "evil.example" not in visit.address
    assert (await hoa.post(f"/authorize?{urlencode(asked.parameters)}", [])).answer is None


@pytest.mark.parametrize(
    ("header", "form", "query"),
    [
        ("{0}", [("access_token", "{0}")], ""),
        ("{0}", [("access_token", "evil")], ""),
        ("evil", [("access_token", "{0}")], ""),
        ("", [("access_token", "{0}"), ("access_token", "{0}")], ""),
        ("", [("access_token", "{0}"), ("access_token", "evil")], ""),
        ("", [("access_token", "evil"), ("access_token", "{0}")], ""),
        ("", [("access_token", ""), ("access_token", "{0}")], ""),
        ("", [], "?access_token={0}"),
        ("", [("Access_Token", "{0}")], ""),
        ("", [("access_token[]", "{0}")], ""),
    ],
)
async def test_an_access_token_is_sent_once_and_in_one_way(
    service: Provider, hoa: Browser, header: str, form: Pairs, query: str
) -> None:
    """RFC 6750 §2: and never in an address (§2.3, RFC 9700 §4.3.2)."""
    token = (await service.tokens("dossiers", HOA, hoa)).access_token
    headers = {"content-type": FORM}
    if header:
        headers["authorization"] = f"Bearer {header.format(token)}"
    content = urlencode([(name, value.format(token)) for name, value in form])
    response = await service.http().post(f"/userinfo{query.format(token)}", content=content, headers=headers)
    assert response.status_code in {400, 401}
    assert HOA.name not in response.text
