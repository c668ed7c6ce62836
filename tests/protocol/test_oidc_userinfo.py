"""OpenID Connect Core §5.3: UserInfo, answered from the registers as they are at that moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import jwt
import orjson
import pytest

from idp.store import clients
from tests.support.browsing import Browser
from tests.support.installation import ISSUER
from tests.support.population import (
    AN,
    HEN,
    HOA,
    HOA_BINH,
    KHANG,
    MAI,
    SUONG,
    Citizen,
    change_citizen,
    change_company,
    end_office,
)
from tests.support.portals import Tokens
from tests.support.provider import Provider

TOLD: Final[Mapping[Citizen, Mapping[str, Any]]] = {
    HOA: {
        "name": "Nguyễn Thị Hòa",
        "family_name": "Nguyễn",
        "middle_name": "Thị",
        "given_name": "Hòa",
        "name_ascii": "NGUYEN THI HOA",
        "birthdate": "1984-03-07",
        "vn_birthdate_precision": "day",
        "gender": "female",
        "vn_personal_id": {"scheme": "vn_pin", "value": HOA.number},
    },
    HEN: {
        "name": "H'Hen Niê",
        "family_name": "Niê",
        "given_name": "H'Hen",
        "name_ascii": "HHEN NIE",
        "birthdate": "1950",
        "vn_birthdate_precision": "year",
        "gender": "female",
        "vn_personal_id": {"scheme": "vn_pin", "value": HEN.number},
    },
    SUONG: {
        "name": "Sương",
        "given_name": "Sương",
        "name_ascii": "SUONG",
        "birthdate": "1965",
        "vn_birthdate_precision": "month",
        "gender": "female",
        "vn_personal_id": {"scheme": "vn_pin", "value": SUONG.number},
    },
}


async def told(service: Provider, client_id: str, given: Tokens) -> dict[str, Any]:
    response = await service.portal(client_id).userinfo(given.access_token)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert answer["sub"] == given.sub
    return answer


@pytest.mark.parametrize("citizen", TOLD, ids=lambda citizen: citizen.record_id)
async def test_what_the_register_holds_and_nothing_else(service: Provider, citizen: Citizen) -> None:
    given = await service.tokens("ministry", citizen)
    answer = await told(service, "ministry", given)
    assert answer == {**TOLD[citizen], "sub": given.sub, "subject_type": "citizen"}


async def test_names_are_in_nfc_and_sent_as_utf_8(service: Provider, hoa: Browser) -> None:
    given = await service.tokens("ministry", HOA, hoa)
    response = await service.portal("ministry").userinfo(given.access_token)
    assert response.headers["content-type"] == "application/json"
    assert "Nguyễn Thị Hòa".encode() in response.content


async def test_no_claim_is_null_or_empty(service: Provider, hoa: Browser) -> None:
    for client_id in ("ministry", "province", "legacy-basic"):
        answer = await told(service, client_id, await service.tokens(client_id, HOA, hoa))
        assert all(value not in (None, "", [], {}) for value in answer.values()), answer


@pytest.mark.parametrize(
    ("scope", "claims"),
    [
        ("openid", set()),
        ("openid age", {"age_over_14", "age_over_16", "age_over_18", "age_over_60"}),
        ("openid address", {"address", "vn_residence"}),
        ("openid org", set()),
    ],
)
async def test_each_scope_stands_for_its_claims(
    service: Provider, hoa: Browser, scope: str, claims: set[str]
) -> None:
    given = await service.tokens("province", HOA, hoa, scope=scope)
    assert (await told(service, "province", given)).keys() == claims | {"sub", "subject_type"}


async def test_only_what_the_person_agreed_to(service: Provider) -> None:
    browser, portal = service.browser(), service.portal("province")
    asked, visit = await portal.send(browser, scope="openid profile age", prompt="consent")
    visit = await service.sign_in(visit, AN)
    given = await portal.tokens(asked, await visit.submit(decision="allow", claim=["age_over_18"]))
    answer = await told(service, "province", given)
    assert answer.keys() == {"sub", "subject_type", "age_over_18"}
    assert answer["age_over_18"] is True
    assert "name" not in given.claims


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_as_a_signed_jwt_for_who_registered_so(service: Provider, hoa: Browser, method: str) -> None:
    given = await service.tokens("enterprise", HOA, hoa, scope="openid profile")
    headers = {"authorization": f"Bearer {given.access_token}", "accept": "application/json"}
    response = await service.http().request(method, "/userinfo", headers=headers)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/jwt")
    assert response.headers["cache-control"] == "no-store"
    assert jwt.get_unverified_header(response.text)["alg"] == "ES256"
    claims = await service.portal("enterprise").verify(response.text)
    assert (claims["iss"], claims["aud"], claims["sub"]) == (ISSUER, "enterprise", given.sub)
    assert claims["name"] == "Nguyễn Thị Hòa"
    assert not claims.keys() & {"nonce", "auth_time"}


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html", "application/jwt", "image/png"])
async def test_the_registration_decides_the_form_and_not_accept(
    service: Provider, hoa: Browser, accept: str
) -> None:
    given = await service.tokens("dossiers", HOA, hoa)
    headers = {"authorization": f"Bearer {given.access_token}", "accept": accept}
    response = await service.http().get("/userinfo", headers=headers)
    assert response.headers["content-type"] == "application/json"


async def test_portals_of_two_sectors_know_two_people(service: Provider, hoa: Browser) -> None:
    subs = [
        (await told(service, client_id, await service.tokens(client_id, HOA, hoa)))["sub"]
        for client_id in ("ministry", "dossiers", "ministry")
    ]
    assert subs[0] == subs[2] != subs[1]


async def test_for_whom_a_person_acts(service: Provider) -> None:
    portal = service.portal("enterprise")
    asked, visit = await portal.send(service.browser())
    visit = await service.settle(
        await (await service.sign_in(visit, KHANG)).submit(acting_for=HOA_BINH.record_id)
    )
    given = await portal.tokens(asked, visit)
    claims = await portal.verify((await portal.userinfo(given.access_token)).text)
    assert claims["name"] == KHANG.name
    assert claims["vn_organisation"]["legal_name"] == HOA_BINH.legal_name
    assert claims["vn_organisation"] == given.claims["vn_organisation"]
    assert claims["vn_mandate"] == given.claims["vn_mandate"]


async def test_the_register_answers_as_it_is_now(settled_provider: Provider) -> None:
    provider = settled_provider
    given = await provider.tokens("ministry", HOA)
    await change_citizen(provider.registers, HOA, name="Nguyễn Thị Hoà An", given_name="Hoà An")
    answer = await told(provider, "ministry", given)
    assert (answer["name"], answer["given_name"]) == ("Nguyễn Thị Hoà An", "Hoà An")


@pytest.mark.parametrize(
    "change",
    [
        {"status": "deceased"},
        {"status": "missing"},
        {"card_status": "locked"},
        {"card_expires_on": "2026-11-21"},
    ],
)
async def test_what_the_register_forbids_ends_the_token(
    settled_provider: Provider, change: Mapping[str, str]
) -> None:
    provider = settled_provider
    given = await provider.tokens("ministry", HOA)
    await change_citizen(provider.registers, HOA, **change)
    response = await provider.portal("ministry").userinfo(given.access_token)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_token")
    assert HOA.name not in response.text


@pytest.mark.parametrize("ended", ["office", "company"])
async def test_a_mandate_that_ended_ends_the_token(settled_provider: Provider, ended: str) -> None:
    provider, portal = settled_provider, settled_provider.portal("enterprise")
    asked, visit = await portal.send(provider.browser())
    visit = await provider.sign_in(visit, MAI)
    visit = await provider.settle(await visit.submit(acting_for=HOA_BINH.record_id))
    given = await portal.tokens(asked, visit)
    if ended == "office":
        await end_office(provider.registers, MAI, HOA_BINH, "2026-11-21")
    else:
        await change_company(provider.registers, HOA_BINH, status="dissolved")
    assert (await portal.userinfo(given.access_token)).status_code == 401


async def test_every_release_is_in_the_audit_log_by_name_only(service: Provider, hoa: Browser) -> None:
    given = await service.tokens("ministry", HOA, hoa)
    await told(service, "ministry", given)
    event = (await service.events("claims.released"))[-1]
    assert (event.client_id, event.outcome) == ("ministry", "ok")
    assert set(event.details["claims"]) == TOLD[HOA].keys()
    assert HOA.number not in str(event)
    assert "Nguyễn" not in str(event)


async def test_a_client_that_has_lost_a_scope_is_given_no_more_of_it(one: Provider) -> None:
    """What it was granted before lives for months; what it is registered for holds from now on."""
    tokens = await one.tokens("hospital", HOA, scope="openid profile address")
    portal = one.portal("hospital")
    assert "address" in (await portal.userinfo(tokens.access_token)).json()
    row = await clients.find(one.db, "hospital")
    assert row is not None
    less = orjson.dumps(orjson.loads(row["metadata"]) | {"scope": "openid profile"}).decode()
    await one.db.write(clients.replace("hospital", less, secret_digest=row["secret_digest"]))
    other = one.portal("hospital", app=await one.another_worker())  # which knows the client as it is now
    told = (await other.userinfo(tokens.access_token)).json()
    assert "name" in told
    assert not {"address", "vn_residence"} & told.keys()
