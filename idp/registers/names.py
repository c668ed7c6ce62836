"""Names of people as the register writes them, and two plain forms derived from them.

A name may be one word, may have no family name, and may hold apostrophes and hyphens (`H'Hen Niê`). The
register's spelling is kept: `Hòa` and `Hoà` stay different texts and only the match key is equal.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST_NAME: Final = 100

_APOSTROPHES: Final = "'\u2018\u2019\u02bb\u02bc\u0060\u00b4\u2032"
_HYPHENS: Final = "-\u2010\u2011\u2012\u2013"
_JOINERS: Final = re.compile(rf"[\s.{re.escape(_APOSTROPHES + _HYPHENS)}]+")
# U+0110 and U+0111 have no decomposition, so stripping marks leaves them. U+00D0, the Icelandic eth, looks
# the same in capitals and is another letter: it must not match.
_WITH_STROKE: Final = str.maketrans({"\u0111": "d", "\u0110": "D"})
# ICAO Doc 9303-3 §6 for the letters that do not decompose.
_MACHINE_READABLE: Final = str.maketrans(
    {
        "\u00c6": "AE", "\u00d0": "D", "\u00d8": "OE", "\u00de": "TH", "\u0126": "H", "\u0131": "I", "\u0132": "IJ",
        "\u0141": "L", "\u014a": "N", "\u0152": "OE", "\u0166": "T", "\u0110": "D",
    }
)  # fmt: skip


class InvalidName(ValueError):
    """The text cannot be a person's name."""


def read_name(text: str) -> str:
    """Read a name: NFC, without surrounding space, 1 to 100 characters, at least one letter.

    Raises `InvalidName` where it is empty or too long, or holds anything but letters with their marks,
    single spaces, apostrophes, hyphens, commas and full stops.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidName(f"must be 1 to {LONGEST_NAME} characters")
    if name.replace(" ", "").isalpha() and "  " not in name:
        return name
    if not all(_belongs(character) for character in name) or not any(map(str.isalpha, name)):
        raise InvalidName("may hold letters, spaces, apostrophes and hyphens only")
    if "  " in name:
        raise InvalidName("must not hold two spaces together")
    return name


def match_key(name: str) -> str:
    """Reduce a name to what survives another keyboard: no case, marks, đ, spaces, apostrophes or hyphens.

    Only for comparing with a record that a number already selected; it never selects one, for names are
    shared by thousands.
    """
    folded = unicodedata.normalize("NFC", name).casefold().translate(_WITH_STROKE)
    return unicodedata.normalize("NFC", _JOINERS.sub("", _without_marks(folded)))


def same_name(one: str, other: str) -> bool:
    """Say whether two spellings have the same, non-empty match key."""
    key = match_key(one)
    return bool(key) and key == match_key(other)


def name_ascii(name: str) -> str:
    """Write a name in capitals A to Z and single spaces, as machine-readable documents do (ICAO Doc 9303-3).

    Apostrophes vanish, hyphens become spaces, letters of other scripts are dropped.
    """
    capitals = unicodedata.normalize("NFC", name).upper().translate(_MACHINE_READABLE)
    plain = re.sub(f"[{re.escape(_HYPHENS)}]", " ", _without_marks(capitals))
    return " ".join(re.sub(r"[^A-Z\s]", "", plain).split())


def _without_marks(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in decomposed if unicodedata.category(letter) != "Mn")


def _belongs(character: str) -> bool:
    if character in _APOSTROPHES or character in _HYPHENS or character in " .,":
        return True
    return unicodedata.category(character)[0] in "LM"
