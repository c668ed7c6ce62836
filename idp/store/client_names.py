"""What the name of a client looks like: two names with one key can be taken for each other on a page.

The skeleton of Unicode Technical Standard 39 §4 in small, for the letters that names of portals are made of: case,
marks, spaces and punctuation are left out, and letters and digits that look alike count as one.
"""

from __future__ import annotations

import unicodedata
from types import MappingProxyType
from typing import Final

_ALIKE: Final = MappingProxyType(
    str.maketrans(
        {
            **dict.fromkeys("1iıіιӏⅼ|ɩ", "l"),
            **dict.fromkeys("0оοօ", "o"),
            **dict.fromkeys("аαɑ", "a"),
            **dict.fromkeys("еєҽ", "e"),
            **dict.fromkeys("рρ", "p"),
            **dict.fromkeys("сϲ", "c"),
            **dict.fromkeys("уүγ", "y"),
            **dict.fromkeys("хχ", "x"),
            **dict.fromkeys("νѵ", "v"),
            **dict.fromkeys("տѕ", "s"),
            **dict.fromkeys("нһ", "h"),
            **dict.fromkeys("đԁ", "d"),
            "в": "b", "к": "k", "κ": "k", "м": "m", "т": "t", "τ": "t", "ј": "j", "ɡ": "g", "ո": "n", "ԛ": "q",
        }
    )
)  # fmt: skip
_PAIRS: Final = (("rn", "m"), ("vv", "w"))


def name_key(name: str) -> str:
    """The key of a name; empty where it holds neither letters nor digits."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    key = "".join(letter for letter in plain if letter.isalnum() or letter == "|").translate(_ALIKE)
    for pair, letter in _PAIRS:
        key = key.replace(pair, letter)
    return key
