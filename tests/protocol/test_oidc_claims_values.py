"""OpenID Connect Core §5.5.1: claims asked for with a value, at UserInfo and in the ID token."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.support.population import HOA
from tests.support.portals import Tokens
from tests.support.provider import Provider

NAMED = {"value": HOA.name}
OTHER = {"essential": True, "value": "Ai đó"}


async def asked_for(
    service: Provider, client_id: str, claims: Any, **changes: str
) -> tuple[Tokens, set[str]]:
    """The tokens, and the names of what UserInfo tells."""
    text = orjson.dumps(claims).decode()
    given = await service.tokens(client_id, HOA, None, claims=text, **changes)
    answer = (await service.portal(client_id).userinfo(given.access_token)).json()
    return given, answer.keys() - {"sub", "subject_type"}


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"name": NAMED}, {"name"}),
        ({"name": OTHER}, set()),
        ({"name": {"values": ["Ai đó", HOA.name]}, "gender": {"value": "male"}}, {"name"}),
        ({"birthdate": {"value": "1984-03-07"}, "given_name": {"value": "hòa"}}, {"birthdate"}),
        ({"address": {"value": {"region": "Hà Nội"}}}, {"address"}),
        ({"address": {"value": {"region": "Huế"}}}, set()),
    ],
)
async def test_userinfo(service: Provider, claims: Any, told: set[str]) -> None:
    """A value that does not hold is no error, not even where it is essential: the claim is left out."""
    _, names = await asked_for(service, "hospital", {"userinfo": claims}, scope="openid")
    assert names == told


async def test_each_place_has_values_of_its_own(service: Provider) -> None:
    claims = {"id_token": {"name": OTHER, "gender": {"value": "female"}}, "userinfo": {"name": NAMED}}
    given, names = await asked_for(service, "hospital", claims, scope="openid")
    assert "name" not in given.claims
    assert given.claims["gender"] == "female"
    assert names == {"name"}


async def test_a_withheld_claim_cannot_be_put_together_from_its_parts(service: Provider) -> None:
    _, names = await asked_for(service, "hospital", {"userinfo": {"name": OTHER}}, scope="openid profile")
    assert names == {"birthdate", "vn_birthdate_precision", "gender"}


@pytest.mark.parametrize(("number", "told"), [(HOA.number, True), ("001184000018", False)])
async def test_whether_it_is_the_person_of_a_number(service: Provider, number: str, *, told: bool) -> None:
    """Asked for in the ID token or not, a personal number is told by UserInfo only, and so is its value compared."""
    claims = {"id_token": {"vn_personal_id": {"value": {"scheme": "vn_pin", "value": number}}}}
    given, names = await asked_for(service, "ministry", claims, scope="openid")
    assert "vn_personal_id" not in given.claims
    assert names == ({"vn_personal_id"} if told else set())


async def test_values_hold_for_refreshed_tokens_too(service: Provider) -> None:
    claims = {"userinfo": {"name": OTHER, "gender": {"value": "female"}}, "id_token": {"name": NAMED}}
    portal = service.portal("dossiers")
    given, names = await asked_for(service, "dossiers", claims, scope="openid")
    again = await portal.read(
        await portal.post("/token", grant_type="refresh_token", refresh_token=given.refresh_token)
    )
    answer = (await portal.userinfo(again.access_token)).json()
    assert answer.keys() - {"sub", "subject_type"} == names == {"gender"}
    assert given.claims["name"] == again.claims["name"] == HOA.name


async def test_oidcc_claims_essential(service: Provider) -> None:
    """Required on the page, told at UserInfo, and not in the ID token unasked."""
    claims = '{"userinfo":{"name":{"essential":true},"gender":null}}'
    portal = service.portal("hospital")
    asked, visit = await portal.send(
        service.browser(), scope="openid", claims=claims, ui_locales="en", prompt="consent"
    )
    page = await service.sign_in(visit, HOA)
    refused = await page.submit(decision="allow", claim=["gender"])
    assert refused.status == 400
    assert "cannot continue without" in refused.text
    given = await portal.tokens(asked, await refused.submit(decision="allow", claim=["name"]))
    assert "name" not in given.claims
    assert (await portal.userinfo(given.access_token)).json()["name"] == HOA.name
