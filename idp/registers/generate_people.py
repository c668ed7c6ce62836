"""Invented people: their birth, number, residence, card and fate, each record as the lines of `people.csv`."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from types import MappingProxyType
from typing import Final

from idp.registers.birth_date import birthday
from idp.registers.generate_names import Name, pick_family_name, pick_name, pick_people
from idp.registers.generate_numbers import Numbers
from idp.registers.places import number_prefixes, provinces
from idp.registers.types import CardStatus, NumberReason, PersonStatus, Sex, SubjectType

TWO_TIERS_SINCE: Final = date(2025, 7, 1)
COMMUNES_A_PROVINCE: Final = 98
# Ages at which an identity card is renewed; after the last it does not expire (Law on Identification Art. 21).
CARD_AGES: Final = (14, 25, 40, 60)
BORN_ABROAD_PREFIXES: Final = ("301", "302", "305", "309")
FOREIGNER_PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {"CHN": "501", "KOR": "502", "JPN": "503", "USA": "504", "FRA": "505"}
)

# Thousands of inhabitants, rounded, after the mergers of 2025: the shape matters, not the last digit.
_INHABITANTS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "01": 8807, "04": 573, "08": 1865, "11": 673, "12": 512, "14": 1404, "15": 1778, "19": 1799, "20": 881,
        "22": 1497, "24": 3619, "25": 4022, "31": 4664, "33": 3567, "37": 4412, "38": 4324, "40": 3831, "42": 1622,
        "44": 1870, "46": 1432, "48": 3065, "51": 2161, "52": 3583, "56": 2243, "66": 3346, "68": 3872, "75": 4491,
        "79": 14002, "80": 3254, "82": 4370, "86": 4257, "91": 4952, "92": 4199, "96": 2606,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Home:
    """Where a household lives and of which people it is."""

    province_code: str
    commune_code: str
    detail: str
    as_of: str
    people: str


@dataclass(frozen=True, slots=True)
class Invented:
    """A record, as the fields of its line, with what the rest of the household and its firms must know."""

    line: tuple[str, ...]
    record_id: str
    number: str
    born: date
    age: int
    family_name: str
    alive: bool
    home: Home


@dataclass(frozen=True, slots=True)
class _Papers:
    """A person's current number with its first day, the earlier ones, and why the register knows the person."""

    number: str
    number_since: str
    former_numbers: str
    subject_type: SubjectType
    nationality: str


class People:
    """Invents people one after the other; holds counters and no records."""

    def __init__(self, rng: random.Random, numbers: Numbers, today: date) -> None:
        self._rng = rng
        self._numbers = numbers
        self._today = today
        self._count = 0
        self._codes = tuple(_INHABITANTS)
        self._weights = tuple(accumulate(_INHABITANTS.values()))
        self._order = {code: place for place, code in enumerate(provinces())}
        self._prefixes = _prefixes_by_province()
        self._all_prefixes = tuple(number_prefixes())
        self._as_of_days = (today - TWO_TIERS_SINCE).days

    def home(self) -> Home:
        """Choose a dwelling. The commune codes are of the right form and order, not those of real communes."""
        rng = self._rng
        code = rng.choices(self._codes, cum_weights=self._weights)[0]
        commune = 1 + 2900 * self._order[code] + 29 * int(rng.random() * COMMUNES_A_PROVINCE)
        as_of = self._today.toordinal() - int(rng.random() * max(1, self._as_of_days))
        return Home(
            province_code=code,
            commune_code=f"{commune:05d}",
            detail=f"Số {1 + int(rng.random() * 400)}, {rng.choice(('tổ', 'thôn', 'ấp'))} {1 + int(rng.random() * 30)}",
            as_of=date.fromordinal(as_of).isoformat(),
            people=pick_people(rng, code),
        )

    def citizen(self, home: Home, sex: Sex, born: date, family_name: str | None = None) -> Invented:
        """Invent a citizen of this household; without a family name given, one is chosen."""
        rng = self._rng
        family = pick_family_name(rng, home.people) if family_name is None else family_name
        name = pick_name(rng, home.people, family, sex, born.year)
        return self._record(home, name, sex, born, self._citizens_papers(home, sex, born))

    def foreigner(self, home: Home, sex: Sex, born: date) -> Invented:
        """Invent a foreigner with a residence card; the structure of their numbers is not public."""
        nationality = self._rng.choice(tuple(FOREIGNER_PREFIXES))
        name = pick_name(self._rng, nationality, pick_family_name(self._rng, nationality), sex, born.year)
        number = self._numbers.personal(FOREIGNER_PREFIXES[nationality], born.year, sex)
        papers = _Papers(number, "", "", SubjectType.FOREIGNER, nationality)
        return self._record(home, name, sex, born, papers)

    def born_at_age(self, age: int) -> date:
        """Choose a birthday that makes somebody this old today."""
        day = self._today.toordinal() - int(365.2425 * age) - int(self._rng.random() * 365)
        return date.fromordinal(day)

    def _record(self, home: Home, name: Name, sex: Sex, born: date, papers: _Papers) -> Invented:
        self._count += 1
        record_id = f"P{self._count:09d}"
        age = (self._today - born).days * 4 // 1461
        status = self._fate(age)
        line = (
            record_id, papers.number, papers.number_since, papers.former_numbers,
            name.whole, name.family, name.middle, name.given, self._known_birth(born),
            sex.value, papers.nationality, papers.subject_type.value,
            home.province_code, home.commune_code, home.detail, home.as_of,
            status.value, *self._card(papers.subject_type, born, age),
        )  # fmt: skip
        alive = status is PersonStatus.ALIVE
        return Invented(line, record_id, papers.number, born, age, name.family, alive, home)

    def _prefix(self, province_code: str) -> str:
        chance = self._rng.random()
        if chance < 0.001:
            return self._rng.choice(BORN_ABROAD_PREFIXES)
        if chance < 0.18:
            return self._rng.choice(self._all_prefixes)
        return self._rng.choice(self._prefixes[province_code])

    def _citizens_papers(self, home: Home, sex: Sex, born: date) -> _Papers:
        """Give a number, and to few people an earlier one; to very few no nationality."""
        rng = self._rng
        stateless = rng.random() < 0.0003
        kind = SubjectType.STATELESS_ORIGIN if stateless else SubjectType.CITIZEN
        nationality = "" if stateless else "VNM"
        prefix = self._prefix(home.province_code)
        number = self._numbers.personal(prefix, born.year, sex)
        if rng.random() >= 0.002:
            return _Papers(number, "", "", kind, nationality)
        reason = rng.choice((NumberReason.REESTABLISHED, NumberReason.SEX_CORRECTED))
        other = Sex.MALE if sex is Sex.FEMALE else Sex.FEMALE
        former = self._numbers.personal(
            prefix, born.year, other if reason is NumberReason.SEX_CORRECTED else sex
        )
        last_day = date.fromordinal(born.toordinal() + int(rng.random() * (self._today - born).days))
        first_day = last_day + timedelta(days=1)
        earlier = f"{former}:{born.isoformat()}:{last_day.isoformat()}:{reason}"
        return _Papers(number, first_day.isoformat(), earlier, kind, nationality)

    def _fate(self, age: int) -> PersonStatus:
        chance = self._rng.random()
        if chance < (0.002 if age < 60 else 0.04 if age < 75 else 0.15):
            return PersonStatus.DECEASED
        return PersonStatus.MISSING if chance > 0.9995 else PersonStatus.ALIVE

    def _known_birth(self, born: date) -> str:
        """Write what the register knows of the date: of some older people only the year, or year and month."""
        chance = self._rng.random()
        only_year = 0.22 if born.year < 1955 else 0.05 if born.year < 1970 else 0.003
        if chance < only_year:
            return f"{born.year}"
        if chance < only_year * 1.3:
            return f"{born.year}-{born.month:02d}"
        return born.isoformat()

    def _card(self, kind: SubjectType, born: date, age: int) -> tuple[str, str]:
        """Give the card's status and last good day; one in sixty forgot to renew it."""
        rng = self._rng
        if rng.random() >= (0.25 if age < CARD_AGES[0] else 0.97):
            return CardStatus.NONE.value, ""
        status = CardStatus.LOCKED if rng.random() < 0.004 else CardStatus.VALID
        if kind is SubjectType.FOREIGNER:
            last_day = date.fromordinal(self._today.toordinal() - 90 + int(rng.random() * 1800))
            return status.value, last_day.isoformat()
        coming = [years for years in CARD_AGES if years > age]
        passed = [years for years in CARD_AGES if years <= age]
        if passed and rng.random() < 1 / 60:
            return status.value, birthday(born, passed[-1]).isoformat()
        return status.value, birthday(born, coming[0]).isoformat() if coming else ""


def _prefixes_by_province() -> Mapping[str, tuple[str, ...]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for prefix in number_prefixes().values():
        found[prefix.current_province_code].append(prefix.prefix)
    return MappingProxyType({code: tuple(prefixes) for code, prefixes in found.items()})
