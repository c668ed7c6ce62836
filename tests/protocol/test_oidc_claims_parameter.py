"""OpenID Connect Core §5.5: the `claims` parameter."""

from __future__ import annotations

import orjson
import pytest

from idp.errors import InvalidRequest
from idp.oidc.claims.parameter import NO_CLAIMS, ClaimRequest, claims_as_json, read_claims
from idp.oidc.claims.release import requested_claims
from tests.support.oidc_rules import client, request


def test_the_forms_of_a_claim() -> None:
    read = read_claims(
        '{"userinfo":{"name":null,"birthdate":{"essential":true},"gender":{}},'
        '"id_token":{"acr":{"essential":true,"values":["a","b"]},"sub":{"value":"x"}},"other":{"y":1}}'
    )
    assert read.userinfo == {
        "name": ClaimRequest(),
        "birthdate": ClaimRequest(essential=True),
        "gender": ClaimRequest(),
    }
    assert read.id_token == {
        "acr": ClaimRequest(essential=True, values=("a", "b")),
        "sub": ClaimRequest(values=("x",)),
    }
    assert read_claims(claims_as_json(read)) == read


def test_absent_is_nothing() -> None:
    assert read_claims("") == NO_CLAIMS
    assert claims_as_json(NO_CLAIMS) == ""


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        '"x"',
        '{"userinfo":[]}',
        '{"userinfo":{"name":true}}',
        '{"userinfo":{"name":{"essential":"yes"}}}',
        '{"id_token":{"acr":{"values":"a"}}}',
        '{"id_token":{"acr":{"values":[{}]}}}',
        '{"userinfo":{"address":{"value":{"region":1}}}}',
        '{"userinfo":{"address":{"value":{"region":{"a":"b"}}}}}',
        '{"userinfo":{"address":{"value":["Hà Nội"]}}}',
        '{"id_token":{"acr":{"value":1.5}}}',
        orjson.dumps({"id_token": {"acr": {"values": ["a" * 501]}}}).decode(),
        orjson.dumps({"id_token": {"acr": {"values": ["a"] * 21}}}).decode(),
        orjson.dumps({"userinfo": {f"c{number}": None for number in range(101)}}).decode(),
        "[" * 5000,
    ],
)
def test_malformed_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        read_claims(text)


def test_essential_acr_counts_before_acr_values() -> None:
    read = request(acr_values="LoA2", claims='{"id_token":{"acr":{"essential":true,"values":["LoA1"]}}}')
    assert read.acr_is_essential
    assert read.wanted_acr_values == ("LoA1",)
    assert not request(acr_values="LoA2").acr_is_essential


def test_a_required_subject() -> None:
    assert request(claims='{"id_token":{"sub":{"value":"abc"}}}').required_sub == "abc"
    assert request(claims='{"userinfo":{"sub":{"value":"abc"}}}').required_sub == "abc"
    assert request(claims='{"id_token":{"sub":null}}').required_sub is None


def test_scopes_give_claims_at_userinfo_and_the_parameter_where_it_says() -> None:
    wanted = requested_claims(
        request(
            scope="openid age",
            claims='{"id_token":{"name":{"essential":true}},"userinfo":{"gender":null,"unknown":null,"name#en":null}}',
        ),
        client(),
    )
    assert wanted.userinfo == ("gender", "age_over_14", "age_over_16", "age_over_18", "age_over_60")
    assert wanted.id_token == ("name",)
    assert wanted.essential == frozenset({"name"})


def test_no_profile_claim_in_the_id_token_unasked() -> None:
    assert requested_claims(request(scope="openid profile"), client()).id_token == ()


def test_the_organisation_is_told_in_the_id_token_too() -> None:
    assert requested_claims(request(scope="openid org"), client()).id_token == (
        "vn_organisation",
        "vn_mandate",
    )


def test_a_claim_of_a_scope_that_is_not_registered_is_passed_over() -> None:
    narrow = client(scope="openid age")
    claims = '{"userinfo":{"name":null,"vn_personal_id":{"essential":true}}}'
    wanted = requested_claims(request(by=narrow, scope="openid", claims=claims), narrow)
    assert wanted.names == ()
    assert wanted.essential == frozenset()


def test_an_organisation_can_be_required() -> None:
    essential = '{"userinfo":{"vn_organisation":{"essential":true}}}'
    assert request(scope="openid org", claims=essential).requires_organisation
    assert request(scope="openid org").asks_organisation
    assert not request(scope="openid org").requires_organisation
    assert not request(scope="openid", claims=essential).requires_organisation


def test_the_personal_number_is_told_by_userinfo_wherever_it_is_asked_for() -> None:
    claims = '{"id_token":{"vn_personal_id":{"essential":true},"name":null}}'
    office = client(
        scope="openid profile pid", legal_basis="statutory_task", legal_reference="Luật 26/2023/QH15"
    )
    asked = requested_claims(request(by=office, scope="openid", claims=claims), office)
    assert asked.id_token == ("name",)
    assert "vn_personal_id" in asked.userinfo
    assert "vn_personal_id" in asked.essential
