"""Provinces, the prefixes of personal identification numbers, and ministries: data that came with the code.

Two tables, never joined by number: a prefix says where a birth was registered under the sixty-three
provinces of its day (Circular 07/2016/TT-BCA Annex 1), a code says which of the thirty-four units of
today is meant (Decision 19/2025/QĐ-TTg and the resolutions of 2026). Code 24 is Bắc Ninh, whose
prefix is 027; prefix 024 is Bắc Giang.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

CENTRAL_CITY: Final = "thành phố TW"


@dataclass(frozen=True, slots=True)
class Province:
    """One of today's thirty-four units of the first tier, under its two-digit administrative code."""

    code: str
    name: str
    is_city: bool
    merged_from: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NumberPrefix:
    """The first three digits of a personal identification number, and the province that used them."""

    prefix: str
    province_at_registration: str
    current_province_code: str


@dataclass(frozen=True, slots=True)
class Ministry:
    """A ministry or ministry-level agency and the domains it usually publishes under."""

    name: str
    usual_domain: str


@cache
def provinces() -> Mapping[str, Province]:
    """Return today's provinces by administrative code, in the order of the codes."""
    return MappingProxyType(
        {
            row["code"]: Province(
                code=row["code"],
                name=row["name"],
                is_city=row["type"] == CENTRAL_CITY,
                merged_from=tuple(row["merged_from"].split(", ")),
            )
            for row in _rows("provinces.csv")
        }
    )


@cache
def number_prefixes() -> Mapping[str, NumberPrefix]:
    """Return the sixty-three published prefixes of personal identification numbers."""
    return MappingProxyType(
        {
            row["pin_prefix"]: NumberPrefix(
                prefix=row["pin_prefix"],
                province_at_registration=row["province_at_registration"],
                current_province_code=row["current_province_code"],
            )
            for row in _rows("pin_prefixes.csv")
        }
    )


@cache
def ministries() -> tuple[Ministry, ...]:
    """Return the ministries and ministry-level agencies after the mergers of 2025."""
    return tuple(Ministry(row["name"], row["usual_domain"]) for row in _rows("ministries.csv"))


def _rows(name: str) -> Iterator[dict[str, str]]:
    with files("idp.registers").joinpath("data", name).open(encoding="utf-8") as file:
        yield from csv.DictReader(file)
