"""Which new passwords are refused, and why.

NIST SP 800-63B-4 §3.1.1.2: length counts, composition rules do not; what is common, breached or expected of this
person is refused with the reason told. It asks for 15 characters where a password stands alone and for 8 beside another
factor; we ask for 10 and, unlike it, for a minimum of guesses as well, because the login is throttled, a password alone
reaches only level 1 of Decree 69/2024, and many people type on a telephone. To change these numbers takes the agreement
of whoever answers for the security of the system (its level file under Decree 85/2016), not a setting.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise, permutations
from pathlib import Path
from typing import Final

from idp.authentication.breached_passwords import is_breached
from idp.authentication.guesses import decades, is_listed
from idp.authentication.vietnamese_words import spellings
from idp.registers.birth_date import BirthDate
from idp.registers.names import match_key

SHORTEST: Final = 10  # code points after normalisation
LONGEST: Final = 128  # SP 800-63B-4 wants at least 64; the bound keeps the work of reading one bounded
FEWEST_GUESSES: Final = 8.0  # decimal logarithm: what the throttle lets through in a century is far below
LONGEST_COMMON_CORE: Final = 3  # digits and signs around a common password do not make it another
SHORTEST_NUMBER_PART: Final = 6  # digits of the personal number that must not appear
SHORTEST_NAME_PART: Final = 6  # letters; shorter joined names appear inside innocent words

_LOOKALIKES: Final = str.maketrans("01345@$!7", "oieasasit")
_SEPARATORS: Final = re.compile(r"[\s._\-/,]+")
_SIGNS: Final = re.compile(r"[\W_]+")
_EDGE: Final = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_LEGAL_FORMS: Final = frozenset(
    {
        "chi", "co", "cong", "cp", "danh", "doanh", "hai", "hop", "len", "mot", "mtv", "nghiep", "nhan", "nhanh",
        "phan", "tac", "thanh", "tnhh", "tro", "tu", "ty", "vien", "xa",
    }
)  # fmt: skip
# Mobile numbers of Viet Nam with 0, 84 or +84 in front.
_TELEPHONE: Final = re.compile(r"(?:84|0)(?:3[2-9]|5[25689]|7[06-9]|8[1-9]|9[0-9])[0-9]{7}")


class Weakness(StrEnum):
    """Why a password is refused; the pages have a text for each."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    FORBIDDEN_CHARACTER = "forbidden_character"
    SAME_AS_NUMBER = "same_as_number"
    COMMON = "common"
    BREACHED = "breached"
    PERSONAL_DATA = "personal_data"
    PATTERN = "pattern"
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True)
class KnownFacts:
    """What others can know of the person who chooses a password."""

    personal_number: str = field(repr=False)
    name: str = field(repr=False)
    birth_date: BirthDate = field(repr=False)
    organisations: tuple[str, ...] = field(default=(), repr=False)


def normalise(password: str) -> str:
    """One form of what different keyboards send (SP 800-63B-4 §3.1.1.2: NFKC); applied when set and when proven."""
    return unicodedata.normalize("NFKC", password)


def find_weaknesses(
    typed: str, repeated: str, facts: KnownFacts, breached_list: Path | None = None
) -> tuple[Weakness, ...]:
    """Every reason to refuse a new password, gravest first; empty when it may be used.

    Reads the breached list and computes for up to 15 ms, so it belongs into a thread.

    Raises:
        OSError: the list of breached passwords cannot be read.
    """
    password = normalise(typed)
    malformed = _check_form(password)
    if not malformed:
        malformed = _check_content(password, facts, breached_list)
    if normalise(repeated) != password:
        return (*malformed, Weakness.MISMATCH)
    return malformed


def _check_form(password: str) -> tuple[Weakness, ...]:
    if any(unicodedata.category(character) in {"Cc", "Cs", "Cn"} for character in password):
        return (Weakness.FORBIDDEN_CHARACTER,)
    if len(password) < SHORTEST:
        return (Weakness.TOO_SHORT,)
    return (Weakness.TOO_LONG,) if len(password) > LONGEST else ()


def _check_content(password: str, facts: KnownFacts, breached_list: Path | None) -> tuple[Weakness, ...]:
    plain = fold(password)
    joined = _SEPARATORS.sub("", plain)
    if joined == facts.personal_number:
        return (Weakness.SAME_AS_NUMBER,)
    found = []
    if _is_common(plain) or _is_common(joined):
        found.append(Weakness.COMMON)
    if breached_list is not None and is_breached(breached_list, password):
        found.append(Weakness.BREACHED)
    if _shows_facts(joined, facts):
        found.append(Weakness.PERSONAL_DATA)
    return tuple(found) or _check_guesses(plain, joined, facts)


def _check_guesses(plain: str, joined: str, facts: KnownFacts) -> tuple[Weakness, ...]:
    if _guesses(plain, joined, {}) < FEWEST_GUESSES:
        return (Weakness.PATTERN,)
    if _guesses(plain, joined, _person_words(facts)) < FEWEST_GUESSES:
        return (Weakness.PERSONAL_DATA,)
    return ()


def _guesses(plain: str, joined: str, known: Mapping[str, int]) -> float:
    """The cheaper way to find it: as it stands, or its words first and then half a decade for each separator."""
    if plain == joined:
        return decades(plain, known)
    return min(decades(plain, known), decades(joined, known) + (len(plain) - len(joined)) / 2)


def fold(text: str) -> str:
    """Lower case without marks, đ as d: what survives every keyboard. Spaces and signs stay."""
    decomposed = unicodedata.normalize(
        "NFD", unicodedata.normalize("NFKC", text).casefold().replace("đ", "d")
    )
    return "".join(character for character in decomposed if unicodedata.category(character) != "Mn")


def _is_common(plain: str) -> bool:
    core = _EDGE.sub("", plain)
    candidates = {plain, plain.translate(_LOOKALIKES)}
    if len(core) > LONGEST_COMMON_CORE and len(plain) - len(core) <= LONGEST_COMMON_CORE:
        candidates |= {core, core.translate(_LOOKALIKES)}
    return any(is_listed(candidate) for candidate in candidates)


def _shows_facts(joined: str, facts: KnownFacts) -> bool:
    return (
        any(part in joined for part in _number_parts(facts.personal_number))
        or any(written in joined for written in _dates(facts.birth_date))
        or _TELEPHONE.search(joined) is not None
        or _shows_name(joined, facts)
    )


def _number_parts(number: str) -> Iterator[str]:
    for start in range(len(number) - SHORTEST_NUMBER_PART + 1):
        yield number[start : start + SHORTEST_NUMBER_PART]


def _dates(birth: BirthDate) -> Iterator[str]:
    """Every order of day, month and year of at least six digits; nothing where only the year is known."""
    if birth.month is None:
        return
    known = [part for part in (birth.day, birth.month) if part is not None]
    for year in (f"{birth.year:04d}", f"{birth.year % 100:02d}"):
        for width in ("02d", "d"):
            for parts in permutations([year, *(format(part, width) for part in known)]):
                written = "".join(parts)
                if len(written) >= SHORTEST_NUMBER_PART:
                    yield written


def _shows_name(joined: str, facts: KnownFacts) -> bool:
    readings = [_SIGNS.sub("", reading) for reading in (joined, joined.translate(_LOOKALIKES))]
    names = [facts.name, *map(_own_name, facts.organisations)]
    written = (_SIGNS.sub("", form) for name in names for form in _joined_names(name))
    shown = (form for form in written if len(form) >= SHORTEST_NAME_PART)
    return any(form in reading for form in shown for reading in readings)


def _own_name(organisation: str) -> str:
    """What is left of an organisation's name without its legal form."""
    return " ".join(word for word in organisation.split() if match_key(word) not in _LEGAL_FORMS)


def _joined_names(name: str) -> Iterator[str]:
    """Any two neighbouring parts of a name in both orders, its first with its last, and all of it, however typed."""
    parts = name.split()
    neighbours = list(pairwise(parts))
    if len(parts) > 2:
        neighbours.append((parts[0], parts[-1]))
    for one, other in neighbours:
        yield from spellings(f"{one} {other}")
        yield from spellings(f"{other} {one}")
    yield from spellings(name)


def _person_words(facts: KnownFacts) -> dict[str, int]:
    """What a guesser who knows the person tries first."""
    names: Iterable[str] = [*facts.name.split(), *" ".join(map(_own_name, facts.organisations)).split()]
    words = [spelling for name in names for spelling in sorted(spellings(name))]
    words.append("".join(match_key(part)[:1] for part in facts.name.split()))
    birth = facts.birth_date
    words += [f"{birth.year:04d}", f"{birth.year % 100:02d}"]
    if birth.month and birth.day:
        words += [f"{birth.day:02d}{birth.month:02d}", f"{birth.month:02d}{birth.day:02d}"]
    return {word: rank for rank, word in enumerate(dict.fromkeys(filter(None, words)), 1)}
