"""Languages are negotiated, and numbers and dates written, as people here expect."""

from __future__ import annotations

import pytest

from idp.pages import i18n
from idp.pages.i18n import Locale

NOON = 1_795_327_920


@pytest.mark.parametrize(
    ("ui_locales", "cookie", "accept_language", "chosen"),
    [
        (None, None, None, "vi"),
        ("", "", "", "vi"),
        ("en", "vi", "vi", "en"),
        ("fr-CA en-GB vi", None, None, "en"),
        ("fr", "en", "vi", "en"),
        (None, "vi", "en", "vi"),
        (None, "kha", "en-US,en;q=0.9,vi;q=0.8", "en"),
        (None, None, "en;q=0.3, vi-VN;q=0.9", "vi"),
        (None, None, "EN-us", "en"),
        (None, None, "en;q=0, fr", "vi"),
        (None, None, "en;q=many, fr;level=1", "vi"),
        (None, None, "en;q=nan", "vi"),
        (None, None, "*", "vi"),
        (None, None, "fr," * 1000 + "en", "vi"),
        ("en" + "\x00", None, None, "vi"),
    ],
)
def test_language(
    ui_locales: str | None, cookie: str | None, accept_language: str | None, chosen: Locale
) -> None:
    assert i18n.negotiate(ui_locales, cookie, accept_language) == chosen


@pytest.mark.parametrize(
    ("text", "vietnamese", "english"),
    [
        ("1950", "năm 1950", "1950"),
        ("1950-03", "tháng 3 năm 1950", "March 1950"),
        ("1950-03-07", "07/03/1950", "07/03/1950"),
    ],
)
def test_dates_keep_their_precision(text: str, vietnamese: str, english: str) -> None:
    assert i18n.format_calendar_date(text, "vi") == vietnamese
    assert i18n.format_calendar_date(text, "en") == english


@pytest.mark.parametrize("text", ["", "soon", "1950-03-07-09", "1950-13", "1950-00", "1950-", "١٩٥٠"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        i18n.format_calendar_date(text, "en")
    with pytest.raises(ValueError, match=r".*"):
        i18n.format_calendar_date(text, "vi")


def test_times_are_those_of_viet_nam() -> None:
    assert i18n.format_moment(NOON, "vi") == "13:12 ngày 22/11/2026"
    assert i18n.format_moment(NOON, "en") == "13:12 on 22/11/2026"
    assert i18n.format_time(NOON, "vi") == "13:12"
    assert i18n.format_date(NOON, "en") == "22/11/2026"
    assert i18n.iso_instant(NOON) == "2026-11-22T06:12:00Z"


def test_numbers_are_grouped() -> None:
    assert i18n.format_number(1_234_567, "vi") == "1.234.567"
    assert i18n.format_number(1_234_567, "en") == "1,234,567"


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("+84912345678", "+84 912 345 678"),
        ("+842438250001", "+84 2438 250 001"),
        ("+12025550143", "+12025550143"),
        ("?", "?"),
    ],
)
def test_a_telephone_number_in_groups(number: str, written: str) -> None:
    assert i18n.format_phone_number(number, "vi") == written
