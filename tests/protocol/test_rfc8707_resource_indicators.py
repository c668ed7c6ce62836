"""RFC 8707: resource indicators. A token opens what it names, and a request can name no more than is registered."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import pytest

from idp.errors import InvalidTarget
from idp.oidc.resource import (
    machine_audience,
    person_audience,
    read_resources,
    requested_resources,
    within_grant,
)
from tests.support.browsing import Browser
from tests.support.delegation import DOSSIERS, ELSEWHERE, LAND, TAXES, admit, change, granted, post, read
from tests.support.installation import ISSUER
from tests.support.oidc_rules import client
from tests.support.on_sqlite import on_sqlite
from tests.support.population import HOA
from tests.support.portals import API
from tests.support.provider import Provider

FILING = client(audience=[DOSSIERS, TAXES])


def test_resources_are_told_apart_by_every_character() -> None:
    assert read_resources(f"{DOSSIERS} {DOSSIERS}/ {DOSSIERS}") == (DOSSIERS, f"{DOSSIERS}/")
    assert read_resources("") == ()
    assert read_resources("urn:example:api") == ("urn:example:api",)


MALFORMED = [
    "api", "/api", "//api.hoso.example", f"{DOSSIERS}#part", f"{DOSSIERS}#", "https:", "1https://x",
    f"{DOSSIERS}\u00a0", f"{DOSSIERS}\t{TAXES}",
]  # fmt: skip


@pytest.mark.parametrize("text", MALFORMED)
def test_what_is_no_absolute_uri_without_fragment(text: str) -> None:
    with pytest.raises(InvalidTarget):
        read_resources(text)


@pytest.mark.parametrize(
    "text", [ELSEWHERE, f"{DOSSIERS} {ELSEWHERE}", f"{DOSSIERS}/", DOSSIERS.upper(), f"{ISSUER}/userinfo"]
)
def test_a_request_names_what_is_registered(text: str) -> None:
    assert requested_resources(f"{TAXES} {ISSUER}", FILING, ISSUER) == (TAXES, ISSUER)
    with pytest.raises(InvalidTarget):
        requested_resources(text, FILING, ISSUER)
    with pytest.raises(InvalidTarget):
        person_audience(text, FILING, (), ISSUER)
    with pytest.raises(InvalidTarget):
        machine_audience(text, FILING, ISSUER)


@pytest.mark.parametrize(
    ("granted_then", "text", "audience"),
    [
        ((), "", (ISSUER,)),
        ((), DOSSIERS, (DOSSIERS,)),
        ((), f"{TAXES} {ISSUER}", (TAXES, ISSUER)),
        ((DOSSIERS, TAXES), "", (DOSSIERS, TAXES)),
        ((DOSSIERS, TAXES), TAXES, (TAXES,)),
        ((DOSSIERS,), ISSUER, (ISSUER,)),
        ((DOSSIERS, ISSUER), "", (DOSSIERS, ISSUER)),
        ((DOSSIERS, LAND), "", (DOSSIERS,)),
        ((ISSUER,), "", (ISSUER,)),
    ],
)
def test_whom_a_token_is_for(granted_then: Sequence[str], text: str, audience: tuple[str, ...]) -> None:
    assert person_audience(text, FILING, granted_then, ISSUER) == audience


@pytest.mark.parametrize(
    ("granted_then", "text"), [((DOSSIERS,), TAXES), ((LAND,), ""), ((LAND,), LAND), ((ISSUER,), DOSSIERS)]
)
def test_no_token_reaches_beyond_its_grant_and_the_registration(
    granted_then: Sequence[str], text: str
) -> None:
    with pytest.raises(InvalidTarget):
        person_audience(text, FILING, granted_then, ISSUER)


def test_what_may_be_reached_for_a_person_is_never_userinfo() -> None:
    everywhere = client(audience=[ISSUER, DOSSIERS])
    assert within_grant(everywhere, (), ISSUER) == (DOSSIERS,)
    assert within_grant(everywhere, (ISSUER, DOSSIERS), ISSUER) == (DOSSIERS,)


async def test_a_plain_token_is_for_userinfo_alone(apis: Provider, hoa: Browser) -> None:
    given = await granted(apis, hoa, resource="")
    assert read(given.access_token)["aud"] == ISSUER
    assert (await apis.portal("filing").userinfo(given.access_token)).status_code == 200


async def test_a_token_for_an_api_does_not_open_userinfo(apis: Provider, hoa: Browser) -> None:
    portal = apis.portal("filing")
    given = await granted(apis, hoa, named=[DOSSIERS, TAXES], resource="")
    assert read(given.access_token)["aud"] == [DOSSIERS, TAXES]
    refused = await portal.userinfo(given.access_token)
    assert (refused.status_code, 'error="invalid_token"' in refused.headers["www-authenticate"]) == (
        401,
        True,
    )
    for_userinfo = (await portal.refresh(given.refresh_token, resource=ISSUER)).json()
    assert (await portal.userinfo(for_userinfo["access_token"])).status_code == 200


async def test_each_token_of_a_grant_may_be_for_another_part_of_it(apis: Provider, hoa: Browser) -> None:
    portal = apis.portal("filing")
    given = await granted(apis, hoa, named=[DOSSIERS, TAXES], resource=TAXES)
    audiences = [read(given.access_token)["aud"]]
    refresh_token = given.refresh_token
    for form in ({"resource": DOSSIERS}, {}, {"resource": [TAXES, ISSUER]}):
        response = await post(
            portal, "/token", {"grant_type": "refresh_token", "refresh_token": refresh_token, **form}
        )
        refresh_token = response.json()["refresh_token"]
        audiences.append(read(response.json()["access_token"])["aud"])
    assert audiences == [TAXES, DOSSIERS, [DOSSIERS, TAXES], [TAXES, ISSUER]]


async def test_the_named_resources_are_kept_while_a_person_logs_in(apis: Provider) -> None:
    given = await granted(apis, named=[LAND, LAND], resource="")
    assert read(given.access_token)["aud"] == LAND


@pytest.mark.parametrize(
    "query",
    [
        f"resource={quote(ELSEWHERE)}",
        f"resource={quote(DOSSIERS)}&resource={quote(ELSEWHERE)}",
        f"resource={quote(DOSSIERS + '#x')}",
        "resource=api",
    ],
)
async def test_the_portal_is_told_of_what_it_cannot_name(apis: Provider, hoa: Browser, query: str) -> None:
    asked = apis.portal("filing").ask()
    given = (await hoa.open(f"{asked.address}&{query}")).given
    assert (given["error"], given["state"], given["iss"]) == (
        "invalid_target", asked.parameters["state"], ISSUER,
    )  # fmt: skip
    assert "code" not in given


@pytest.mark.parametrize(
    "query",
    [
        "resource=a%20b",
        "resource=x:y%01",
        f"resource={'x' * 2049}",
        "&".join(["resource=x:y"] * 11),
    ],
)
async def test_what_cannot_be_read_as_a_list(apis: Provider, hoa: Browser, query: str) -> None:
    given = (await hoa.open(f"{apis.portal('filing').ask().address}&{query}")).given
    assert given["error"] == "invalid_request"


@pytest.mark.parametrize("twice", ["scope", "nonce", "code_challenge", "claims", "audience"])
async def test_nothing_else_may_be_repeated(apis: Provider, hoa: Browser, twice: str) -> None:
    asked = apis.portal("filing").ask()
    visit = await hoa.open(f"{asked.address}&{twice}=openid&{twice}=openid")
    if twice == "audience":  # no parameter of an authorization request, so ignored
        assert "code" in visit.given
    else:
        assert visit.given["error"] == "invalid_request"


async def test_a_code_with_another_resource_is_used_up(apis: Provider, hoa: Browser) -> None:
    portal = apis.portal("filing")
    asked = portal.ask()
    visit = await apis.settle(await hoa.open(f"{asked.address}&resource={quote(DOSSIERS)}"))
    refused = await portal.redeem(asked, visit.code, resource=TAXES)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")
    assert (await portal.redeem(asked, visit.code)).json()["error"] == "invalid_grant"


async def test_a_refresh_for_another_resource_uses_nothing_up(apis: Provider, hoa: Browser) -> None:
    portal = apis.portal("filing")
    given = await granted(apis, hoa, named=[DOSSIERS])
    for resource in (TAXES, ELSEWHERE, "api"):
        refused = await portal.refresh(given.refresh_token, resource=resource)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")
    assert (await portal.refresh(given.refresh_token)).status_code == 200


async def test_a_machine_narrows_its_own(apis: Provider) -> None:
    machine = apis.portal("machine-es256")
    for form in ({}, {"resource": API}):
        response = await machine.post("/token", grant_type="client_credentials", **form)
        assert read(response.json()["access_token"])["aud"] == API
    for resource in (DOSSIERS, ISSUER, f"{API}/"):
        refused = await machine.post("/token", grant_type="client_credentials", resource=resource)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")


async def test_only_the_named_api_is_told_about_a_token(apis: Provider, hoa: Browser) -> None:
    given = await granted(apis, hoa, resource=TAXES)
    told = {
        api: (await apis.portal(api).introspect(given.access_token))["active"]
        for api in ("taxes-api", "dossiers-api", "land-api", "api")
    }
    assert told == {"taxes-api": True, "dossiers-api": False, "land-api": False, "api": False}


@on_sqlite
async def test_who_calls_itself_the_issuer_is_told_nothing(one: Provider) -> None:
    await admit(one)
    await change(one, "land-api", resources=[ISSUER, LAND])
    plain = await one.tokens("filing", HOA)
    assert await one.portal("land-api").introspect(plain.access_token) == {"active": False}


@on_sqlite
async def test_a_resource_that_is_registered_no_more(one: Provider) -> None:
    await admit(one)
    portal, given = one.portal("filing"), await granted(one, named=[DOSSIERS, TAXES])
    await change(one, "filing", audience=[LAND])
    fresh = one.portal("filing", app=await one.another_worker())
    for form in ({}, {"resource": DOSSIERS}, {"resource": LAND}):
        refused = await fresh.refresh(given.refresh_token, **form)
        assert refused.json()["error"] == "invalid_target"
    response = await fresh.refresh(given.refresh_token, resource=ISSUER)
    assert (await portal.userinfo(response.json()["access_token"])).status_code == 200
