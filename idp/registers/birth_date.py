"""Dates of birth as the population register holds them: to the day, to the month, or only the year.

Older people's records may hold no day, or neither day nor month. Nothing here ever invents one.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

_SHAPE: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_FULL_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FEBRUARY: Final = 2


class Precision(StrEnum):
    """How much of a birth date the register knows."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


class InvalidDate(ValueError):
    """The text is not a calendar date of the expected form."""


@dataclass(frozen=True, slots=True)
class BirthDate:
    """A date of birth; `month` and `day` are `None` where the register does not know them."""

    year: int
    month: int | None = None
    day: int | None = None

    @property
    def precision(self) -> Precision:
        """How much of the date is known."""
        if self.month is None:
            return Precision.YEAR
        return Precision.MONTH if self.day is None else Precision.DAY

    def __str__(self) -> str:
        """Write the ISO 8601 text at the date's own precision: `1950`, `1950-03` or `1950-03-07`."""
        parts = [f"{self.year:04d}"]
        parts += [f"{part:02d}" for part in (self.month, self.day) if part is not None]
        return "-".join(parts)


def read_birth_date(text: str) -> BirthDate:
    """Read `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; raise `InvalidDate` for anything else, 29 February included."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise InvalidDate("must be YYYY, YYYY-MM or YYYY-MM-DD")
    year, month, day = (int(part) if part else None for part in found.groups())
    try:
        date(year or 0, 1 if month is None else month, 1 if day is None else day)
    except ValueError:
        raise InvalidDate("is not a date of the calendar") from None
    return BirthDate(year or 0, month, day)


def read_date(text: str) -> date:
    """Read exactly `YYYY-MM-DD`; raise `InvalidDate` for anything else."""
    if _FULL_DATE.fullmatch(text) is None:
        raise InvalidDate("must be YYYY-MM-DD")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidDate("is not a date of the calendar") from None


def latest_birth_date(birth: BirthDate) -> date:
    """Return the last day on which the person can have been born."""
    if birth.month is None:
        return date(birth.year, 12, 31)
    if birth.day is None:
        return date(birth.year, birth.month, calendar.monthrange(birth.year, birth.month)[1])
    return date(birth.year, birth.month, birth.day)


def birthday(birth: date, years: int) -> date:
    """Return the day on which someone born on `birth` completes `years` years of age.

    Someone born on 29 February completes a year on 1 March where the year has no such day: the later
    of the two readings, because every gate that uses this must err on the side of the younger age.
    """
    if (birth.month, birth.day) == (_FEBRUARY, 29) and not calendar.isleap(birth.year + years):
        return date(birth.year + years, 3, 1)
    return birth.replace(year=birth.year + years)


def age_over(birth: BirthDate, years: int, today: date) -> bool:
    """Say whether the person has certainly completed `years` years: counted from the latest possible birth."""
    return today >= birthday(latest_birth_date(birth), years)


def birthdate_claim(birth: BirthDate) -> str:
    """Return the `birthdate` claim: the whole date, or the year alone (OpenID Connect Core §5.1).

    The claim has no form for a year with a month, so such a date gives its year; the precision and the
    text of the register travel beside it.
    """
    return str(birth) if birth.day is not None else f"{birth.year:04d}"
