"""The value of every claim, and what is left out."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest

from idp.assurance import AccountLevel
from idp.oidc.claims.languages import TAGGED
from idp.oidc.claims.parameter import Value
from idp.oidc.claims.release import CLAIMS, RequestedClaims, claim_values, released_claims
from idp.registers.birth_date import read_birth_date
from idp.registers.types import Address, SubjectType
from idp.store.contacts import Contact, ContactKind
from tests.support.oidc_rules import person, release, representation

CONTACTS = {
    ContactKind.PHONE_NUMBER: Contact("+84912345678", 1_700_000_000, 1_700_000_000),
    ContactKind.EMAIL: Contact("hoa@thu.example", 1_700_000_000, None),
}


def test_everything_of_a_citizen_who_acts_for_a_company() -> None:
    everything = release(representation=representation(), contacts=CONTACTS)
    told = claim_values(person(), CLAIMS, everything)
    assert {name: value for name, value in told.items() if name not in TAGGED} == {
        "name": "Đặng Thị Hoà",
        "family_name": "Đặng",
        "middle_name": "Thị",
        "given_name": "Hoà",
        "name_ascii": "DANG THI HOA",
        "birthdate": "1984-05-17",
        "vn_birthdate_precision": "day",
        "gender": "female",
        "vn_personal_id": {"scheme": "vn_pin", "value": "001184000123"},
        "age_over_14": True,
        "age_over_16": True,
        "age_over_18": True,
        "age_over_60": False,
        "address": {
            "formatted": "Số 5 ngõ 12, Hà Nội",
            "street_address": "Số 5 ngõ 12",
            "region": "Hà Nội",
            "country": "VN",
        },
        "vn_residence": {"province_code": "01", "ward_code": "00004", "as_of": "2026-01-01"},
        "phone_number": "+84912345678",
        "phone_number_verified": True,
        "email": "hoa@thu.example",
        "email_verified": False,
        "vn_organisation": {
            "id": [
                {"scheme": "vn_enterprise_code", "value": "0100109106"},
                {"scheme": "vn_tax_code", "value": "0100109106"},
            ],
            "legal_name": "CÔNG TY TNHH HOÀ BÌNH",
            "type": "llc_multi_member",
            "status": "active",
            "as_of": "2026-11-22T01:00:00Z",
        },
        "vn_mandate": {
            "role": "legal_representative",
            "powers": ["file", "sign"],
            "joint": False,
            "title": "Giám đốc",
        },
        "SoDinhDanh": "001184000123",
        "HoVaTen": "Đặng Thị Hoà",
        "NgayThangNamSinh": "19840517",
        "LoaiTaiKhoan": 2,
        "TechID": "pairwise",
        "loAs": "LoA1",
        "IAL": 2,
    }


def test_claims_in_a_language_say_the_same() -> None:
    told = claim_values(person(), CLAIMS, release())
    assert {name: told[name] for name in TAGGED} == {
        **{name: told[claim] for name, claim in TAGGED.items()},
        "address#en": {
            "formatted": "So 5 ngo 12, Ha Noi City, Viet Nam",
            "street_address": "So 5 ngo 12",
            "region": "Ha Noi City",
            "country": "VN",
        },
    }


def test_a_province_in_english() -> None:
    holder = person(residence=Address("44", "19742", "Thôn Đông", date(2026, 1, 1)))
    told = claim_values(holder, ("address", "address#en"), release())
    assert told["address"] == {
        "formatted": "Thôn Đông, Quảng Trị",
        "street_address": "Thôn Đông",
        "region": "Quảng Trị",
        "country": "VN",
    }
    assert told["address#en"] == {
        "formatted": "Thon Dong, Quang Tri Province, Viet Nam",
        "street_address": "Thon Dong",
        "region": "Quang Tri Province",
        "country": "VN",
    }


def test_what_the_register_does_not_hold_is_absent() -> None:
    bare = person(family_name=None, middle_name=None, residence=None, birth_date=read_birth_date("1950"))
    assert claim_values(bare, CLAIMS, release()).keys() == CLAIMS.keys() - {
        "family_name", "middle_name", "address", "vn_residence", "NgayThangNamSinh", "vn_organisation", "vn_mandate",
        "phone_number", "phone_number_verified", "email", "email_verified",
        "family_name#vi", "middle_name#vi", "address#vi", "address#en",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("register", "birthdate", "precision"),
    [("1950", "1950", "year"), ("1950-03", "1950", "month"), ("1950-03-07", "1950-03-07", "day")],
)
def test_no_day_of_birth_is_invented(register: str, birthdate: str, precision: str) -> None:
    holder = person(birth_date=read_birth_date(register))
    assert claim_values(holder, ("birthdate", "vn_birthdate_precision"), release()) == {
        "birthdate": birthdate,
        "vn_birthdate_precision": precision,
    }


@pytest.mark.parametrize(
    ("register", "over"), [("1950", True), ("1966", False), ("1966-11-22", True), ("1966-11", False)]
)
def test_an_age_counts_from_the_latest_possible_birth(register: str, *, over: bool) -> None:
    holder = person(birth_date=read_birth_date(register))
    assert claim_values(holder, ("age_over_60",), release(today=date(2026, 11, 22))) == {"age_over_60": over}


def test_an_account_of_level_01_gives_nothing_of_level_02() -> None:
    low = release(account_level=AccountLevel.LEVEL_01, representation=representation())
    released = claim_values(person(), CLAIMS, low)
    assert not released.keys() & {"address", "vn_residence", "vn_organisation", "vn_mandate"}
    assert released["name"] == "Đặng Thị Hoà"
    assert released["IAL"] == 1


def test_a_foreigners_number_says_what_it_is() -> None:
    foreigner = person(subject_type=SubjectType.FOREIGNER)
    assert claim_values(foreigner, ("vn_personal_id",), release()) == {
        "vn_personal_id": {"scheme": "vn_foreigner_id", "value": "001184000123"}
    }


def test_an_unknown_province_is_not_guessed() -> None:
    holder = person(residence=Address("99", "00004", "", date(2026, 1, 1)))
    assert claim_values(holder, ("address",), release()) == {"address": {"country": "VN"}}


def test_a_mandate_ends_with_its_last_day_in_viet_nam() -> None:
    ending = representation(until=date(2026, 12, 31), title="")
    mandate = claim_values(person(), ("vn_mandate",), release(representation=ending))["vn_mandate"]
    assert mandate == {
        "role": "legal_representative",
        "powers": ["file", "sign"],
        "joint": False,
        "exp": 1_798_736_400,  # 2027-01-01T00:00:00+07:00
    }


def test_names_that_are_no_claims_give_nothing() -> None:
    assert claim_values(person(), ("ethnicity", "sub", "marital_status"), release()) == {}


def test_a_person_is_asked_once_for_what_belongs_together() -> None:
    asked = RequestedClaims(
        ("family_name", "vn_birthdate_precision", "gender"), ("name_ascii",), frozenset({"family_name"})
    )
    assert asked.leads == ("name", "birthdate", "gender")
    assert asked.essential_leads == {"name"}
    assert asked.granted({"name"}) == RequestedClaims(
        ("family_name",), ("name_ascii",), frozenset({"family_name"})
    )


VALUES: list[tuple[str, Value, bool]] = [
    ("name", "Đặng Thị Hoà", True),
    ("name", unicodedata.normalize("NFD", "Đặng Thị Hoà"), True),
    ("name", "Đặng Thị Hòa", False),
    ("name", "DANG THI HOA", False),
    ("age_over_18", True, True),
    ("age_over_18", 1, False),
    ("age_over_18", "true", False),
    ("IAL", 2, True),
    ("IAL", 1, False),
    ("vn_personal_id", {"scheme": "vn_pin", "value": "001184000123"}, True),
    ("vn_personal_id", {"value": "001184000123"}, True),
    ("vn_personal_id", {"scheme": "vn_foreigner_id", "value": "001184000123"}, False),
    ("vn_personal_id", {"number": "001184000123"}, False),
    ("vn_personal_id", "001184000123", False),
    ("address", {"region": "Hà Nội"}, True),
    ("address", {"region": "Hà Nội", "postal_code": "10000"}, False),
]


@pytest.mark.parametrize(("claim", "value", "told"), VALUES)
def test_a_claim_is_told_only_with_the_value_asked_for(claim: str, value: Value, *, told: bool) -> None:
    asked = RequestedClaims((claim, "gender"), (claim,), userinfo_values={claim: ("another", value)})
    expected = {claim, "gender"} if told else {"gender"}
    assert released_claims(person(), asked, "userinfo", release()).keys() == expected
    assert released_claims(person(), asked, "id_token", release()).keys() == {claim}


def test_what_goes_with_a_withheld_claim_is_withheld() -> None:
    names = ("name", "given_name", "name#vi", "gender", "phone_number", "phone_number_verified")
    asked = RequestedClaims(names, userinfo_values={"name": ("Ai đó",), "phone_number": ("+84900000000",)})
    told = released_claims(person(), asked, "userinfo", release(contacts=CONTACTS))
    assert told == {"gender": "female"}


def test_values_are_kept_with_the_grant_and_lost_with_the_claim() -> None:
    asked = RequestedClaims(
        ("name", "gender"),
        ("name",),
        frozenset(),
        {"name": ("a", "b"), "gender": ("male",)},
        {"name": ("c",)},
    )
    assert RequestedClaims.from_json(asked.to_json()) == asked
    assert asked.granted({"gender"}) == RequestedClaims(("gender",), userinfo_values={"gender": ("male",)})
