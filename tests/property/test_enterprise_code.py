"""The check digit of an enterprise code catches what people get wrong."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from idp.registers.enterprise_code import check_digit, is_enterprise_code, read_enterprise_code

REGIONS = st.integers(0, 99).map("{:02d}".format)
SEQUENCES = st.integers(1, 9_999_999).map("{:07d}".format)


@st.composite
def codes(draw: st.DrawFn) -> str:
    first_nine = draw(REGIONS) + draw(SEQUENCES)
    digit = check_digit(first_nine)
    assume(digit is not None)
    return f"{first_nine}{digit}"


@given(codes())
def test_a_code_with_its_check_digit_reads_as_itself(code: str) -> None:
    assert str(read_enterprise_code(code)) == code


@given(codes(), st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_is_found(code: str, place: int, step: int) -> None:
    wrong = code[:place] + str((int(code[place]) + step) % 10) + code[place + 1 :]
    assert not is_enterprise_code(wrong)


@given(codes(), st.integers(1, 999))
def test_a_dependent_unit_reads_with_and_without_hyphen(code: str, unit: int) -> None:
    assert read_enterprise_code(f"{code}{unit:03d}") == read_enterprise_code(f"{code}-{unit:03d}")


@given(st.text())
def test_any_text_is_read_or_refused_and_never_breaks(text: str) -> None:
    assert is_enterprise_code(text) in {True, False}
