"""OpenID Connect Core §5.2: claims in a language, by `claims_locales` and by name."""

from __future__ import annotations

from typing import Any

import pytest

from idp.oidc.authorization_request import AuthorizationRequest
from idp.oidc.claims.release import requested_claims
from tests.support.oidc_rules import client, request
from tests.support.population import HOA
from tests.support.provider import Provider

ADDRESS = {
    "formatted": "Số 5 ngõ 12, Hà Nội",
    "street_address": "Số 5 ngõ 12",
    "region": "Hà Nội",
    "country": "VN",
}
IN_ENGLISH = {
    "formatted": "So 5 ngo 12, Ha Noi City, Viet Nam",
    "street_address": "So 5 ngo 12",
    "region": "Ha Noi City",
    "country": "VN",
}


@pytest.mark.parametrize(
    ("claims_locales", "tagged"),
    [
        ("", set()),
        ("vi", set()),
        ("vi-VN", set()),
        ("en", {"address#en"}),
        ("en-GB", {"address#en"}),
        ("EN fr", {"address#en"}),
        ("se", set()),
        ("vi en", {"address#en", "address#vi"}),
        ('* en_GB "x', set()),
        ("e" * 300, set()),
    ],
)
def test_oidcc_claims_locales(claims_locales: str, tagged: set[str]) -> None:
    wanted = requested_claims(request(scope="openid address", claims_locales=claims_locales), client())
    assert set(wanted.userinfo) == {"address", "vn_residence"} | tagged
    assert wanted.leads == ("address",)


def test_names_are_not_translated() -> None:
    wanted = requested_claims(request(scope="openid profile", claims_locales="en"), client())
    assert not [name for name in wanted.userinfo if "#" in name]


def test_a_language_is_added_only_to_what_is_asked_for() -> None:
    wanted = requested_claims(request(scope="openid age", claims_locales="en vi"), client())
    assert not [name for name in wanted.names if "#" in name]


def test_the_wish_is_kept_while_the_person_is_asked() -> None:
    asked = request(claims_locales="en-GB vi")
    assert asked.claims_locales == ("en-GB", "vi")
    assert AuthorizationRequest.from_json(asked.to_json()) == asked


async def told(provider: Provider, **changes: str) -> dict[str, Any]:
    """What the hospital is told at UserInfo."""
    given = await provider.tokens("hospital", HOA, None, scope="openid address", **changes)
    answer: dict[str, Any] = (await provider.portal("hospital").userinfo(given.access_token)).json()
    return answer


async def test_an_address_for_readers_abroad(service: Provider) -> None:
    answer = await told(service, claims_locales="en")
    assert (answer["address"], answer["address#en"]) == (ADDRESS, IN_ENGLISH)
    assert "address#vi" not in answer


async def test_a_claim_by_its_language(service: Provider) -> None:
    claims = '{"userinfo":{"address#vi":null,"name#vi":{"essential":true},"name#en":null,"name#vi-VN":null}}'
    answer = await told(service, claims=claims)
    assert answer["address#vi"] == answer["address"] == ADDRESS
    assert answer["name#vi"] == HOA.name
    assert not {"name", "name#en", "name#vi-VN", "address#en"} & answer.keys()


async def test_the_languages_are_announced(service: Provider) -> None:
    document = (await service.http().get("/.well-known/openid-configuration")).json()
    assert document["claims_locales_supported"] == ["vi", "en"]
    assert not [name for name in document["claims_supported"] if "#" in name]
