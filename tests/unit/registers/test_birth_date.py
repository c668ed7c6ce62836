from __future__ import annotations

from datetime import date

import pytest

from idp.registers.birth_date import (
    BirthDate,
    InvalidDate,
    Precision,
    age_over,
    birthdate_claim,
    latest_birth_date,
    read_birth_date,
    read_date,
)

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("birth", "years", "certain"),
    [
        ("1950", 60, True),
        ("1966", 60, False),
        ("1966-11", 60, False),
        ("1966-10", 60, True),
        ("1966-11-22", 60, True),
        ("1966-11-23", 60, False),
        ("2008-11-22", 18, True),
        ("2008-11-23", 18, False),
    ],
)
def test_an_age_counts_from_the_latest_possible_birth(birth: str, years: int, *, certain: bool) -> None:
    assert age_over(read_birth_date(birth), years, TODAY) is certain


def test_somebody_born_on_29_february_comes_of_age_on_1_march() -> None:
    birth = BirthDate(2008, 2, 29)
    assert not age_over(birth, 18, date(2026, 2, 28))
    assert age_over(birth, 18, date(2026, 3, 1))
    assert age_over(birth, 20, date(2028, 2, 29))


@pytest.mark.parametrize(
    ("text", "precision", "claim", "latest"),
    [
        ("1950", Precision.YEAR, "1950", date(1950, 12, 31)),
        ("1952-02", Precision.MONTH, "1952", date(1952, 2, 29)),
        ("1950-03-07", Precision.DAY, "1950-03-07", date(1950, 3, 7)),
    ],
)
def test_no_part_of_a_date_is_invented(text: str, precision: Precision, claim: str, latest: date) -> None:
    birth = read_birth_date(text)
    assert str(birth) == text
    assert birth.precision is precision
    assert birthdate_claim(birth) == claim
    assert latest_birth_date(birth) == latest


@pytest.mark.parametrize(
    "text", ["", "50", "0000", "1950-13", "1950-00", "1950-02-29", "1950-1-1", "19500101", "1950-03-"]
)
def test_what_is_no_birth_date_is_refused(text: str) -> None:
    with pytest.raises(InvalidDate):
        read_birth_date(text)


@pytest.mark.parametrize("text", ["2026-02-29", "2026-W01-1", "20260101", "2026", "\uff12026-01-01"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(InvalidDate):
        read_date(text)
