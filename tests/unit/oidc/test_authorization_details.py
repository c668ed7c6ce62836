"""Authorization details as they are read, granted and compared (RFC 9396 §2, §5, §6): tables without a provider."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
import pytest

from idp.errors import InvalidAuthorizationDetails
from idp.oidc.authorization_details import granting
from idp.oidc.authorization_details.detail_type import Lack
from idp.oidc.authorization_details.request import (
    LONGEST,
    MOST,
    details_text,
    kept_details,
    read_details,
)
from idp.oidc.authorization_details.table import TYPES
from idp.registers.types import Power
from tests.support.delegation import DOSSIERS, LAND, TAXES
from tests.support.mandates import mandate
from tests.support.oidc_rules import NOW, client, representation

CODE = "0100109106"
AGENT = client(audience=[DOSSIERS, TAXES], authorization_details_types=["vn_mandate"])
GOOD = mandate(organisation=CODE, until="2027-06-30")


def read(text: str, resources: tuple[str, ...] = ()) -> tuple[Any, ...]:
    return read_details(text, AGENT, resources)


def grant(asked: dict[str, object], **office: Any) -> dict[str, Any]:
    (granted,) = granting.grant_details((asked,), representation(**office))
    return dict(granted)


def text(*asked: object) -> str:
    return orjson.dumps(list(asked)).decode()


def test_what_is_read_is_kept_in_one_form() -> None:
    asked = {
        "until": "2027-06-30", "procedures": ["2.000889", "1.001234.000.00.00.H56"], "locations": [TAXES, DOSSIERS],
        "type": "vn_mandate", "actions": ["view", "file"],
    }  # fmt: skip
    (one,) = read(text(asked))
    assert one == {
        "type": "vn_mandate",
        "actions": ["file", "view"],
        "procedures": ["1.001234.000.00.00.H56", "2.000889"],
        "until": "2027-06-30",
        "locations": [DOSSIERS, TAXES],
    }
    assert kept_details(details_text([one])) == (one,)
    assert (details_text([]), kept_details("")) == ("", ())


def test_a_type_that_is_known_no_more_is_passed_over() -> None:
    assert kept_details(text({"type": "payment"}, GOOD)) == (GOOD,)


CHANGES: list[dict[str, object]] = [
    {"unknown": 1}, {"datatypes": []}, {"exp": 1}, {"role": "head"}, {"vn_organisation": {}}, {"Until": "x"},
    {"actions": []}, {"actions": "file"}, {"actions": ["file", "file"]}, {"actions": ["delete"]},
    {"actions": ["file", None]}, {"actions": [["file"]]}, {"actions": {"file": True}}, {"actions": None},
    {"procedures": []}, {"procedures": None}, {"procedures": "1.001234"}, {"procedures": ["1.00123"]},
    {"procedures": ["1.001234", "1.001234"]}, {"procedures": [1.001234]}, {"procedures": ["1.001234\n"]},
    {"procedures": ["１.001234"]}, {"procedures": ["1.001234.000"]},
    {"procedures": [f"1.{number:06}" for number in range(21)]},
    {"organisation": ""}, {"organisation": None}, {"organisation": 100109106}, {"organisation": "010010910"},
    {"organisation": "0100109106-1"}, {"organisation": " 0100109106"}, {"organisation": [CODE]},
    {"until": None}, {"until": ""}, {"until": 1_800_000_000}, {"until": "2027-02-29"}, {"until": "20270630"},
    {"until": "2027-6-30"}, {"until": "2027-06-30T00:00:00Z"}, {"until": "2027-W26-3"},
    {"until": "２027-06-30"},
    {"locations": []}, {"locations": TAXES}, {"locations": [LAND]}, {"locations": [TAXES, TAXES]},
    {"locations": [None]}, {"locations": [""]}, {"locations": [f"{TAXES}/"]},
]  # fmt: skip

WRONG: list[object] = [
    [], {}, "vn_mandate", [None], [[]], ["vn_mandate"], [{}], [{"type": None}], [{"type": 1}],
    [{"type": ["vn_mandate"]}], [{"type": "payment_initiation"}], [{"type": "VN_MANDATE"}], [GOOD, {"type": "payment"}],
    [GOOD] * (MOST + 1),
    *([GOOD | changes] for changes in CHANGES),
    [mandate("actions")], [mandate("until")], [mandate("type")],
]  # fmt: skip


@pytest.mark.parametrize("value", WRONG, ids=lambda value: orjson.dumps(value).decode()[-60:])
def test_what_is_refused(value: object) -> None:
    with pytest.raises(InvalidAuthorizationDetails) as refused:
        read(orjson.dumps(value).decode())
    assert refused.value.description.startswith("authorization_details: ")
    assert CODE not in refused.value.description


@pytest.mark.parametrize(
    "sent",
    [
        "", "[", "null", "[NaN]", '[{"type":"vn_mandate","until":NaN}]', "[" * 5000, '{"a":' * 5000,
        '[{"type":"vn_mandate","type":"vn_mandate","actions":["file"],"until":"2027-06-30"}]',
        '[{"type":"vn_mandate","actions":["view"],"actions":["sign"],"until":"2027-06-30"}]',
    ],
    ids=range(9),
)  # fmt: skip
def test_what_is_no_json_or_could_be_read_in_two_ways(sent: str) -> None:
    with pytest.raises(InvalidAuthorizationDetails):
        read(sent)


def test_a_type_that_the_client_is_not_registered_for() -> None:
    with pytest.raises(InvalidAuthorizationDetails, match="not registered"):
        read_details(text(GOOD), client(), ())


def test_locations_are_among_the_resources_that_are_named() -> None:
    assert read(text(GOOD | {"locations": [TAXES]}), (TAXES,))
    with pytest.raises(InvalidAuthorizationDetails):
        read(text(GOOD | {"locations": [TAXES]}), (DOSSIERS,))


def test_the_largest_request_fits() -> None:
    most = GOOD | {
        "procedures": [f"1.{number:06}.000.00.00.H56" for number in range(20)],
        "locations": [TAXES],
    }
    assert len(text(*[most] * MOST)) < LONGEST


@pytest.mark.parametrize(
    ("until", "fine"),
    [("2027-01-14", False), ("2027-01-15", True), ("2028-01-16", True), ("2028-01-17", False)],
)
def test_it_is_neither_over_nor_for_more_than_a_year(until: str, fine: bool) -> None:  # noqa: FBT001 - of the table
    asked = (GOOD | {"until": until},)
    if fine:
        granting.check_terms(asked, NOW)
        return
    with pytest.raises(InvalidAuthorizationDetails):
        granting.check_terms(asked, NOW)


def test_what_is_granted_says_who_acts_and_for_which_organisation() -> None:
    granted = grant(GOOD)
    assert granted == GOOD | {
        "vn_organisation": {
            "id": [
                {"scheme": "vn_enterprise_code", "value": CODE},
                {"scheme": "vn_tax_code", "value": CODE},
            ],
            "legal_name": "CÔNG TY TNHH HOÀ BÌNH",
        },
        "role": "legal_representative",
        "powers": ["file", "sign"],
        "joint": False,
    }
    assert (
        granted.keys() - {"type", "locations"} <= TYPES["vn_mandate"].members | TYPES["vn_mandate"].enriched
    )


def test_an_unnamed_organisation_is_named_and_no_mandate_outlasts_the_office() -> None:
    asked = mandate("organisation", until="2027-06-30")
    granted = grant(asked, until=date(2027, 3, 31), joint=True)
    assert (granted["organisation"], granted["until"], granted["joint"]) == (CODE, "2027-03-31", True)
    assert granting.last_end((granted,)) == 1_806_512_400  # midnight after, in Viet Nam


@pytest.mark.parametrize(
    ("changes", "lack"),
    [
        ({}, None),
        ({"organisation": "0309990017"}, Lack.NOT_NAMED),
        ({"actions": ["pay"]}, Lack.POWERS),
        ({"actions": ["file", "sign", "view"]}, Lack.POWERS),
    ],
)
def test_who_can_grant_it(changes: dict[str, object], lack: Lack | None) -> None:
    assert granting.find_lack((GOOD | changes,), representation()) is lack
    assert granting.find_lack((GOOD, GOOD | changes), representation()) is lack
    assert granting.find_lack((GOOD,), None) is Lack.NO_ORGANISATION
    everything = representation(powers=frozenset(Power))
    assert granting.find_lack((GOOD | changes,), everything) in {None, Lack.NOT_NAMED}


SMALLER: list[dict[str, object]] = [
    {}, {"actions": ["sign"]}, {"until": "2027-01-31"}, {"procedures": ["1.001234"]}, {"locations": [TAXES]},
]  # fmt: skip
LARGER: list[dict[str, object]] = [
    {"actions": ["file", "sign", "view"]}, {"until": "2027-07-01"}, {"procedures": ["1.001234", "1.000001"]},
    {"organisation": "0309990017"}, {"locations": [TAXES, DOSSIERS]},
]  # fmt: skip


def test_less_is_covered_and_more_is_not() -> None:
    granted = grant(GOOD | {"locations": [TAXES]})
    assert all(granting.covers(granted, granted | changes) for changes in SMALLER)
    assert not any(granting.covers(granted, granted | changes) for changes in LARGER)
    for open_member in ("procedures", "locations"):
        rest = {name: value for name, value in granted.items() if name != open_member}
        assert granting.covers(rest, granted), "no list means all"
        assert not granting.covers(granted, rest)


def test_another_office_or_organisation_is_not_covered() -> None:
    granted = grant(mandate("organisation"))
    others: list[dict[str, Any]] = [{"role": "head"}, {"joint": True}, {"organisation": "0309990017"}]
    assert not any(granting.covers(granted, granted | changes) for changes in others)
    assert granting.covers(granted, granted | {"powers": ["sign"]})


@pytest.mark.parametrize("changes", SMALLER)
def test_a_token_carries_less_when_less_is_named(changes: dict[str, Any]) -> None:
    granted = grant(GOOD)
    for named in (GOOD | changes, granted | changes):
        assert granting.narrowed((granted,), text(named), NOW) == (granted | changes,)


@pytest.mark.parametrize(
    "changes",
    [change for change in LARGER if "locations" not in change]
    + [{"role": "head"}, {"vn_organisation": {}}, {"powers": ["pay"]}, {"until": "2027-01-01"}, {"more": 1}],
)
def test_a_token_carries_no_more_than_was_granted(changes: dict[str, Any]) -> None:
    granted = grant(GOOD)
    for named in (GOOD | changes, granted | changes):
        with pytest.raises(InvalidAuthorizationDetails):
            granting.narrowed((granted,), text(named), NOW)


def test_what_the_audit_says_names_nobody() -> None:
    assert granting.noted((grant(GOOD),)) == [
        {"type": "vn_mandate", "actions": ["file", "sign"], "procedures": ["1.001234"], "until": "2027-06-30"}
    ]
