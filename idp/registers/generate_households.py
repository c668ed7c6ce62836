"""Invented households, whose sizes and ages add up to the country's age pyramid, and who guards whom in them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from typing import Final

from idp.registers.birth_date import birthday
from idp.registers.generate_people import Home, Invented, People
from idp.registers.types import GuardianRelation, Sex

GuardianshipLine = tuple[str, str, str, str, str]

_FIRST_ADULT_AGE: Final = 18
_OLDEST: Final = 104
# A guardianship of somebody just grown up is still in the file: that it has ended is for the reader to know.
_OLDEST_WARD: Final = 18
_KINDS: Final = ("single", "couple", "family", "one_parent", "three_generations")
_KIND_WEIGHTS: Final = tuple(accumulate((14, 19, 42, 7, 18)))
_CHILDREN: Final = (1, 2, 3, 4)
_CHILDREN_WEIGHTS: Final = tuple(accumulate((32, 46, 16, 6)))


@dataclass(frozen=True, slots=True)
class Household:
    """Who lives together, the first an adult, and the guardianships among them."""

    members: tuple[Invented, ...]
    guardianships: tuple[GuardianshipLine, ...]


class Households:
    """Invents one household after the other."""

    def __init__(self, rng: random.Random, people: People, today: date) -> None:
        self._rng = rng
        self._people = people
        self._today = today

    def invent(self, largest: int) -> Household:
        """Invent a household of at most this many."""
        home = self._people.home()
        kind = self._rng.choices(_KINDS, cum_weights=_KIND_WEIGHTS)[0]
        if self._rng.random() < 0.002:
            return Household((self._people.foreigner(home, self._sex(), self._born(20, 65)),), ())
        if kind in {"single", "couple"} or largest < 3:
            return Household(tuple(self._pair(home, single=kind == "single"))[:largest], ())
        parents = self._parents(home, alone=kind == "one_parent")
        elders = self._elders(home, parents) if kind == "three_generations" else []
        room = largest - len(parents) - len(elders)
        children = self._children(home, parents, room)
        members = (*parents, *elders[: largest - len(parents)], *children)
        return Household(members, tuple(self._guardianships(parents, elders, children)))

    def _pair(self, home: Home, *, single: bool) -> Iterator[Invented]:
        youngest, oldest, usual = (18, 96, 44) if single else (22, 92, 40)
        age = int(self._rng.triangular(youngest, oldest, usual))
        yield self._people.citizen(home, self._sex(), self._people.born_at_age(age))
        if not single:
            yield self._people.citizen(home, self._sex(), self._born(max(18, age - 6), min(_OLDEST, age + 4)))

    def _parents(self, home: Home, *, alone: bool) -> list[Invented]:
        age = int(self._rng.triangular(22, 66, 32))
        mother = self._people.citizen(home, Sex.FEMALE, self._people.born_at_age(age))
        if alone:
            return [mother]
        father_born = self._born(max(20, age - 2), min(_OLDEST, age + 7))
        return [self._people.citizen(home, Sex.MALE, father_born), mother]

    def _elders(self, home: Home, parents: Sequence[Invented]) -> list[Invented]:
        father = parents[0]
        oldest = min(_OLDEST, father.age + 36)
        elders = [self._people.citizen(home, Sex.FEMALE, self._born(min(oldest, father.age + 20), oldest))]
        if self._rng.random() < 0.45:
            born = self._born(min(oldest, father.age + 22), oldest)
            elders.append(self._people.citizen(home, Sex.MALE, born, father.family_name))
        return elders

    def _children(self, home: Home, parents: Sequence[Invented], room: int) -> list[Invented]:
        """Invent the children who still live at home; they bear the family name of the first parent."""
        mother = parents[-1]
        count = min(room, self._rng.choices(_CHILDREN, cum_weights=_CHILDREN_WEIGHTS)[0])
        age = mother.age - self._rng.randint(20, 31)
        children: list[Invented] = []
        while len(children) < count and age >= 0:
            if age < 24 or self._rng.random() < 0.5:
                born = self._people.born_at_age(age)
                children.append(self._people.citizen(home, self._sex(), born, parents[0].family_name))
            age -= self._rng.randint(2, 5)
        return children

    def _guardianships(
        self, parents: Sequence[Invented], elders: Sequence[Invented], children: Sequence[Invented]
    ) -> Iterator[GuardianshipLine]:
        for child in children:
            if child.age > _OLDEST_WARD:
                continue
            if elders and self._rng.random() < 0.05:
                yield self._line(child, elders[0], GuardianRelation.GUARDIAN_OF_MINOR)
                continue
            for parent in parents:
                yield self._line(child, parent, GuardianRelation.PARENT)
        if elders and self._rng.random() < 0.02:
            yield self._line(elders[0], parents[0], GuardianRelation.GUARDIAN_OF_ADULT)

    def _line(self, ward: Invented, guardian: Invented, relation: GuardianRelation) -> GuardianshipLine:
        """Write the line; a parent's right begins at birth, any other by a decision in the years since."""
        since = ward.born
        if relation is GuardianRelation.GUARDIAN_OF_ADULT:
            since = birthday(ward.born, _FIRST_ADULT_AGE)
        if relation is not GuardianRelation.PARENT:
            since += timedelta(days=int(self._rng.random() * max(1, (self._today - since).days)))
        until = ""
        if self._rng.random() < 0.01:
            until = (
                since + timedelta(days=int(self._rng.random() * ((self._today - since).days + 1)))
            ).isoformat()
        return ward.record_id, guardian.record_id, relation.value, since.isoformat(), until

    def _sex(self) -> Sex:
        return Sex.MALE if self._rng.random() < 0.505 else Sex.FEMALE

    def _born(self, youngest: int, oldest: int) -> date:
        return self._people.born_at_age(self._rng.randint(youngest, oldest))
