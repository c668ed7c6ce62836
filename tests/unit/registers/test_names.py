from __future__ import annotations

import unicodedata

import pytest

from idp.registers.names import InvalidName, match_key, name_ascii, read_name, same_name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Nguyễn Thị Hòa", "Nguyễn Thị Hoà"),
        ("Đặng Văn Đang", "DANG VAN DANG"),
        ("H'Hen Niê", "HHEN NIE"),
        ("H'Hen Niê", "H\u2019Hen Nie"),
        ("Nguyễn Văn An", "NGUYENVANAN"),
        ("An", "AN"),
        ("XIAO-LING WANG", "Xiao Ling Wang"),
        ("Rơ Châm H'Bơ", "ro cham hbo"),
        ("Trần Ngọc Ánh", unicodedata.normalize("NFD", "Trần Ngọc Ánh")),
    ],
)
def test_spellings_of_one_name_match(one: str, other: str) -> None:
    assert same_name(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Nguyễn Văn An", "Nguyễn Văn Ân Anh"),
        ("\u0110ặng", "\u00d0ặng"),  # the Icelandic eth looks the same and is another letter
        ("Thúy", "Thúi"),
        ("", ""),
        ("'", "-"),
    ],
)
def test_other_names_do_not_match(one: str, other: str) -> None:
    assert not same_name(one, other)


def test_two_spellings_stay_two_texts() -> None:
    assert read_name("Hòa") != read_name("Hoà")
    assert match_key("Hòa") == match_key("Hoà") == "hoa"


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Đặng Thị Mỹ Dung", "DANG THI MY DUNG"),
        ("H'Hen Niê", "HHEN NIE"),
        ("Y Bion Niê Kđăm", "Y BION NIE KDAM"),
        ("Jean-Luc Lefèvre", "JEAN LUC LEFEVRE"),
        ("Sørén Þórður Æ Straße", "SOEREN THORDUR AE STRASSE"),
    ],
)
def test_a_machine_readable_name_is_capitals_and_spaces(name: str, plain: str) -> None:
    assert name_ascii(name) == plain


@pytest.mark.parametrize(
    "name", ["An", "H'Hen Niê", "Nguyễn Văn An", "XIAO-LING", "O\u2019BRIEN, Jr.", "A" * 100]
)
def test_a_name_is_kept_as_it_is(name: str) -> None:
    assert read_name(name) == name


def test_a_name_is_brought_to_composed_form() -> None:
    assert read_name(" " + unicodedata.normalize("NFD", "Đặng Ngọc") + " ") == "Đặng Ngọc"


@pytest.mark.parametrize(
    "text", ["", " ", "A" * 101, "An 2", "An\u200bBình", "An\x00", "An  Bình", "An\nBình", "-", "An<b>"]
)
def test_what_cannot_be_a_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        read_name(text)
