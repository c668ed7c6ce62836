"""Whatever the text, a personal number is twelve ASCII digits or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.registers.personal_code import (
    InvalidPersonalNumber,
    compose,
    is_personal_number,
    number_warnings,
    read_personal_number,
)
from idp.registers.types import Sex

DIGITS = "0123456789"


@given(st.text(alphabet=DIGITS, min_size=12, max_size=12))
def test_every_twelve_digits_are_read_and_composed_again(text: str) -> None:
    number = read_personal_number(text)
    assert compose(number.prefix, number.birth_year, number.sex, int(text[6:])) == text
    assert len(number_warnings(number, 2026)) <= 2


@given(
    st.text(alphabet=DIGITS, min_size=3, max_size=3),
    st.integers(1900, 2399),
    st.sampled_from(Sex),
    st.integers(0, 999_999),
)
def test_what_is_composed_reads_as_its_parts(prefix: str, year: int, sex: Sex, serial: int) -> None:
    number = read_personal_number(compose(prefix, year, sex, serial))
    assert (number.prefix, number.birth_year, number.sex) == (prefix, year, sex)


@given(st.text() | st.text(alphabet=st.characters(categories=["Nd"]), min_size=12, max_size=12))
def test_no_other_text_is_read(text: str) -> None:
    if len(text) == 12 and all(character in DIGITS for character in text):
        return
    assert not is_personal_number(text)
    with pytest.raises(InvalidPersonalNumber):
        read_personal_number(text)
