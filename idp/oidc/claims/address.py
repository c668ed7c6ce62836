"""The claim `address` (OpenID Connect Core §5.1.1), put together from the tiers of the population register.

Since 2025-07-01 there are two tiers, province and commune. The register holds the commune by code only, so there is
no `locality`: `vn_residence` gives the code. It holds no postal code, and none is made up.
"""

from __future__ import annotations

import unicodedata

from idp.registers.places import Province, provinces
from idp.registers.types import Person

_PLAIN = str.maketrans({"đ": "d", "Đ": "D"})


def address(person: Person) -> dict[str, str] | None:
    """The place of residence as the register writes it."""
    if person.residence is None:
        return None
    province = _province(person)
    region = province.name if province else ""
    return _filled(person.residence.detail, region, country="VN", last_line="")


def address_in_english(person: Person) -> dict[str, str] | None:
    """The same place as it is written on letters from abroad: without diacritics, with the country's name."""
    if person.residence is None:
        return None
    province = _province(person)
    tier = "" if province is None else " City" if province.is_city else " Province"
    region = "" if province is None else _plain(province.name) + tier
    return _filled(_plain(person.residence.detail), region, country="VN", last_line="Viet Nam")


def residence(person: Person) -> dict[str, str] | None:
    """`vn_residence`: the codes of both tiers, and the day as of which they hold."""
    if person.residence is None:
        return None
    return {
        "province_code": person.residence.province_code,
        "ward_code": person.residence.commune_code,
        "as_of": person.residence.as_of.isoformat(),
    }


def _province(person: Person) -> Province | None:
    return None if person.residence is None else provinces().get(person.residence.province_code)


def _filled(street: str, region: str, *, country: str, last_line: str) -> dict[str, str]:
    """The members of §5.1.1 that hold something."""
    lines = {
        "formatted": ", ".join(line for line in (street, region, last_line) if line),
        "street_address": street,
        "region": region,
        "country": country,
    }
    return {name: line for name, line in lines.items() if line}


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.translate(_PLAIN))
    return "".join(letter for letter in decomposed if unicodedata.category(letter) != "Mn")
