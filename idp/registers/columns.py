"""The register files, column by column: the one table of rules that loading and the manual both follow.

A file is CSV (RFC 4180) in UTF-8 with a header of these names in any order. One line is one row: no field
may hold a line break, so that a stray quote spoils one row and not the rest of the file. An empty field
means "not known".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from idp.registers.birth_date import read_birth_date, read_date
from idp.registers.enterprise_code import InvalidEnterpriseCode, read_enterprise_code
from idp.registers.names import read_name
from idp.registers.personal_code import is_personal_number, read_personal_number
from idp.registers.types import (
    CardStatus,
    GuardianRelation,
    NumberReason,
    OrganisationStatus,
    OrganisationType,
    PersonStatus,
    Power,
    RepresentativeRole,
    Sex,
    SubjectType,
)

Read = Callable[[str], object]

PEOPLE: Final = "people.csv"
GUARDIANSHIPS: Final = "guardianships.csv"
ORGANISATIONS: Final = "organisations.csv"
REPRESENTATIVES: Final = "representatives.csv"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a register file; `read` makes a stored value of a non-empty field or raises `ValueError`."""

    name: str
    meaning: str
    format: str
    read: Read
    required: bool = False


@dataclass(frozen=True, slots=True)
class FormerNumber:
    """One entry of `former_numbers`."""

    number: str
    valid_from: str | None
    valid_to: str
    reason: str


def _matching(pattern: str, description: str) -> Read:
    shape = re.compile(pattern)

    def read(text: str) -> str:
        if shape.fullmatch(text) is None:
            raise ValueError(f"must be {description}")
        return text

    return read


def _one_of(values: type[StrEnum]) -> Read:
    known = {str(value): str(value) for value in values}

    def read(text: str) -> str:
        try:
            return known[text]
        except KeyError:
            raise ValueError(f"must be one of {', '.join(known)}") from None

    return read


def _text(longest: int) -> Read:
    def read(text: str) -> str:
        written = unicodedata.normalize("NFC", text).strip()
        if not 1 <= len(written) <= longest or not written.isprintable():
            raise ValueError(f"must be 1 to {longest} printable characters")
        return written

    return read


def _number(text: str) -> str:
    return read_personal_number(text).value


# The days of two lifetimes, the common parts of names: the same few texts come a million times.
@lru_cache(maxsize=65_536)
def _date(text: str) -> str:
    return read_date(text).isoformat()


@lru_cache(maxsize=16_384)
def _part_of_name(text: str) -> str:
    return read_name(text)


@lru_cache(maxsize=65_536)
def _birth_date(text: str) -> str:
    return str(read_birth_date(text))


def _enterprise_code(text: str) -> str:
    return str(read_enterprise_code(text))


def _tax_code(text: str) -> str:
    """Read a tax code; that of a household business is its owner's personal number."""
    if is_personal_number(text):
        return text
    try:
        return str(read_enterprise_code(text))
    except InvalidEnterpriseCode:
        raise ValueError("must be an enterprise code, or 12 digits for a household business") from None


def _instant(text: str) -> int:
    try:
        instant = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("must be YYYY-MM-DDTHH:MM:SSZ") from None
    return int(instant.timestamp())


def _yes_no(text: str) -> int:
    try:
        return {"yes": 1, "no": 0}[text]
    except KeyError:
        raise ValueError("must be yes or no") from None


@lru_cache(maxsize=256)
def _powers(text: str) -> str:
    given = set(text.split(" "))
    if not given <= {str(power) for power in Power}:
        raise ValueError(f"must be words from {', '.join(Power)}, separated by spaces")
    return " ".join(power for power in Power if power in given)


_FORMER_REASON: Final = _one_of(NumberReason)


def _former_numbers(text: str) -> tuple[FormerNumber, ...]:
    return tuple(_former_number(entry) for entry in text.split(";"))


def _former_number(entry: str) -> FormerNumber:
    parts = entry.split(":")
    if len(parts) != 4:
        raise ValueError("must be NUMBER:FROM:TO:REASON")
    number, first, last, reason = parts
    former = FormerNumber(
        _number(number), _date(first) if first else None, _date(last), str(_FORMER_REASON(reason))
    )
    if former.valid_from is not None and former.valid_from > former.valid_to:
        raise ValueError("must end after its beginning")
    return former


_RECORD_ID: Final = _matching(
    r"[A-Za-z0-9._-]{1,64}", "1 to 64 letters, digits, dots, hyphens or underscores"
)
_RECORD_ID_FORMAT: Final = "1-64 of A-Z a-z 0-9 . _ -"
_DATE_FORMAT: Final = "YYYY-MM-DD"


def _listed(values: type[StrEnum]) -> str:
    return " | ".join(values)


def _reference(name: str, meaning: str) -> Column:
    return Column(name, meaning, _RECORD_ID_FORMAT, _RECORD_ID, required=True)


_ADDRESS: Final = (
    Column("province_code", "Province of the address", "2 digits", _matching("[0-9]{2}", "2 digits")),
    Column(
        "commune_code", "Commune of the address", "5 digits, zeros kept", _matching("[0-9]{5}", "5 digits")
    ),
    Column("address_detail", "House, street, hamlet", "up to 300 characters", _text(300)),
    Column("address_as_of", "Day on which the codes were in use", _DATE_FORMAT, _date),
)
_SPAN: Final = (
    Column("since", "First day", _DATE_FORMAT, _date, required=True),
    Column("until", "Last day; empty when open", _DATE_FORMAT, _date),
)

_PEOPLE: Final = (
    Column("record_id", "The register's own stable key", _RECORD_ID_FORMAT, _RECORD_ID, required=True),
    Column("personal_number", "Current personal identification number", "12 digits", _number, required=True),
    Column("number_since", "First day of the current number; empty since birth", _DATE_FORMAT, _date),
    Column("former_numbers", "Earlier numbers", "NUMBER:FROM:TO:REASON joined by ;", _former_numbers),
    Column("name", "Whole name as the register writes it", "1-100 characters", read_name, required=True),
    Column("family_name", "Họ; empty where there is none", "1-100 characters", _part_of_name),
    Column("middle_name", "Chữ đệm; empty where there is none", "1-100 characters", _part_of_name),
    Column("given_name", "Tên", "1-100 characters", _part_of_name, required=True),
    Column("birth_date", "What is known of it", "YYYY | YYYY-MM | YYYY-MM-DD", _birth_date, required=True),
    Column("sex", "As stated", _listed(Sex), _one_of(Sex), required=True),
    Column(
        "nationality",
        "ICAO 9303 code; empty when undetermined",
        "3 letters",
        _matching("[A-Z]{3}", "3 letters"),
    ),
    Column(
        "subject_type", "Standing under the law", _listed(SubjectType), _one_of(SubjectType), required=True
    ),
    *_ADDRESS,
    Column("status", "Whether alive", _listed(PersonStatus), _one_of(PersonStatus), required=True),
    Column(
        "card_status", "Identity or residence card", _listed(CardStatus), _one_of(CardStatus), required=True
    ),
    Column("card_expires_on", "Last good day of the card; empty when it has none", _DATE_FORMAT, _date),
)
_GUARDIANSHIPS: Final = (
    _reference("ward_id", "record_id of the person acted for"),
    _reference("guardian_id", "record_id of the person who may act"),
    Column("relation", "On what ground", _listed(GuardianRelation), _one_of(GuardianRelation), required=True),
    *_SPAN,
)
_ORGANISATIONS: Final = (
    Column("record_id", "The register's own stable key", _RECORD_ID_FORMAT, _RECORD_ID, required=True),
    Column("enterprise_code", "Enterprise code", "10 digits, or 10-3 digits", _enterprise_code),
    Column("tax_code", "Tax code; a household business has 12 digits", "10, 10-3 or 12 digits", _tax_code),
    Column("organisation_eid", "Number of its electronic identity", "up to 64 characters", _text(64)),
    Column("agency_code", "Code of a state agency", "up to 64 characters", _text(64)),
    Column("legal_name", "Registered name", "1-500 characters", _text(500), required=True),
    Column("type", "Kind", _listed(OrganisationType), _one_of(OrganisationType), required=True),
    Column(
        "status",
        "Whether it operates",
        _listed(OrganisationStatus),
        _one_of(OrganisationStatus),
        required=True,
    ),
    Column("established_on", "Day of establishment", _DATE_FORMAT, _date),
    *_ADDRESS,
    Column("as_of", "When the register stated this", "YYYY-MM-DDTHH:MM:SSZ", _instant, required=True),
)
_REPRESENTATIVES: Final = (
    _reference("organisation_id", "record_id of the organisation"),
    _reference("person_id", "record_id of the person"),
    Column("role", "In what office", _listed(RepresentativeRole), _one_of(RepresentativeRole), required=True),
    Column("title", "Title as registered", "1-100 characters", _text(100), required=True),
    Column("powers", "What they may do", "words from file sign pay view", _powers, required=True),
    Column("joint", "Only together with another", "yes | no", _yes_no, required=True),
    *_SPAN,
)

COLUMNS: Final[Mapping[str, tuple[Column, ...]]] = MappingProxyType(
    {
        PEOPLE: _PEOPLE,
        GUARDIANSHIPS: _GUARDIANSHIPS,
        ORGANISATIONS: _ORGANISATIONS,
        REPRESENTATIVES: _REPRESENTATIVES,
    }
)
"""Every register file with its columns, in the order in which the files depend on each other."""
