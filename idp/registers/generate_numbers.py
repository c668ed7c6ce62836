"""Invented numbers that are never given twice, without remembering those that were.

Within a cell (a prefix, a year and a sex; or a tax region) a counter runs through a permutation, so that the
numbers look drawn at random and memory holds one counter a cell, whatever the size of the country.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

from idp.registers.enterprise_code import check_digit
from idp.registers.personal_code import compose
from idp.registers.types import Sex

_SERIALS: Final = 1_000_000
_SERIAL_STRIDE: Final = 618_033  # coprime to the number of serials
_SEQUENCES: Final = 9_999_999
_SEQUENCE_STRIDE: Final = 6_180_341  # coprime to the number of sequences


@dataclass(slots=True)
class Numbers:
    """Gives out personal identification numbers and enterprise codes."""

    seed: int
    _given: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def personal(self, prefix: str, birth_year: int, sex: Sex) -> str:
        """Give a number that fits; raise `ValueError` after a million in one cell."""
        cell = f"{prefix}/{birth_year}/{sex}"
        place = self._next(cell)
        if place >= _SERIALS:
            raise ValueError("More people than numbers: no prefix has room for a million births a year.")
        return compose(prefix, birth_year, sex, (place * _SERIAL_STRIDE + self._start(cell)) % _SERIALS)

    def enterprise(self, region: str) -> str:
        """Give an enterprise code of a tax region; sequences without a check digit are skipped."""
        while True:
            place = self._next(region)
            sequence = 1 + (place * _SEQUENCE_STRIDE + self._start(region)) % _SEQUENCES
            first_nine = f"{region}{sequence:07d}"
            digit = check_digit(first_nine)
            if digit is not None:
                return f"{first_nine}{digit}"

    def _next(self, cell: str) -> int:
        place = self._given[cell]
        self._given[cell] = place + 1
        return place

    def _start(self, cell: str) -> int:
        return crc32(f"{self.seed}/{cell}".encode())
