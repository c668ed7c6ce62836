"""RFC 9111 and RFC 9110 §13 at `jwks_uri`: what a cache may do with the key set, and for how long."""

from __future__ import annotations

import re
from typing import Final

import pytest

from idp.app import build
from keys import policy
from tests.support.on_sqlite import on_sqlite
from tests.support.portals import Portal
from tests.support.provider import Provider

pytestmark = on_sqlite

JWKS_URI: Final = "/jwks"
DIRECTIVES: Final = {f"max-age={policy.JWKS_CACHE_SECONDS}", "must-revalidate"}


def directives(field: str) -> set[str]:
    return {one.strip() for one in field.split(",")}


def signed(portal: Portal) -> str:
    return f"{JWKS_URI}?client_assertion={portal.assertion(aud=f'{portal.issuer}{JWKS_URI}')}"


async def test_anybody_may_keep_it_as_long_as_policy_says(service: Provider) -> None:
    response = await service.http().get(JWKS_URI)
    assert directives(response.headers["cache-control"]) == {"public", *DIRECTIVES}
    assert re.fullmatch(r'"[\w-]{22}"', response.headers["etag"]), "strong: octet by octet the same"
    assert response.headers["content-type"] == "application/json"
    assert response.headers["access-control-allow-origin"] == "*"


async def test_nothing_in_a_request_changes_it_so_nothing_varies(service: Provider) -> None:
    plain = await service.http().get(JWKS_URI)
    assert "vary" not in plain.headers
    for headers in (
        {"accept": "text/html"},
        {"accept-language": "en"},
        {"accept-encoding": "gzip, br"},
        {"origin": "https://portal.example"},
        {"cookie": "__Host-session=x"},
        {"authorization": "Bearer x"},
        {"user-agent": "x"},
    ):
        other = await service.http().get(JWKS_URI, headers=headers)
        varying = {"x-request-id"}
        assert other.content == plain.content
        assert {name: value for name, value in other.headers.items() if name not in varying} == {
            name: value for name, value in plain.headers.items() if name not in varying
        }


@pytest.mark.parametrize("good", [True, False])
async def test_a_signed_query_gets_the_same_keys_for_its_own_cache(service: Provider, *, good: bool) -> None:
    plain = await service.http().get(JWKS_URI)
    address = signed(service.portal("ministry")) if good else f"{JWKS_URI}?client_assertion=x"
    response = await service.http().get(address)
    assert (response.status_code, response.content) == (200, plain.content)
    assert response.headers["etag"] == plain.headers["etag"]
    assert directives(response.headers["cache-control"]) == {"private", *DIRECTIVES}
    assert "vary" not in response.headers
    again = await service.http().get(address, headers={"if-none-match": plain.headers["etag"]})
    assert again.status_code == 304
    assert again.headers["cache-control"] == response.headers["cache-control"]


@pytest.mark.parametrize(
    "query",
    [
        "client_assertion=",
        "client_assertion=%",
        "client_assertion=%ff",
        "client_assertion=%00",
        "client_assertion=a&client_assertion=b",
        "client_assertion=" + "x" * 8000,
        "client_assertion_type=x",
        "a=b",
        "&" * 300,
        "a=b&" * 300,
    ],
)
async def test_whatever_the_query_says_the_keys_are_given(service: Provider, query: str) -> None:
    plain = await service.http().get(JWKS_URI)
    response = await service.http().get(f"{JWKS_URI}?{query}")
    assert (response.status_code, response.content) == (200, plain.content)


async def test_every_worker_gives_the_same_tag_for_the_same_set(service: Provider) -> None:
    first = await service.http().get(JWKS_URI)
    for _ in range(2):
        app = build(service.settings, access_log=service.log, clock=service.clock)
        async with app.running():
            other = await service.portal("ministry", app=app).http.get(JWKS_URI)
            assert (other.headers["etag"], other.content) == (first.headers["etag"], first.content)
            known = {"if-none-match": first.headers["etag"]}
            again = await service.portal("ministry", app=app).http.get(JWKS_URI, headers=known)
            assert again.status_code == 304


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        ("{tag}", True),
        ("W/{tag}", True),
        ('"a", {tag}', True),
        ('{tag}, "a"', True),
        ('W/"a",W/{tag}', True),
        ('"a" , {tag} , "b"', True),
        ("*", True),
        (" * ", True),
        ('"a,b", {tag}', True),
        ('"a"', False),
        ('W/"a", "b"', False),
        ("{bare}", False),
        ('"*"', False),
        ('"{bare}x"', False),
        ('"', False),
        ("", False),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_if_none_match(service: Provider, method: str, asked: str, *, known: bool) -> None:
    tag = (await service.http().get(JWKS_URI)).headers["etag"]
    headers = {"if-none-match": asked.format(tag=tag, bare=tag.strip('"'))}
    response = await service.http().request(method, JWKS_URI, headers=headers)
    assert response.status_code == (304 if known else 200)
    assert response.headers["etag"] == tag
    assert bool(response.content) is (method == "GET" and not known)


async def test_if_modified_since_is_no_condition(service: Provider) -> None:
    headers = {"if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    assert (await service.http().get(JWKS_URI, headers=headers)).status_code == 200


async def test_head_says_what_get_would_send(service: Provider) -> None:
    get, head = await service.http().get(JWKS_URI), await service.http().head(JWKS_URI)
    assert head.content == b""
    for name in ("etag", "cache-control", "content-type"):
        assert head.headers[name] == get.headers[name]
