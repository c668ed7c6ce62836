from __future__ import annotations

import pytest

from idp.registers.enterprise_code import (
    EnterpriseCode,
    InvalidEnterpriseCode,
    check_digit,
    is_enterprise_code,
    read_enterprise_code,
)

VALID = (
    "0100109106",
    "0300588569",
    "0101245486",
    "0100233488",
    "0314409058",
    "0100112437",
    "0312687878",
    "0106869738",
    "0101243150",
    "4600864513",
)


@pytest.mark.parametrize("code", VALID)
def test_a_valid_code_reads_as_itself(code: str) -> None:
    assert str(read_enterprise_code(code)) == code


def test_a_check_digit_of_zero_is_a_check_digit() -> None:
    assert check_digit("010124315") == 0


def test_a_sequence_without_check_digit_has_no_code() -> None:
    assert check_digit("000000000") is None
    without = next(f"01{n:07d}" for n in range(1, 100) if check_digit(f"01{n:07d}") is None)
    assert not any(is_enterprise_code(f"{without}{digit}") for digit in range(10))


def test_a_dependent_unit_is_written_with_a_hyphen() -> None:
    assert read_enterprise_code("0100109106001") == EnterpriseCode("0100109106", "001")
    assert str(read_enterprise_code("0100109106001")) == "0100109106-001"
    assert read_enterprise_code("0100109106-999").unit == "999"


@pytest.mark.parametrize(
    "text",
    [
        "0100233480",
        "0000000000",
        "0100109106-000",
        "010010910",
        "01001091060",
        "0100-109106",
        "0100109106-01",
        "0100109106\n",
        "\uff10100109106",
        "",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidEnterpriseCode):
        read_enterprise_code(text)


def test_some_mobile_numbers_pass_for_codes_so_a_value_needs_its_scheme() -> None:
    mobiles = [f"091{n:07d}" for n in range(10_000)]
    share = sum(map(is_enterprise_code, mobiles)) / len(mobiles)
    assert 0.05 < share < 0.15
