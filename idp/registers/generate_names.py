"""Invented names that look like the country's: by people, sex and generation, from weighted lists."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate
from types import MappingProxyType
from typing import Final

from idp.registers.types import Sex

NO_MIDDLE_NAME: Final = "-"
OLD_BEFORE: Final = 1955
YOUNG_FROM: Final = 1985
SOUTH_FROM: Final = "44"

_FIRST_GIVEN: Final = frozenset({"ede"})
_KINH_GIVEN: Final = frozenset({"north", "south", "tay", "thai", "muong"})

# Shares of the larger peoples among those who live in a province: enough that every form of name occurs.
_PEOPLES: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "04": {"tay": 0.70, "hmong": 0.12},
        "08": {"tay": 0.35, "hmong": 0.25},
        "11": {"thai": 0.38, "hmong": 0.36},
        "12": {"thai": 0.32, "hmong": 0.24},
        "14": {"thai": 0.53, "hmong": 0.16, "muong": 0.07},
        "15": {"tay": 0.22, "hmong": 0.20, "thai": 0.06},
        "19": {"tay": 0.30},
        "20": {"tay": 0.78},
        "25": {"muong": 0.22},
        "38": {"muong": 0.11, "thai": 0.07},
        "40": {"thai": 0.10, "hmong": 0.01},
        "51": {"one": 0.18},
        "52": {"giarai": 0.16, "one": 0.05},
        "56": {"cham": 0.06},
        "66": {"ede": 0.13, "giarai": 0.01, "hmong": 0.01},
        "68": {"cham": 0.02, "one": 0.04, "hmong": 0.01},
        "86": {"khmer": 0.10},
        "91": {"khmer": 0.06, "one": 0.01},
        "92": {"khmer": 0.10},
        "96": {"khmer": 0.05},
    }
)


@dataclass(frozen=True, slots=True)
class Name:
    """A name as the register writes it, and its parts where it has them."""

    whole: str
    family: str
    middle: str
    given: str


@dataclass(frozen=True, slots=True)
class _Weighted:
    words: tuple[str, ...]
    weights: tuple[int, ...]

    def pick(self, rng: random.Random) -> str:
        return rng.choices(self.words, cum_weights=self.weights)[0]


def pick_people(rng: random.Random, province_code: str) -> str:
    """Choose of which people a household is; the Kinh of the north and of the south differ in family names."""
    point = rng.random()
    for people, share in _PEOPLES.get(province_code, {}).items():
        point -= share
        if point < 0:
            return people
    return "south" if province_code >= SOUTH_FROM else "north"


def pick_family_name(rng: random.Random, people: str) -> str:
    """Choose a family name, or none for a people without them."""
    words = _lists().get((people, "family", "*", "*"))
    return words.pick(rng) if words else ""


def pick_name(rng: random.Random, people: str, family: str, sex: Sex, birth_year: int) -> Name:
    """Choose middle and given names that fit, and write the whole as that people does."""
    source = "kinh" if people in _KINH_GIVEN else people
    generation = "old" if birth_year < OLD_BEFORE else "young" if birth_year >= YOUNG_FROM else "middle"
    middles = _find(source, "middle", sex, generation)
    middle = middles.pick(rng) if middles else ""
    middle = "" if middle == NO_MIDDLE_NAME else middle
    givens = _find(source, "given", sex, generation)
    given = givens.pick(rng) if givens else ""
    parts = (given, family) if people in _FIRST_GIVEN else (family, middle, given)
    return Name(" ".join(filter(None, parts)), family, middle, given)


def _find(people: str, part: str, sex: Sex, generation: str) -> _Weighted | None:
    lists = _lists()
    for key in ((sex.value, generation), (sex.value, "*"), ("*", "*")):
        if (people, part, *key) in lists:
            return lists[people, part, *key]
    return None


@cache
def _lists() -> Mapping[tuple[str, str, str, str], _Weighted]:
    with files("idp.registers").joinpath("data", "names.csv").open(encoding="utf-8") as file:
        return MappingProxyType(
            {
                (row["people"], row["part"], row["sex"], row["generation"]): _read_words(row["words"])
                for row in csv.DictReader(file)
            }
        )


def _read_words(text: str) -> _Weighted:
    pairs = [entry.rsplit("*", 1) for entry in text.split(" ")]
    words = tuple(word.replace("_", " ") for word, _ in pairs)
    return _Weighted(words, tuple(accumulate(int(weight) for _, weight in pairs)))
