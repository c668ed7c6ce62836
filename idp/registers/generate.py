"""An invented country for development, demonstrations and load tests: files as the registers would send them.

Nobody in them exists. The same seed, sizes and day give the same bytes; memory does not grow with the size.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from idp.registers.columns import COLUMNS, GUARDIANSHIPS, ORGANISATIONS, PEOPLE, REPRESENTATIVES
from idp.registers.generate_households import Households
from idp.registers.generate_numbers import Numbers
from idp.registers.generate_organisations import Organisations
from idp.registers.generate_people import Invented, People

MOST_PEOPLE: Final = 150_000_000
MOST_ORGANISATIONS_A_PERSON: Final = 2
_WORKING_AGE: Final = range(20, 75)

OnInvented = Callable[[int], None]
"""Told how many people have been written since it was last told."""


@dataclass(frozen=True, slots=True)
class Generated:
    """How many lines each file got, without the header."""

    people: int
    guardianships: int
    organisations: int
    representatives: int


class _Files:
    """The four files, open for writing, with their counts."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._writers = {name: _writer(folder / name, stack) for name in COLUMNS}
        self.counts = dict.fromkeys(COLUMNS, 0)
        for name, columns in COLUMNS.items():
            self._writers[name].writerow([column.name for column in columns])

    def write(self, name: str, lines: Iterable[tuple[str, ...]]) -> None:
        for line in lines:
            self._writers[name].writerow(line)
            self.counts[name] += 1


def generate(
    people: int,
    seed: int,
    organisations: int,
    out: Path,
    today: date,
    *,
    on_invented: OnInvented = lambda _count: None,
) -> Generated:
    """Write `people.csv`, `guardianships.csv`, `organisations.csv` and `representatives.csv` into `out`.

    Raises `ValueError` for sizes that make no country: no people, more than 150 million, or more than two
    organisations for each.
    """
    if not 1 <= people <= MOST_PEOPLE:
        raise ValueError(f"The number of people must be 1 to {MOST_PEOPLE}.")
    if not 0 <= organisations <= people * MOST_ORGANISATIONS_A_PERSON:
        raise ValueError(
            f"The number of organisations must be 0 to {MOST_ORGANISATIONS_A_PERSON} for each person."
        )
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files = _Files(out, stack)
        _populate(files, random.Random(seed), Numbers(seed), (people, organisations, today), on_invented)
    counts = files.counts
    return Generated(counts[PEOPLE], counts[GUARDIANSHIPS], counts[ORGANISATIONS], counts[REPRESENTATIVES])


def _populate(
    files: _Files, rng: random.Random, numbers: Numbers, size: tuple[int, int, date], on_invented: OnInvented
) -> None:
    people, organisations, today = size
    households = Households(rng, People(rng, numbers, today), today)
    firms = Organisations(rng, numbers, today)
    while files.counts[PEOPLE] < people:
        household = households.invent(people - files.counts[PEOPLE])
        files.write(PEOPLE, (member.line for member in household.members))
        files.write(GUARDIANSHIPS, household.guardianships)
        due = organisations * files.counts[PEOPLE] // people - files.counts[ORGANISATIONS]
        _found(files, firms, household.members, due)
        on_invented(len(household.members))


def _found(files: _Files, firms: Organisations, members: tuple[Invented, ...], due: int) -> None:
    """Found as many organisations as are due by now, led by the adults of this household in turn."""
    adults = [member for member in members if member.age in _WORKING_AGE and member.alive] or [members[0]]
    firms.remember(adults[0])
    for place in range(due):
        founded = firms.invent(adults[place % len(adults)], household_business=place < len(adults))
        files.write(ORGANISATIONS, (founded.line,))
        files.write(REPRESENTATIVES, founded.representatives)


def _writer(path: Path, stack: ExitStack) -> Any:
    file = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
    return csv.writer(file, lineterminator="\n")
