"""RFC 6750: bearer tokens at a protected resource, which here is UserInfo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import httpx2
import pytest

from keys.policy import FAPI_ALGORITHMS
from tests.support.browsing import Browser
from tests.support.installation import ISSUER
from tests.support.on_sqlite import on_sqlite
from tests.support.population import HOA
from tests.support.portals import Tokens
from tests.support.provider import Provider

pytestmark = on_sqlite

CHALLENGE: Final = f'Bearer realm="{ISSUER}"'
BARE: Final = f'{CHALLENGE}, DPoP algs="{" ".join(FAPI_ALGORITHMS)}"'
"""Without an error, and with the other scheme that there is (RFC 9449 §7.2)."""
FORM: Final = "application/x-www-form-urlencoded"


def check_challenge(response: httpx2.Response, status: int, error: str) -> None:
    """A refusal as §3 wants it: the code in the challenge and, for developers, in the body."""
    assert response.status_code == status, response.text
    challenge = response.headers["www-authenticate"]
    assert challenge.startswith(f'{CHALLENGE}, error="{error}"'), challenge
    assert response.json()["error"] == error
    assert response.headers["cache-control"] == "no-store"


@pytest.fixture(scope="module")
async def given(service: Provider, hoa: Browser) -> Tokens:
    """Tokens that no test here revokes."""
    return await service.tokens("dossiers", HOA, hoa)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_token_in_the_header(service: Provider, given: Tokens, method: str, scheme: str) -> None:
    response = await service.http().request(
        method, "/userinfo", headers={"authorization": f"{scheme} {given.access_token}"}
    )
    assert response.status_code == 200, response.text
    assert response.json()["sub"] == given.sub
    assert response.headers["cache-control"] == "no-store"


async def test_the_token_in_the_form(service: Provider, given: Tokens) -> None:
    response = await service.http().post("/userinfo", data={"access_token": given.access_token})
    assert (response.status_code, response.json()["sub"]) == (200, given.sub)


async def test_the_token_is_not_read_from_the_address(service: Provider, given: Tokens) -> None:
    for method in ("GET", "POST"):
        response = await service.http().request(
            method, "/userinfo", params={"access_token": given.access_token}
        )
        assert (response.status_code, response.headers["www-authenticate"]) == (401, BARE)


async def test_the_form_of_a_get_is_not_read(service: Provider, given: Tokens) -> None:
    response = await service.http().request("GET", "/userinfo", data={"access_token": given.access_token})
    assert response.status_code == 401


async def test_one_way_at_a_time(service: Provider, given: Tokens) -> None:
    header = {"authorization": f"Bearer {given.access_token}"}
    twice: dict[str, list[str]] = {"access_token": [given.access_token, given.access_token]}
    for headers, form in ((header, {"access_token": [given.access_token]}), ({}, twice)):
        response = await service.http().post("/userinfo", data=form, headers=headers)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/json", "text/plain"])
async def test_the_body_is_a_form(service: Provider, kind: str) -> None:
    response = await service.http().post(
        "/userinfo", content=b"access_token=x", headers={"content-type": kind}
    )
    assert response.status_code == 415


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Basic YTpi"},
        {"authorization": "DPoP "},
        {"authorization": ""},
        {"cookie": "session=x"},
    ],
)
async def test_without_a_token_there_is_a_challenge_without_an_error(
    service: Provider, headers: Mapping[str, str]
) -> None:
    response = await service.http().get("/userinfo", headers=headers)
    assert (response.status_code, response.headers["www-authenticate"]) == (401, BARE)


@pytest.mark.parametrize(
    "token",
    ["x", "a.b.c", "..", "e30.e30.", "é.é.é", "x" * 8000, "a b", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."],
)
async def test_what_is_no_token_of_ours(service: Provider, token: str) -> None:
    headers = {b"authorization": f"Bearer {token}".encode("latin-1")}
    check_challenge(await service.http().get("/userinfo", headers=headers), 401, "invalid_token")
    response = await service.http().post("/userinfo", data={"access_token": token})
    check_challenge(response, 401, "invalid_token")


async def test_other_tokens_are_no_access_tokens(service: Provider, given: Tokens) -> None:
    for token in (given.id_token, given.refresh_token):
        check_challenge(await service.portal("dossiers").userinfo(token), 401, "invalid_token")


async def test_a_token_for_another_resource(service: Provider) -> None:
    machine = await service.portal("machine-es256").post("/token", grant_type="client_credentials")
    response = await service.portal("machine-es256").userinfo(machine.json()["access_token"])
    check_challenge(response, 401, "invalid_token")


async def test_a_token_that_allows_too_little(service: Provider, hoa: Browser) -> None:
    portal = service.portal("dossiers")
    wide = await service.tokens("dossiers", HOA, hoa)
    narrow = await portal.refresh(wide.refresh_token, scope="profile")
    machine = await service.portal("api").post("/token", grant_type="client_credentials")
    for token in (narrow.json()["access_token"], machine.json()["access_token"]):
        check_challenge(await portal.userinfo(token), 403, "insufficient_scope")


async def test_a_changed_token(service: Provider, given: Tokens) -> None:
    header, payload, signature = given.access_token.split(".")
    other = given.id_token.split(".")
    for token in (
        f"{header}.{payload}.{signature[:-2]}AA",
        f"{header}.{other[1]}.{signature}",
        f"{other[0]}.{payload}.{signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"{given.access_token}=",
        f"{given.access_token}.x",
    ):
        check_challenge(await service.portal("dossiers").userinfo(token), 401, "invalid_token")


async def test_a_token_lives_five_minutes(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("dossiers")
    given = await provider.tokens("dossiers", HOA)
    provider.clock.advance(299)
    assert (await portal.userinfo(given.access_token)).status_code == 200
    provider.clock.advance(1)
    check_challenge(await portal.userinfo(given.access_token), 401, "invalid_token")


async def test_the_access_log_has_no_token(service: Provider, given: Tokens) -> None:
    await service.portal("dossiers").userinfo(given.access_token)
    record = service.log.kept[-1]
    assert (record["route"], record["client_id"]) == ("/userinfo", "dossiers")
    assert given.access_token not in str(record)
