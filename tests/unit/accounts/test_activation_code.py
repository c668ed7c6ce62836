from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.accounts.activation_code import (
    ALPHABET,
    InvalidActivationCode,
    new_activation_code,
    print_activation_code,
    read_activation_code,
)


@pytest.mark.parametrize(
    "typed",
    [
        "0123ABCDEF", "0123A-BCDEF", " 0123a-bcdef ", "o123a bcdef", "O1Z3A–BCDEF".replace("Z", "2"), "oi23abcdef",
        "0l23a.bcdef", "0 1 2 3 A B C D E F",
    ],
)  # fmt: skip
def test_a_code_is_read_as_it_was_meant(typed: str) -> None:
    assert read_activation_code(typed) == "0123ABCDEF"


@pytest.mark.parametrize(
    "typed", ["", "0123ABCDE", "0123ABCDEF0", "0123ABCDEU", "0123ABCDE!", "０123ABCDEF", "x" * 5000]
)
def test_what_is_no_code_is_refused(typed: str) -> None:
    with pytest.raises(InvalidActivationCode):
        read_activation_code(typed)


@given(st.text(ALPHABET, min_size=10, max_size=10))
def test_what_is_printed_is_read_back(code: str) -> None:
    assert read_activation_code(print_activation_code(code).lower()) == code


def test_codes_are_made_from_the_whole_alphabet_and_differ() -> None:
    codes = {new_activation_code() for _ in range(1000)}
    assert len(codes) == 1000
    assert set("".join(codes)) == set(ALPHABET)
    assert len(ALPHABET) ** len(codes.pop()) >= 2**50
    assert print_activation_code("0123ABCDEF") == "0123A-BCDEF"
