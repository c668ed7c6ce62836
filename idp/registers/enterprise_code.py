"""The enterprise code, which is the tax code (mã số doanh nghiệp, mã số thuế).

Ten digits, the last a check digit; a dependent unit adds a hyphen and three digits of its own. The first
two digits are a region of the tax catalogue, not a province, and stay when the head office moves. About a
tenth of the ten-digit mobile numbers pass the check too, so a value always travels with its scheme.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

WEIGHTS: Final = (31, 29, 23, 19, 17, 13, 7, 5, 3)
_SHAPE: Final = re.compile(r"([0-9]{10})(?:-?([0-9]{3}))?")
_NO_SEQUENCE: Final = "0000000"
_NO_UNIT: Final = "000"


class InvalidEnterpriseCode(ValueError):
    """The text is not an enterprise code: wrong shape, wrong check digit, or a number that is never issued."""


@dataclass(frozen=True, slots=True)
class EnterpriseCode:
    """An enterprise's ten digits, and the three of its dependent unit if it is one."""

    enterprise: str
    unit: str | None = None

    def __str__(self) -> str:
        """Write the code as the tax authority does: `0100109106` or `0100109106-001`."""
        return self.enterprise if self.unit is None else f"{self.enterprise}-{self.unit}"


def check_digit(first_nine: str) -> int | None:
    """Return the check digit of nine digits, or `None` where the sequence is skipped and no code exists."""
    remainder = sum(int(digit) * weight for digit, weight in zip(first_nine, WEIGHTS, strict=True)) % 11
    return 10 - remainder if remainder else None


def read_enterprise_code(text: str) -> EnterpriseCode:
    """Read 10 or 13 ASCII digits, the hyphen optional; raise `InvalidEnterpriseCode` for anything else."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise InvalidEnterpriseCode("must be 10 digits, or 10 digits, a hyphen and 3 digits")
    enterprise, unit = found.groups()
    if enterprise[2:9] == _NO_SEQUENCE or unit == _NO_UNIT:
        raise InvalidEnterpriseCode("is a number that is never issued")
    if check_digit(enterprise[:9]) != int(enterprise[9]):
        raise InvalidEnterpriseCode("has a wrong check digit")
    return EnterpriseCode(enterprise, unit)


def is_enterprise_code(text: str) -> bool:
    """Say whether the text reads as an enterprise code."""
    try:
        read_enterprise_code(text)
    except InvalidEnterpriseCode:
        return False
    return True
