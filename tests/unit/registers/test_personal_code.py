from __future__ import annotations

import pytest

from idp.registers.personal_code import (
    Disagreement,
    InvalidPersonalNumber,
    NumberWarning,
    compose,
    disagreements,
    number_warnings,
    read_personal_number,
    registration_province,
)
from idp.registers.places import provinces
from idp.registers.types import Sex


def test_the_published_example_reads_as_its_structure_says() -> None:
    number = read_personal_number("087084000999")
    assert (number.prefix, number.birth_year, number.sex) == ("087", 1984, Sex.MALE)
    assert registration_province(number) == "Đồng Tháp"


@pytest.mark.parametrize(
    ("fourth", "year", "sex"),
    [
        ("0", 1907, Sex.MALE),
        ("1", 1907, Sex.FEMALE),
        ("2", 2007, Sex.MALE),
        ("3", 2007, Sex.FEMALE),
        ("4", 2107, Sex.MALE),
        ("9", 2307, Sex.FEMALE),
    ],
)
def test_the_fourth_digit_tells_century_and_sex(fourth: str, year: int, sex: Sex) -> None:
    number = read_personal_number(f"001{fourth}07000001")
    assert (number.birth_year, number.sex) == (year, sex)


def test_a_prefix_is_the_province_of_registration_and_not_an_administrative_code() -> None:
    number = read_personal_number("024199000001")
    assert registration_province(number) == "Bắc Giang"
    assert provinces()["24"].name == "Bắc Ninh"


def test_an_unknown_prefix_is_accepted_with_a_warning() -> None:
    number = read_personal_number("999199000001")
    assert registration_province(number) is None
    assert number_warnings(number, 2026) == (NumberWarning.UNKNOWN_PREFIX,)


def test_a_year_yet_to_come_is_accepted_with_a_warning() -> None:
    assert number_warnings(read_personal_number("001227000001"), 2026) == (NumberWarning.YEAR_IN_FUTURE,)
    assert number_warnings(read_personal_number("001226000001"), 2026) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "08708400099",
        "0870840009990",
        "087084000999\n",
        " 087084000999",
        "08708400099x",
        "\uff10\uff18\uff17\uff10\uff18\uff14\uff10\uff10\uff10\uff19\uff19\uff19",
        "\u0660\u0668\u0667\u0660\u0668\u0664\u0660\u0660\u0660\u0669\u0669\u0669",
        "+87084000999",
        "087084_00999",
    ],
)
def test_anything_but_twelve_ascii_digits_is_refused(text: str) -> None:
    with pytest.raises(InvalidPersonalNumber):
        read_personal_number(text)


def test_differences_from_the_record_are_named() -> None:
    number = read_personal_number("087084000999")
    assert disagreements(number, 1984, Sex.MALE) == ()
    assert disagreements(number, 1985, Sex.FEMALE) == (Disagreement.BIRTH_YEAR, Disagreement.SEX)


def test_a_number_does_not_show_in_its_representation() -> None:
    assert "000999" not in repr(read_personal_number("087084000999"))


def test_a_number_is_composed_of_its_parts() -> None:
    assert compose("087", 1984, Sex.MALE, 999) == "087084000999"
    assert compose("001", 2015, Sex.FEMALE, 7) == "001315000007"
