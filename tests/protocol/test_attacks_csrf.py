"""RFC 9700 §4.7, RFC 6749 §10.12: no form of ours is sent by another site, in every way that a site could try.

Each form is attacked as it stands on a page, with everything right but its origin. What it asks for happens only then,
when the person sends it: so nothing of the attacks has used it up.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
import pytest

from idp.endpoints.routes import ROUTES
from idp.http.routing import Kind
from tests.support.authenticator import PAGE, add_app, open_page, press, read_secret
from tests.support.authenticator import App as AuthenticatorApp
from tests.support.browsing import Browser, Form, Visit
from tests.support.ciba import COUNTER, REQUESTS, Counter, open_requests, request_id
from tests.support.devices import TV, add_clients, arrive, ask
from tests.support.installation import ISSUER
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import AN, HEN, HOA, KHANG, MAI, SUONG, Citizen
from tests.support.provider import PASSWORD, Ground, Provider

FORM_TYPE: Final = "application/x-www-form-urlencoded"
BROWSER: Final = "__Host-motcua-browser"
LEVEL_2: Final = '{"id_token":{"acr":{"essential":true,"values":["LoA2"]}}}'
Fields = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Target:
    """A form on its page, filled as the person would; `others` is the token of another browser."""

    browser: Browser
    address: str
    fields: Fields
    others: str

    @property
    def token(self) -> str:
        """The page's own token."""
        return dict(self.fields)["csrf_token"]

    def without(self) -> Fields:
        """Everything but the token."""
        return [pair for pair in self.fields if pair[0] != "csrf_token"]

    async def post(self, fields: Fields, *, query: str = "", **headers: str) -> httpx2.Response:
        """Send fields from this browser."""
        sent = {"content-type": FORM_TYPE} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return await self.browser.http.post(f"{self.address}{query}", content=urlencode(fields), headers=sent)

    async def with_token(self, *tokens: str, **headers: str) -> httpx2.Response:
        """Send it with other tokens."""
        return await self.post([*self.without(), *(("csrf_token", token) for token in tokens)], **headers)

    async def raw(self, content: str, kind: str) -> httpx2.Response:
        """Send a body of another type."""
        return await self.browser.http.post(self.address, content=content, headers={"content-type": kind})


def _masked(token: str, mask: int) -> str:
    """The same token, with one octet of it changed."""
    raw = bytearray(base64.urlsafe_b64decode(token))
    raw[mask] ^= 1
    return base64.urlsafe_b64encode(bytes(raw)).decode()


async def _without_cookie(target: Target) -> httpx2.Response:
    stranger = httpx2.AsyncClient(transport=target.browser.http._transport, base_url=ISSUER)  # noqa: SLF001
    return await stranger.post(target.address, data=dict(target.fields))


async def _planted_twice(target: Target) -> httpx2.Response:
    """A second cookie of the same name, from whoever could plant one: then neither counts."""
    cookies = "; ".join(f"{name}={value}" for name, value in target.browser.cookies.items())
    stranger = httpx2.AsyncClient(transport=target.browser.http._transport, base_url=ISSUER)  # noqa: SLF001
    headers = {"cookie": f"{cookies}; {BROWSER}={'A' * 43}"}
    return await stranger.post(target.address, data=dict(target.fields), headers=headers)


ATTACKS: Final[Mapping[str, Callable[[Target], Awaitable[httpx2.Response]]]] = {
    "no token": lambda t: t.post(t.without()),
    "an empty token": lambda t: t.with_token(""),
    "a made-up token": lambda t: t.with_token("A" * 88),
    "a token that is no base64": lambda t: t.with_token("đ"),
    "a token cut short": lambda t: t.with_token(t.token[:44]),
    "a token with another mask": lambda t: t.with_token(_masked(t.token, 0)),
    "a token with another content": lambda t: t.with_token(_masked(t.token, 40)),
    "the token of another browser": lambda t: t.with_token(t.others),
    "the token twice": lambda t: t.with_token(t.token, t.token),
    "the token and another": lambda t: t.with_token(t.token, t.others),
    "another token and the token": lambda t: t.with_token(t.others, t.token),
    "the token in the address": lambda t: t.post(t.without(), query=f"?{urlencode({'csrf_token': t.token})}"),
    "the token in a header": lambda t: t.post(t.without(), x_csrf_token=t.token),
    "the token under another name": lambda t: t.post([*t.without(), ("_csrf", t.token)]),
    "the token's name in capitals": lambda t: t.post([*t.without(), ("CSRF_TOKEN", t.token)]),
    "the cookie in place of the token": lambda t: t.with_token(t.browser.cookies[BROWSER]),
    "from another site": lambda t: t.post(t.fields, sec_fetch_site="cross-site"),
    "from another host of the site": lambda t: t.post(t.fields, sec_fetch_site="same-site"),
    "from nowhere that there is": lambda t: t.post(t.fields, sec_fetch_site="x"),
    "from another origin": lambda t: t.post(t.fields, origin="https://evil.example"),
    "from our origin without TLS": lambda t: t.post(t.fields, origin=ISSUER.replace("https", "http")),
    "from another port": lambda t: t.post(t.fields, origin=f"{ISSUER}:8443"),
    "from a host that begins like ours": lambda t: t.post(t.fields, origin=f"{ISSUER}.evil.example"),
    "from a host that ends like ours": lambda t: t.post(t.fields, origin="https://evilsso.example.gov.vn"),
    "from a file, with the token of another": lambda t: t.with_token(t.others, origin="null"),
    "without any cookie": _without_cookie,
    "with the cookie planted twice": _planted_twice,
    "as plain text": lambda t: t.raw(urlencode(t.fields), "text/plain"),
    "as JSON": lambda t: t.raw(json.dumps(dict(t.fields)), "application/json"),
    "as JSON in plain text": lambda t: t.raw(json.dumps(dict(t.fields)), "text/plain"),
    "as parts": lambda t: t.raw(
        "".join(f'--x\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in t.fields) + "--x--",
        "multipart/form-data; boundary=x",
    ),
    "by PUT": lambda t: t.browser.http.put(t.address, data=dict(t.fields)),
    "by DELETE": lambda t: t.browser.http.delete(t.address),
}  # fmt: skip


@pytest.fixture(scope="module")
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider with a device."""
    async with provider_on_sqlite(tmp_path_factory.mktemp("attacks-csrf"), provider_ground) as provider:
        await add_clients(provider, TV, COUNTER)
        yield provider


async def _login(service: Provider) -> tuple[Visit, Fields]:
    _, visit = await service.portal("dossiers").send(service.browser())
    return visit, [("personal_number", AN.number), ("password", PASSWORD)]


async def _cancel(service: Provider) -> tuple[Visit, Fields]:
    visit, _ = await _login(service)
    return visit, []


async def _consent(service: Provider) -> tuple[Visit, Fields]:
    _, visit = await service.portal("province").send(service.browser(), scope="openid profile")
    return await service.sign_in(visit, AN), [("decision", "allow"), ("claim", "name")]


async def _representation(service: Provider) -> tuple[Visit, Fields]:
    _, visit = await service.portal("enterprise").send(service.browser())
    return await service.sign_in(visit, MAI), [("acting_for", "self")]


async def _second_factor(service: Provider) -> tuple[Visit, Fields]:
    app = await add_app(service, service.browser(), KHANG)
    _, visit = await service.portal("ministry").send(service.browser(), claims=LEVEL_2)
    return await service.sign_in(visit, KHANG), [("code", app.code())]


async def _confirm(service: Provider) -> tuple[Visit, Fields]:
    return await arrive(service, service.browser(), await ask(service), HOA), [("decision", "confirm")]


async def _device(service: Provider) -> tuple[Visit, Fields]:
    return await service.browser().open("/device"), [("user_code", (await ask(service)).user_code)]


async def _activate(service: Provider) -> tuple[Visit, Fields]:
    code = await service.activation_code(HEN)
    return await service.browser().open("/activate"), [("personal_number", HEN.number), ("code", code)]


async def _new_password(service: Provider) -> tuple[Visit, Fields]:
    visit, typed = await _activate(service)
    return await visit.submit(**dict(typed)), [("password", PASSWORD), ("password_again", PASSWORD)]


async def _authenticator(service: Provider) -> tuple[Visit, Fields]:
    return await open_page(service, service.browser(), AN), []


async def _code_of_the_app(service: Provider) -> tuple[Visit, Fields]:
    visit = await press(await open_page(service, service.browser(), AN), "/begin")
    return visit, [("code", AuthenticatorApp(read_secret(visit), service.clock).code())]


def _with_app(
    citizen: Citizen, *fields: tuple[str, str]
) -> Callable[[Provider], Awaitable[tuple[Visit, Fields]]]:
    async def prepare(service: Provider) -> tuple[Visit, Fields]:
        browser = service.browser()
        await add_app(service, browser, citizen)
        return await browser.open(PAGE), list(fields)

    return prepare


async def _account(service: Provider) -> tuple[Visit, Fields]:
    browser, other = service.browser(), service.browser()
    for one in (other, browser):
        await service.enter("province", HOA, one, scope="openid profile")
    return await browser.open("/account"), []


async def _asked(service: Provider) -> tuple[Visit, Fields]:
    asked = await Counter.of(service.portal("call-centre")).ask_for()
    visit = await open_requests(service.browser())
    return visit, [("refuse", request_id(asked))]


async def _logout(service: Provider) -> tuple[Visit, Fields]:
    visit, _ = await _account(service)
    return await visit.browser.open("/logout"), [("decision", "logout")]


FORMS: Final[Mapping[str, Callable[[Provider], Awaitable[tuple[Visit, Fields]]]]] = {
    "/interaction/{interaction_id}/login": _login,
    "/interaction/{interaction_id}/cancel": _cancel,
    "/interaction/{interaction_id}/consent": _consent,
    "/interaction/{interaction_id}/representation": _representation,
    "/interaction/{interaction_id}/second-factor": _second_factor,
    "/interaction/{interaction_id}/confirm": _confirm,
    "/device": _device,
    "/activate": _activate,
    "/activate/password": _new_password,
    "/account/authenticator/begin": _authenticator,
    "/account/authenticator/confirm": _code_of_the_app,
    "/account/authenticator/when": _with_app(SUONG, ("when", "always")),
    "/account/authenticator/remove": _with_app(MAI),
    "/account/requests": _asked,
    "/account/sessions/end": _account,
    "/account/sessions/end-others": _account,
    "/account/consents/withdraw": _account,
    "/logout": _logout,
}


def _form_of(visit: Visit, path: str) -> Form:
    ending = path.rpartition("}")[2]
    found = [form for form in visit.forms if form.action.partition("?")[0].endswith(ending)]
    assert found, f"no form for {path}: {visit.status} {visit.forms}"
    return found[0]


async def _target(service: Provider, path: str) -> Target:
    visit, typed = await FORMS[path](service)
    form = _form_of(visit, path)
    named = {name for name, _ in typed}
    choices = [pair for pair in form.choices if pair[0] in {"session", "consent"}][:1]
    kept = [pair for pair in form.values if pair[0] not in named]
    other = await service.browser().open("/activate")
    others = dict(other.forms[0].values)["csrf_token"]
    return Target(visit.browser, form.action, [*kept, *typed, *choices], others)


def test_no_form_is_left_out() -> None:
    posts = {route.path for route in ROUTES if route.kind is Kind.PAGE and "POST" in route.methods}
    assert set(FORMS) == posts - {"/authorize"}, "a portal sends people there from its own site"


@pytest.mark.parametrize("path", FORMS)
async def test_no_other_site_sends_our_forms(service: Provider, path: str) -> None:
    target = await _target(service, path)
    sessions_before = target.browser.cookies.get("__Host-motcua-session")
    for name, attack in ATTACKS.items():
        response = await attack(target)
        assert response.status_code in {403, 405, 415}, f"{name}: {response.status_code}"
        assert "location" not in response.headers, name
        assert "__Host-motcua-session" not in response.headers.get("set-cookie", ""), name
    assert target.browser.cookies.get("__Host-motcua-session") == sessions_before
    visit = await target.browser.post(target.address, target.fields)
    assert visit.status < 400, "nothing of it used up the person's own"


GETS: Final = [path for path in FORMS if path.startswith(("/interaction", "/account/")) and path != REQUESTS]


@pytest.mark.parametrize("path", GETS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_an_address_alone_does_nothing(service: Provider, path: str, method: str) -> None:
    """No image, link or prefetch of another site acts: RFC 9110 §9.2.1."""
    address = path.replace("{interaction_id}", "x")
    response = await service.http().request(method, address, params={"decision": "allow"})
    assert response.status_code == 405


async def test_an_authorization_request_from_another_site_acts_for_nobody(service: Provider) -> None:
    """It may be sent by anybody, and ends nothing by itself: consent to what is new is asked on our own page."""
    browser = service.browser()
    await service.enter("dossiers", HOA, browser)
    asked: dict[str, Any] = dict(service.portal("hospital").ask().parameters)
    visit = await browser.post("/authorize", list(asked.items()))
    assert visit.offers(decision="allow")
    assert visit.answer is None
