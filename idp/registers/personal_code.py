"""The personal identification number (số định danh cá nhân), as text.

Decree 137/2015/NĐ-CP Art. 13 and Circular 07/2016/TT-BCA Art. 7: three digits for the place of birth
registration, one for century and sex, two for the year, six at random, and no check digit. A well-formed
number therefore proves nothing and is never a secret; the register, not the digits, is the authority.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from idp.registers.places import number_prefixes
from idp.registers.types import Sex

LENGTH: Final = 12
FIRST_CENTURY: Final = 1900
_SHAPE: Final = re.compile(r"[0-9]{12}")


class InvalidPersonalNumber(ValueError):
    """The text is not twelve ASCII digits."""


class NumberWarning(StrEnum):
    """What is odd about a number that is nevertheless accepted."""

    UNKNOWN_PREFIX = "unknown_prefix"
    YEAR_IN_FUTURE = "year_in_future"


class Disagreement(StrEnum):
    """Where the digits and the record differ: a signal for review, never a ground for refusal."""

    BIRTH_YEAR = "birth_year"
    SEX = "sex"


@dataclass(frozen=True, slots=True)
class PersonalNumber:
    """A number of the right shape and what its digits say; they say nothing about residence or nationality."""

    value: str = field(repr=False)
    prefix: str = field(repr=False)
    birth_year: int = field(repr=False)
    sex: Sex = field(repr=False)


def is_personal_number(text: str) -> bool:
    """Say whether the text is twelve ASCII digits; full-width and other Unicode digits are not."""
    return _SHAPE.fullmatch(text) is not None


def read_personal_number(text: str) -> PersonalNumber:
    """Read twelve ASCII digits; raise `InvalidPersonalNumber` otherwise. The prefix is never a ground to refuse."""
    if not is_personal_number(text):
        raise InvalidPersonalNumber("must be exactly 12 digits 0-9")
    century_and_sex = int(text[3])
    return PersonalNumber(
        value=text,
        prefix=text[:3],
        birth_year=FIRST_CENTURY + 100 * (century_and_sex // 2) + int(text[4:6]),
        sex=Sex.FEMALE if century_and_sex % 2 else Sex.MALE,
    )


def number_warnings(number: PersonalNumber, this_year: int) -> tuple[NumberWarning, ...]:
    """Return what is odd about a number: a prefix outside the published list, a year yet to come.

    Prefixes outside the list exist: countries for births registered abroad, and whatever births after
    1 July 2025 are given.
    """
    odd = (
        (NumberWarning.UNKNOWN_PREFIX, number.prefix not in number_prefixes()),
        (NumberWarning.YEAR_IN_FUTURE, number.birth_year > this_year),
    )
    return tuple(warning for warning, found in odd if found)


def registration_province(number: PersonalNumber) -> str | None:
    """Return the province of birth registration as it was called then, or `None` for an unlisted prefix."""
    known = number_prefixes().get(number.prefix)
    return known.province_at_registration if known else None


def disagreements(number: PersonalNumber, birth_year: int, sex: Sex) -> tuple[Disagreement, ...]:
    """Compare the digits with a record; what differs is for a person to review."""
    differences = (
        (Disagreement.BIRTH_YEAR, number.birth_year != birth_year),
        (Disagreement.SEX, number.sex is not sex),
    )
    return tuple(name for name, found in differences if found)


def compose(prefix: str, birth_year: int, sex: Sex, serial: int) -> str:
    """Write the number that the parts make; `serial` is the last six digits (0 to 999999)."""
    century, year = divmod(birth_year - FIRST_CENTURY, 100)
    return f"{prefix}{2 * century + (sex is Sex.FEMALE)}{year:02d}{serial:06d}"
