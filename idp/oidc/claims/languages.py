"""Claims in a language (OpenID Connect Core §5.2).

The registers are kept in Vietnamese: an untagged claim is what they say, in every case. Names of people and of
organisations are not translated. `claims_locales` adds tagged claims where there is something to add.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

TAGGED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "name#vi": "name",
        "family_name#vi": "family_name",
        "middle_name#vi": "middle_name",
        "given_name#vi": "given_name",
        "address#vi": "address",
        "address#en": "address",
    }
)
"""Claim with a language tag (BCP 47) -> the claim that it says in this language."""

LOCALES: Final = ("vi", "en")
"""Languages that some claim is told in, for `claims_locales_supported`."""


def preferred_languages(claims_locales: Collection[str]) -> tuple[str, ...]:
    """Of the tags in a request those whose language we have something in, in their order."""
    spoken = (tag.partition("-")[0].lower() for tag in claims_locales)
    return tuple(dict.fromkeys(language for language in spoken if language in LOCALES))


def in_preferred_languages(names: Collection[str], claims_locales: Collection[str]) -> set[str]:
    """Tagged claims to add to these; nothing where only Vietnamese is preferred, which the untagged ones are in."""
    languages = preferred_languages(claims_locales)
    if languages == ("vi",):
        return set()
    return {
        tagged
        for tagged, claim in TAGGED.items()
        if claim in names and tagged.rpartition("#")[2] in languages
    }
