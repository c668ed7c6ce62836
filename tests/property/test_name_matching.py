"""Matching of names holds for every name that can be written."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import assume, given
from hypothesis import strategies as st

from idp.registers.names import InvalidName, match_key, name_ascii, read_name, same_name

LETTERS = st.characters(categories=["Lu", "Ll", "Mn"], max_codepoint=0x1EFF)
VIETNAMESE = st.text(
    alphabet="aăâbcdđeêghiklmnoôơpqrstuưvxyAĂÂBĐÊÔƠƯ áàảãạấầẩẫậắằẵặéèẽẹếềễệíìĩịóòốồộớờợúùứừựýỳỵ'-"
)


@given(VIETNAMESE)
def test_composition_case_and_spaces_do_not_matter(name: str) -> None:
    key = match_key(name)
    assert match_key(unicodedata.normalize("NFD", name)) == key
    assert match_key(name.upper()) == key
    assert match_key(name.replace(" ", "").replace("'", "").replace("-", "")) == key


@given(VIETNAMESE)
def test_the_key_of_a_vietnamese_name_is_plain_letters(name: str) -> None:
    assert re.fullmatch("[a-z]*", match_key(name))


@given(VIETNAMESE)
def test_the_machine_readable_form_matches_the_name(name: str) -> None:
    assume(match_key(name))
    assert same_name(name, name_ascii(name))


@given(st.text(alphabet=LETTERS))
def test_a_key_is_its_own_key(name: str) -> None:
    assert match_key(match_key(name)) == match_key(name)


@given(st.text())
def test_a_name_that_is_read_reads_as_itself(text: str) -> None:
    try:
        name = read_name(text)
    except InvalidName:
        return
    assert read_name(name) == name
    assert unicodedata.is_normalized("NFC", name)
    assert 1 <= len(name) <= 100


@given(st.text())
def test_a_machine_readable_name_has_capitals_and_single_spaces_only(text: str) -> None:
    assert re.fullmatch("(?:[A-Z]+(?: [A-Z]+)*)?", name_ascii(text))
