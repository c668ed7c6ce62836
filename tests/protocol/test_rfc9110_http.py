"""RFC 9110 and around it: what every address does with HTTP itself, before any rule of OpenID Connect."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx2
import pytest

from idp.endpoints.routes import ROUTES
from tests.support.answers import check_headers
from tests.support.browsing import Browser
from tests.support.on_sqlite import on_sqlite
from tests.support.provider import Provider

pytestmark = on_sqlite

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND")
ADDRESSES: Final = [(re.sub(r"\{[\w:]+\}", "x", route.path), route) for route in ROUTES]
POSTS: Final = [address for address, route in ADDRESSES if "POST" in route.methods]
TAKES_JSON: Final = "/register"  # what bodies it refuses besides: test_rfc7591_attacks
TAKE_FORMS: Final = [address for address in POSTS if address != TAKES_JSON]
DOCUMENTS: Final = ("/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
PAGES: Final = ("/", "/account", "/activate", "/logout", "/interaction/x", "/authorize", "/nowhere")


async def send_raw(service: Provider, target: bytes, *headers: tuple[bytes, bytes]) -> httpx2.Response:
    """A GET whose address and headers no client library has tidied up."""
    path, _, query = target.partition(b"?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": path.decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "headers": [(b"host", b"sso.example.gov.vn"), *headers],
        "client": ("198.51.100.7", 50000),
        "server": ("sso.example.gov.vn", 443),
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    app: Any = service.transport().app
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return httpx2.Response(sent[0]["status"], headers=sent[0]["headers"], content=body)


@pytest.mark.parametrize(("address", "route"), ADDRESSES)
async def test_methods(service: Provider, address: str, route: Any) -> None:
    known = route.methods.keys() | ({"HEAD"} if "GET" in route.methods else set())
    for method in METHODS:
        response = await service.http().request(method, address)
        check_headers(response)
        if method not in known:
            assert response.status_code == 405, method
            assert response.headers["allow"] == ", ".join(sorted(known))
        else:
            assert response.status_code not in {405, 500, 501}, method


@pytest.mark.parametrize("address", [*DOCUMENTS, *PAGES, "/health/live", "/health/ready", "/userinfo"])
async def test_head_is_get_without_the_content(service: Provider, address: str) -> None:
    get, head = await service.http().get(address), await service.http().head(address)
    varying = {"x-fapi-interaction-id", "x-request-id", "set-cookie", "content-length", "location"}
    assert head.status_code == get.status_code
    assert {name: value for name, value in head.headers.items() if name not in varying} == {
        name: value for name, value in get.headers.items() if name not in varying
    }


@pytest.mark.parametrize(
    "address",
    [
        "/nowhere",
        "/token/",
        "//token",
        "/Token",
        "/static/x.css",
        "/static/../keys",
        "/interaction/",
        "/.git/config",
    ],
)
async def test_nothing_is_there(service: Provider, address: str) -> None:
    for accept, kind in (("text/html", "text/html"), ("*/*", "application/json")):
        response = await send_raw(service, address.encode(), (b"accept", accept.encode()))
        assert response.status_code == 404
        check_headers(response)
        if not address.startswith(("/static", "/interaction")):
            assert response.headers["content-type"].startswith(kind)
        assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("language", "said"), [("vi", 'lang="vi"'), ("en-GB,en;q=0.9", 'lang="en"')])
async def test_a_missing_page_is_told_in_the_persons_language(
    service: Provider, language: str, said: str
) -> None:
    headers = {"accept": "text/html", "accept-language": language}
    response = await service.http().get("/<script>x</script>", headers=headers)
    assert (response.status_code, said in response.text) == (404, True)
    assert "<script>x" not in response.text


@pytest.mark.parametrize("address", POSTS)
@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_of_ten_megabytes(service: Provider, address: str, *, announced: bool) -> None:
    taken = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(160):
            taken += 1
            yield b"a=" + b"x" * (1 << 16)

    content: Any = b"a=" + b"x" * (10 << 20) if announced else chunks()
    response = await service.http().post(address, content=content, headers={"content-type": FORM})
    assert response.status_code == 413
    assert response.headers["connection"] == "close"
    assert taken <= 2, "the rest is not waited for"
    check_headers(response)


@pytest.mark.parametrize("address", POSTS)
@pytest.mark.parametrize("kind", ["other", "text/plain", "multipart/form-data; boundary=x", "utf-16"])
async def test_a_body_of_another_type(service: Provider, address: str, kind: str) -> None:
    taken, other = (JSON, FORM) if address == TAKES_JSON else (FORM, JSON)
    kind = {"other": other, "utf-16": f"{taken}; charset=utf-16"}.get(kind, kind)
    response = await service.http().post(address, content=b"a=b", headers={"content-type": kind})
    assert response.status_code == 415
    check_headers(response)


async def test_a_compressed_body(service: Provider) -> None:
    headers = {"content-type": FORM, "content-encoding": "gzip"}
    response = await service.http().post("/token", content=b"a=b", headers=headers)
    assert response.status_code == 415


@pytest.mark.parametrize("address", TAKE_FORMS)
@pytest.mark.parametrize(
    ("form", "status"),
    [
        (b"a=%", 400),
        (b"a=%zz", 400),
        (b"%=b", 400),
        (b"a=%f", 400),
        (b"a=%ff", 400),
        (b"a=%ed%a0%80", 400),
        (b"a=%c0%80", 400),
        (b"a=\xff", 400),
        (b"a=%00", 400),
        (b"a=\x00", 400),
        (b"%00=b", 400),
        (b"&".join(b"a%d=b" % number for number in range(101)), 413),
        (b"a=b&" * 101, 413),
    ],
)
async def test_a_form_that_cannot_be_read(service: Provider, address: str, form: bytes, status: int) -> None:
    response = await service.http().post(address, content=form, headers={"content-type": FORM})
    assert response.status_code == status
    check_headers(response)


@pytest.mark.parametrize("address", ["/authorize", "/logout"])
@pytest.mark.parametrize(
    ("query", "status"),
    [
        (b"state=%", 400),
        (b"state=%zz", 400),
        (b"state=%ff", 400),
        (b"state=%00", 400),
        (b"%00=state", 400),
        (b"state=\xc3", 400),
        (b"a=b&" * 101, 413),
        (b"state=" + b"x" * 8200, 414),
    ],
)
async def test_an_address_that_cannot_be_read(
    service: Provider, address: str, query: bytes, status: int
) -> None:
    response = await send_raw(service, address.encode() + b"?" + query)
    assert response.status_code == status
    check_headers(response)


@pytest.mark.parametrize(
    "address", sorted({address for address, route in ADDRESSES if "GET" in route.methods})
)
@pytest.mark.parametrize("query", [b"x=\xa5", b"lang=\xff", b"x=%ff", b"x=\xa5&" + b"y" * 4_100])
async def test_octets_that_are_no_text_break_no_page(service: Provider, address: str, query: bytes) -> None:
    response = await send_raw(service, address.encode() + b"?" + query, (b"accept", b"text/html"))
    assert response.status_code < 500
    check_headers(response)


async def test_addresses_have_an_end(service: Provider) -> None:
    for target in (b"/" + b"x" * 1024, b"/?" + b"x" * 8193, b"/token?" + b"x" * 65536):
        response = await send_raw(service, target)
        assert response.status_code == 414
        check_headers(response)


@pytest.mark.parametrize("address", ["/", "/token", "/jwks", "/nowhere"])
async def test_heads_have_an_end(service: Provider, address: str) -> None:
    many = [(b"x-%d" % number, b"x") for number in range(64)]
    for headers in (many, [(b"x-long", b"x" * 32768)], [(b"cookie", b"a=b; " * 8000)]):
        response = await send_raw(service, address.encode(), *headers)
        assert response.status_code == 431
        check_headers(response)


@pytest.mark.parametrize(
    "name", ["authorization", "content-length", "content-type", "host", "if-none-match", "origin"]
)
async def test_headers_that_decide_something_are_sent_once(service: Provider, name: str) -> None:
    twice = [(name.encode(), b"1"), (name.encode(), b"1")]
    assert (await send_raw(service, b"/jwks", *twice)).status_code == 400


@pytest.mark.parametrize("length", [b"-1", b"abc", b"1e3", b"+5", b"", b"99999999999999999999"])
async def test_a_length_is_a_number(service: Provider, length: bytes) -> None:
    response = await send_raw(service, b"/jwks", (b"content-length", length))
    assert response.status_code == (413 if length.isdigit() else 400)


async def style_sheet(service: Provider) -> str:
    page = (await service.http().get("/")).text
    found = re.search(r'href="(/static/[^"]+\.css)"', page)
    assert found
    return found[1]


@pytest.mark.parametrize("address", [*DOCUMENTS, "style sheet"])
async def test_what_is_known_is_not_sent_again(service: Provider, address: str) -> None:
    address = await style_sheet(service) if address == "style sheet" else address
    first = await service.http().get(address)
    etag = first.headers["etag"]
    assert re.fullmatch(r'"[\w-]+"', etag)
    for asked in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = await service.http().get(address, headers={"if-none-match": asked})
        assert (again.status_code, again.content) == (304, b"")
        for name in ("etag", "cache-control"):
            assert again.headers[name] == first.headers[name]
        assert "content-length" not in again.headers
        check_headers(again)
    for asked in ('"other"', etag.strip('"'), "", "W/"):
        again = await service.http().get(address, headers={"if-none-match": asked})
        assert (again.status_code, again.content) == (200, first.content)


@pytest.mark.parametrize(
    ("asked", "coding"),
    [("gzip", "gzip"), ("br, GZIP;q=0.5", "gzip"), ("gzip;q=0", None), ("br", None), ("identity", None)],
)
async def test_the_style_sheet_is_kept_for_ever(service: Provider, asked: str, coding: str | None) -> None:
    address = await style_sheet(service)
    response = await service.http().get(address, headers={"accept-encoding": asked})
    assert response.headers["content-type"] == "text/css; charset=utf-8"
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["vary"] == "accept-encoding"
    assert response.headers.get("content-encoding") == coding
    plain = await service.http().get(address, headers={"accept-encoding": "identity"})
    assert response.text == plain.text
    assert (response.headers["etag"] == plain.headers["etag"]) is (coding is None)


@pytest.mark.parametrize("address", [*PAGES, "/userinfo", "/health/live", "/health/ready"])
async def test_everything_else_is_not_kept(service: Provider, hoa: Browser, address: str) -> None:
    for http in (service.http(), hoa.http):
        response = await http.get(address)
        assert response.headers["cache-control"] == "no-store"
        assert "etag" not in response.headers


async def test_redirects_keep_to_the_rules(service: Provider, hoa: Browser) -> None:
    asked = service.portal("dossiers").ask()
    to_portal = await hoa.http.get(asked.address)
    to_page = await service.http().get(asked.address)
    for response in (to_portal, to_page):
        assert (response.status_code, response.content) == (303, b"")
        assert response.headers["cache-control"] == "no-store"
        check_headers(response)
    assert to_page.headers["location"].startswith("/interaction/"), "made of no header that a stranger sends"


async def test_cookies_are_bound_to_the_host(service: Provider) -> None:
    response = await service.browser().http.get(service.portal("dossiers").ask().address)
    cookies = response.headers.get_list("set-cookie")
    assert cookies
    for cookie in cookies:
        name, _, attributes = cookie.partition(";")
        assert name.startswith("__Host-")
        parts = {part.strip().lower() for part in attributes.split(";")}
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= parts
        assert not any(part.startswith("domain") for part in parts)


async def test_requests_are_numbered_by_us(service: Provider) -> None:
    sent = {"x-request-id": "chosen-by-a-stranger"}
    ids = {(await service.http().get("/jwks", headers=sent)).headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5
    assert "chosen-by-a-stranger" not in ids


@pytest.mark.parametrize("content", [b"a=%zz-my-secret", b"a=%00-my-secret", b"grant_type=my-secret"])
async def test_a_refusal_repeats_nothing(service: Provider, content: bytes) -> None:
    for address in POSTS:
        response = await service.http().post(address, content=content, headers={"content-type": FORM})
        assert b"my-secret" not in response.content
