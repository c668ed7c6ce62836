from __future__ import annotations

import pytest

from idp.authentication.vietnamese_words import GIVEN_NAMES, PHRASES, spellings, vocabulary


@pytest.mark.parametrize(
    ("phrase", "plain", "telex", "vni"),
    [
        ("mật khẩu", "matkhau", "maatjkhaaur", "ma6t5kha6u3"),
        ("mật khẩu", "matkhau", "maajtkhaaru", "ma65tkha63u"),
        ("đường", "duong", "dduwowngf", "d9u7o7ng2"),
        ("ăn", "an", "awn", "a8n"),
        ("Đặng Ngọc", "dangngoc", "ddawngjngocj", "d9a8ng5ngoc5"),
        ("anh", "anh", "anh", "anh"),
    ],
)
def test_how_a_phrase_looks_where_the_input_method_is_off(
    phrase: str, plain: str, telex: str, vni: str
) -> None:
    assert {plain, telex, vni} <= spellings(phrase)


def test_all_spellings_of_a_word_share_its_rank() -> None:
    ranks = vocabulary()
    assert {ranks[form] for form in spellings("mật khẩu")} == {1}


def test_the_vocabulary_holds_provinces_of_today_and_of_yesterday() -> None:
    assert vocabulary().keys() >= {"dongnai", "bacgiang", "hanoi", "bariavungtau"}


def test_lists_hold_no_word_twice() -> None:
    assert len(set(PHRASES)) == len(PHRASES)
    assert len(set(GIVEN_NAMES)) == len(GIVEN_NAMES)
