"""Where rows wait between the file and the register: temporary tables, and what is put into them.

A row that passed the rules of its columns passes the rules between its columns here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import BigInteger, Column, MetaData, Table

from idp.registers.columns import GUARDIANSHIPS, ORGANISATIONS, PEOPLE, REPRESENTATIVES
from idp.registers.personal_code import disagreements, read_personal_number
from idp.registers.schema import (
    guardianships,
    legal_representatives,
    organisation_identifiers,
    organisations,
    people,
    personal_numbers,
)
from idp.registers.types import IdentifierScheme, PersonStatus, Sex, SubjectType

Values = Sequence[Any]
StagedRow = tuple[object, ...]

_metadata: Final = MetaData()


class InvalidRow(ValueError):
    """The fields are good, each for itself, but do not fit together."""


@dataclass(frozen=True, slots=True)
class Staged:
    """One row of a file, as rows for each of its staging tables; `to_review` tells what an officer should look at."""

    rows: tuple[tuple[StagedRow, ...], ...]
    to_review: str | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """The staging tables of a file, its own first, and how a row becomes theirs."""

    tables: tuple[Table, ...]
    read: Callable[[int, Values], Staged]


def _staging(name: str, like: Table) -> Table:
    copied = [Column(column.name, column.type) for column in like.columns if column.name != "load_id"]
    return Table(
        name,
        _metadata,
        Column("line", BigInteger),
        *copied,
        prefixes=["TEMPORARY"],
        # Truncated with every batch: rows that were merely deleted would still be read by the next ones.
        postgresql_on_commit="DELETE ROWS",
    )


staged_people: Final = _staging("staged_people", people)
staged_numbers: Final = _staging("staged_numbers", personal_numbers)
staged_guardianships: Final = _staging("staged_guardianships", guardianships)
staged_organisations: Final = _staging("staged_organisations", organisations)
staged_identifiers: Final = _staging("staged_identifiers", organisation_identifiers)
staged_representatives: Final = _staging("staged_representatives", legal_representatives)


def _person(line: int, values: Values) -> Staged:
    record_id, number, number_since, former = values[:4]
    birth_date, sex, _, subject_type = values[8:12]
    status, card_status, card_expires_on = values[16:19]
    _require_whole_address(values[12:16])
    if card_status == "none" and card_expires_on is not None:
        raise InvalidRow("card_expires_on: must be empty without a card")
    earlier = (
        (line, old.number, record_id, old.valid_from, old.valid_to, old.reason) for old in former or ()
    )
    numbers: tuple[StagedRow, ...] = ((line, number, record_id, number_since, None, None), *earlier)
    if len({entry[1] for entry in numbers}) < len(numbers):
        raise InvalidRow("former_numbers: holds a number twice")
    own: StagedRow = (line, record_id, *values[4:])
    return Staged(((own,), numbers), _to_review(number, birth_date, sex, subject_type, status))


def _to_review(number: str, birth_date: str, sex: str, subject_type: str, status: str) -> str | None:
    """Compare a living person's digits with the record; a foreigner's number has no known structure."""
    if subject_type == SubjectType.FOREIGNER or status == PersonStatus.DECEASED:
        return None
    differing = disagreements(read_personal_number(number), int(birth_date[:4]), Sex(sex))
    return f"personal_number: disagrees with {' and '.join(differing)}" if differing else None


def _guardianship(line: int, values: Values) -> Staged:
    ward_id, guardian_id, _, since, until = values
    if ward_id == guardian_id:
        raise InvalidRow("guardian_id: must not be the ward")
    _require_order(since, until)
    return Staged((((line, *values),),))


_SCHEMES: Final = (
    IdentifierScheme.ENTERPRISE_CODE.value,
    IdentifierScheme.TAX_CODE.value,
    IdentifierScheme.ORGANISATION_EID.value,
    IdentifierScheme.AGENCY_CODE.value,
)


def _organisation(line: int, values: Values) -> Staged:
    record_id = values[0]
    _require_whole_address(values[9:13])
    given = zip(_SCHEMES, values[1:5], strict=True)
    identifiers = tuple((line, scheme, value, record_id) for scheme, value in given if value is not None)
    if not identifiers:
        raise InvalidRow("enterprise_code, tax_code, organisation_eid, agency_code: one must be given")
    return Staged((((line, record_id, *values[5:]),), identifiers))


def _representative(line: int, values: Values) -> Staged:
    organisation_id, person_id, *office = values
    _require_order(values[-2], values[-1])
    return Staged((((line, person_id, organisation_id, *office),),))


def _require_whole_address(address: Values) -> None:
    province, commune, _, as_of = address
    if not (province is None) == (commune is None) == (as_of is None):
        raise InvalidRow("province_code, commune_code, address_as_of: all or none must be given")


def _require_order(since: str, until: str | None) -> None:
    if until is not None and until < since:
        raise InvalidRow("until: must not be before since")


STAGES: Final[Mapping[str, Stage]] = MappingProxyType(
    {
        PEOPLE: Stage((staged_people, staged_numbers), _person),
        GUARDIANSHIPS: Stage((staged_guardianships,), _guardianship),
        ORGANISATIONS: Stage((staged_organisations, staged_identifiers), _organisation),
        REPRESENTATIVES: Stage((staged_representatives,), _representative),
    }
)
