"""Cache poisoning and clickjacking: what is kept is the same for everybody, what is somebody's is never kept or framed.

Every route of the table is asked, so that a new one is looked at too.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import httpx2
import pytest

from idp.endpoints.routes import ROUTES
from idp.http.routing import Kind
from tests.support.answers import check_headers
from tests.support.browsing import Browser
from tests.support.installation import ISSUER
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA
from tests.support.provider import HOME, Ground, Provider

EVIL: Final = "evil.example"
PROXY: Final = "10.1.2.3"
KEPT: Final = (
    "/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server",
    "/.well-known/key-log/checkpoint",
)  # fmt: skip
PAGES: Final = (
    "/",
    "/account",
    "/activate",
    "/device",
    "/logout",
    "/account/authenticator",
    "/nowhere",
    f"/?x={'y' * 4_200}",
)
FORWARDED: Final[Mapping[str, Mapping[str, str]]] = {
    "Host": {"host": EVIL},
    "Host with a port": {"host": "sso.example.gov.vn:8443"},
    "Host with a path": {"host": f"{EVIL}/x?y"},
    "Host with user information": {"host": f"sso.example.gov.vn@{EVIL}"},
    "Host with markup": {"host": '"><script>fuzz()</script>'},
    "Host of a private machine": {"host": "127.0.0.1"},
    "X-Forwarded-Host": {"x-forwarded-host": EVIL},
    "two of X-Forwarded-Host": {"x-forwarded-host": f"sso.example.gov.vn, {EVIL}"},
    "X-Forwarded-Server": {"x-forwarded-server": EVIL},
    "X-Host": {"x-host": EVIL, "x-http-host-override": EVIL},
    "Forwarded": {"forwarded": f"for=1.2.3.4;host={EVIL};proto=http"},
    "X-Forwarded-Proto": {"x-forwarded-proto": "http"},
    "X-Forwarded-Scheme": {"x-forwarded-scheme": "http", "x-forwarded-ssl": "off", "front-end-https": "off"},
    "X-Forwarded-Port": {"x-forwarded-port": "80"},
    "X-Forwarded-Prefix": {"x-forwarded-prefix": f"//{EVIL}", "x-script-name": f"//{EVIL}"},
    "X-Original-URL": {"x-original-url": "/account", "x-rewrite-url": "/account"},
    "X-HTTP-Method-Override": {"x-http-method-override": "POST", "x-method-override": "DELETE"},
    "X-Forwarded-For": {"x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1", "true-client-ip": "127.0.0.1"},
    "User-Agent": {"user-agent": '"><script>fuzz()</script>'},
    "Referer": {"referer": f"https://{EVIL}/"},
    "Origin": {"origin": f"https://{EVIL}"},
    "Accept": {"accept": "application/x-evil"},
    "Accept-Language": {"accept-language": '"><script>fuzz()</script>'},
    "Range": {"range": "bytes=0-3"},
    "a cookie": {"cookie": "motcua-language=en; x=y"},
    "Authorization": {"authorization": "Bearer x"},
}  # fmt: skip
"""What a stranger may send along, by what it tries."""
UNKEYED: Final = (
    "?x=y", "?lang=en", "?utm_source=x", "?callback=alert", "?jsonp=alert", "?x=%22%3E%3Cscript%3E", "?iss=https://evil.example",
    "?client_id=x", "?_=1", "??", "?;",
)  # fmt: skip


@pytest.fixture(scope="module")
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider behind one proxy of its own."""
    folder = tmp_path_factory.mktemp("attacks-caches")
    async with provider_on_sqlite(folder, provider_ground, trusted_proxies=("10.1.2.0/24",)) as provider:
        yield provider


@pytest.fixture(scope="module")
async def hoa(service: Provider) -> Browser:
    """The browser of somebody who has logged in."""
    browser = service.browser()
    await service.enter("dossiers", HOA, browser)
    return browser


_OF_ONE_ANSWER: Final = {"x-request-id", "set-cookie"}


def _lasting(response: httpx2.Response) -> tuple[int, dict[str, str], bytes]:
    """What a cache would keep, but for what is of this one answer: its id, the token of its forms."""
    headers = {name: value for name, value in response.headers.items() if name not in _OF_ONE_ANSWER}
    body = re.sub(rb'name="csrf_token" value="[^"]+"', b"", response.content)
    return response.status_code, headers, re.sub(rb"[0-9a-f]{16}", b"", body)


async def _location(response: httpx2.Response) -> str:
    return re.sub(r"/interaction/[\w-]{22}", "/interaction/x", response.headers.get("location", ""))


@pytest.mark.parametrize("address", KEPT)
@pytest.mark.parametrize("peer", [HOME, PROXY])
async def test_no_header_changes_what_is_kept(service: Provider, address: str, peer: str) -> None:
    """Whatever is sent along, and whoever sends it: all caches hold the same octets under the same rules."""
    plain = _lasting(await service.http().get(address))
    for name, headers in FORWARDED.items():
        response = await service.http(peer).get(address, headers=headers)
        assert _lasting(response) == plain, name
        assert "set-cookie" not in response.headers, name
    assert EVIL not in str(plain)


@pytest.mark.parametrize("address", KEPT)
async def test_no_parameter_changes_what_is_kept(service: Provider, address: str) -> None:
    plain = _lasting(await service.http().get(address))
    for query in UNKEYED:
        assert _lasting(await service.http().get(f"{address}{query}")) == plain, query


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("peer", [HOME, PROXY])
async def test_no_header_leads_elsewhere(service: Provider, hoa: Browser, address: str, peer: str) -> None:
    """Pages, redirects and cookies are made of the issuer alone; a proxy of ours is believed about addresses only."""
    for browser in (None, hoa):
        cookies = browser.cookies if browser else {}
        header = (
            {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}
        )
        common = {"accept": "text/html", **header}
        plain = await service.http(peer).get(address, headers=common)
        for name, headers in FORWARDED.items():
            if name in {"Accept", "a cookie", "Accept-Language"}:
                continue
            response = await service.http(peer).get(address, headers={**common, **headers})
            assert response.status_code == plain.status_code, name
            assert await _location(response) == await _location(plain), name
            assert EVIL.encode() not in response.content, name
            assert b"<script>fuzz" not in response.content, name
            assert all("secure" in cookie.lower() for cookie in response.headers.get_list("set-cookie")), name
            check_headers(response)


@pytest.mark.parametrize("peer", [HOME, PROXY])
@pytest.mark.parametrize(
    "name", [name for name in FORWARDED if "ost" in name or "roto" in name or name == "Forwarded"]
)
async def test_no_header_changes_where_a_person_is_sent(
    service: Provider, hoa: Browser, name: str, peer: str
) -> None:
    asked = service.portal("dossiers").ask(prompt="none")
    cookies = "; ".join(f"{key}={value}" for key, value in hoa.cookies.items())
    headers = {"cookie": cookies, **FORWARDED[name]}
    response = await service.http(peer).get(asked.address, headers=headers)
    assert response.status_code == 303
    assert response.headers["location"].startswith("https://dossiers.example/callback?code=")
    assert response.headers["location"].endswith("iss=https%3A%2F%2Fsso.example.gov.vn")


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "203.0.113.200"}, {"forwarded": "for=203.0.113.200"}, {"x-real-ip": "203.0.113.200"},
        {"client-ip": "203.0.113.200"}, {"cf-connecting-ip": "203.0.113.200"}, {"x-client-ip": "203.0.113.200"},
    ],
)  # fmt: skip
async def test_a_stranger_does_not_choose_an_address(service: Provider, headers: dict[str, str]) -> None:
    """Else nobody who guesses would ever be slowed down, and others would be in their place."""
    await service.http("192.0.2.200").get("/jwks", headers=headers)
    assert service.log.kept[-1]["network"] == "192.0.2.0/24"


@pytest.mark.parametrize(
    "ending",
    [
        "/x.css", "/x.js", "/logo.png", ";x.css", ";.css", "%2Fx.css", "%00.css", "%0A.css", "%3F.css", "%23.css",
        ".css", "/.css",
        "/..%2fstatic/x.css", "//static/x.css", "/%2e%2e/static/x.css", "\\x.css", "%5Cx.css", "/favicon.ico",
        "/robots.txt",
    ],
)  # fmt: skip
@pytest.mark.parametrize("page", ["/account", "/userinfo", "/account/authenticator"])
async def test_nobodys_page_passes_for_a_picture(
    service: Provider, hoa: Browser, page: str, ending: str
) -> None:
    """Web cache deception: an address that a cache takes for a file shows nothing that is somebody's."""
    response = await hoa.http.get(f"{page}{ending}")
    assert response.status_code in {400, 404}
    assert response.headers["cache-control"] == "no-store"
    assert HOA.name not in response.text
    assert HOA.number not in response.text


_GETS: Final[Sequence[Any]] = [route for route in ROUTES if "GET" in route.methods]


@pytest.mark.parametrize("route", _GETS, ids=[route.path for route in _GETS])
async def test_what_is_shown_is_neither_framed_nor_kept(service: Provider, hoa: Browser, route: Any) -> None:
    """Clickjacking, and what the next person at the same computer or proxy finds (RFC 9700 §4.16)."""
    address = re.sub(r"\{[\w:]+\}", "x", route.path)
    for http in (service.http(), hoa.http):
        response = await http.get(address, headers={"accept": "text/html"})
        check_headers(response)
        assert response.headers["cross-origin-resource-policy"] in {"same-origin", "cross-origin"}
        control = response.headers["cache-control"]
        if route.kind is Kind.PAGE:
            assert control == "no-store"
            assert response.headers["cross-origin-resource-policy"] == "same-origin"
            assert "access-control-allow-origin" not in response.headers
        if control != "no-store":
            assert control == "no-cache" or control.startswith("public, ")
            assert response.status_code == 200
            assert "set-cookie" not in response.headers


async def test_pages_on_the_way_to_a_portal_are_neither_framed_nor_kept(service: Provider) -> None:
    browser = service.browser()
    asked = service.portal("province").ask(response_mode="form_post", scope="openid profile", prompt="login")
    login = await browser.open(asked.address)
    wrong = await service.sign_in(login, HOA, "sai")
    consent = await service.sign_in(wrong, HOA)
    form = next(form for form in consent.forms if form.takes([("decision", "allow")]))
    fields = dict(form.filled([("decision", "allow"), ("claim", "name")]))
    posted = await browser.http.post(form.action, data=fields)
    for response in (login.response, wrong.response, consent.response, posted):
        check_headers(response)
        assert response.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in response.headers
    stale = await browser.open(consent.path)
    assert stale.response.headers["cache-control"] == "no-store"


async def test_an_answer_that_differs_by_origin_says_so(service: Provider) -> None:
    """`Vary` (RFC 9110 §12.5.5) on everything that a script of one origin may read and another may not."""
    for method, path in (
        ("POST", "/token"),
        ("POST", "/userinfo"),
        ("GET", "/userinfo"),
        ("POST", "/revoke"),
    ):
        for origin in (None, "https://spa.example", f"https://{EVIL}"):
            headers = {} if origin is None else {"origin": origin}
            response = await service.http().request(method, path, headers=headers)
            varies = "origin" in response.headers.get("vary", "")
            assert varies or response.headers["cache-control"] == "no-store"
            assert response.headers.get("access-control-allow-origin") in {None, "https://spa.example"}


@pytest.mark.parametrize("address", ["/.well-known/key-log/tile/0/000", "/static/x.css", "/logo/nobody"])
async def test_what_is_missing_is_not_remembered(service: Provider, address: str) -> None:
    response = await service.http().get(address)
    if response.status_code == 404:
        assert response.headers["cache-control"] == "no-store"
    assert ISSUER not in response.headers.get("location", "")
