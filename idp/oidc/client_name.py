"""Names that people are shown and trust: written so that they cannot pass for another's (UTS 39).

A name is in one script, the one that Viet Nam writes in: Latin with the diacritics of Vietnamese and of the languages
around it. That is "Single Script" of Unicode Technical Standard 39 §5.2 with the script given, so that it needs no
table of scripts: what looks like a Latin letter in Cyrillic, Greek or mathematical type cannot occur at all. What is
still confusable within the alphabet (`l`, `I` and `1`) is compared with the names of others (`idp.store.client_names`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from idp.errors import InvalidClientMetadata
from idp.oidc.metadata_fields import read_required_text, read_required_wording
from idp.store import clients
from idp.store.client_names import name_key
from idp.store.database import Database

if TYPE_CHECKING:
    from idp.oidc.client import Client

LONGEST_NAME: Final = 150
"""Characters: what a page can show whole on a small screen."""

OUR_NAMES: Final = frozenset(map(name_key, ("Một Cửa", "motcua")))
"""Nobody else is called this."""

_MARKS: Final = frozenset("\u0300\u0301\u0302\u0303\u0306\u0308\u0309\u030a\u030c\u031b\u0323\u0327")
"""Grave, acute, circumflex, tilde, breve, diaeresis, hook, ring, caron, horn, dot below, cedilla."""

_STROKES: Final = str.maketrans({"đ": "d", "Đ": "D", "ƀ": "b", "Ƀ": "B"})
"""Letters that do not decompose, of Vietnamese, Ê Đê and Ba Na."""

_PUNCTUATION: Final = frozenset(" .,:;-–—_()/&+'’\"“”·")
_PLAIN: Final = re.compile(r"[A-Za-z]")


def is_familiar(character: str) -> bool:
    """Whether it is a digit, or a letter that people here know: the other Latin ones look like dots, bars and marks."""
    if character.isascii():
        return character.isalnum()
    decomposed = unicodedata.normalize("NFD", character.translate(_STROKES))
    return _PLAIN.fullmatch(decomposed[0]) is not None and set(decomposed[1:]) <= _MARKS


def check_name(name: str, member: str) -> None:
    """See that a name is written as names are; `member` is the metadata that it stands in.

    Raises:
        InvalidClientMetadata: it is too long, holds no letter, or a character that such names are not written with.
    """
    if len(name) > LONGEST_NAME or "  " in name:
        raise InvalidClientMetadata(
            f"{member} must have at most {LONGEST_NAME} characters, and never two spaces together"
        )
    for character in name:
        if character not in _PUNCTUATION and not is_familiar(character):
            raise InvalidClientMetadata(
                f"{member} holds U+{ord(character):04X} ({unicodedata.name(character, 'unnamed')}): names are written"
                " in Latin letters with Vietnamese diacritics, digits and common punctuation"
            )
    if not any(map(str.isalpha, name)):
        raise InvalidClientMetadata(f"{member} must hold a letter")


def read_client_names(metadata: Mapping[str, object], member: str) -> Mapping[str, str]:
    """The names of a client in both languages, in NFC.

    Raises:
        InvalidClientMetadata: as `check_name`, or there is none.
    """
    wording = read_required_wording(metadata, member)
    names = {language: unicodedata.normalize("NFC", name) for language, name in wording.items()}
    for name in names.values():
        check_name(name, member)
    return MappingProxyType(names)


def read_owner(metadata: Mapping[str, object], member: str) -> str:
    """The agency behind a client, as its card shows it, in NFC.

    Raises:
        InvalidClientMetadata: as `check_name`, or there is none.
    """
    owner = unicodedata.normalize("NFC", read_required_text(metadata, member))
    check_name(owner, member)
    return owner


async def require_own_name(db: Database, client: Client) -> None:
    """See that people cannot take a client for this provider, or for the client of another owner (RFC 7591 §5).

    One owner may give several clients one name: a portal and its app.

    Raises:
        InvalidClientMetadata: they can.
    """
    if not OUR_NAMES.isdisjoint(map(name_key, client.names.values())):
        raise InvalidClientMetadata("client_name is, or looks like, the name of this provider")
    if await clients.find_namesake(db, client.client_id, client.owner, client.names):
        raise InvalidClientMetadata("client_name looks like the name of another owner's client")
