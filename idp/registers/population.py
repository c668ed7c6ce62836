"""Reading the population register: one statement a question.

Nothing here hides that a number is unknown; the callers give everybody the same answer in the same time,
and write who asked (`Attribution`) into the audit event.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from sqlalchemy import BindParameter, Select, and_, bindparam, or_, select

from idp.registers.birth_date import read_birth_date, read_date
from idp.registers.personal_code import is_personal_number
from idp.registers.schema import guardianships, people, personal_numbers
from idp.registers.standing import ward_in_force
from idp.registers.types import (
    Address,
    CardStatus,
    GuardianRelation,
    Guardianship,
    NumberReason,
    NumberSpan,
    Person,
    PersonStatus,
    Sex,
    SubjectType,
    Ward,
)
from idp.store.database import Database, Row

_current = personal_numbers.alias("current_number")
_asked = personal_numbers.alias("asked_number")
_with_current: Final = and_(_current.c.record_id == people.c.record_id, _current.c.valid_to.is_(None))
_PERSON: Final = select(
    *(column for column in people.c if column.name != "load_id"), _current.c.number.label("personal_number")
)

_BY_RECORD: Final = _PERSON.select_from(people.join(_current, _with_current)).where(
    people.c.record_id == bindparam("record_id")
)

_BY_NUMBER: Final = _PERSON.select_from(
    _asked.join(people, people.c.record_id == _asked.c.record_id).join(_current, _with_current)
).where(_asked.c.number == bindparam("number"))

_NUMBERS: Final = (
    select(
        personal_numbers.c.number,
        personal_numbers.c.valid_from,
        personal_numbers.c.valid_to,
        personal_numbers.c.reason,
    )
    .where(personal_numbers.c.record_id == bindparam("record_id"))
    .order_by(personal_numbers.c.valid_to.is_(None), personal_numbers.c.valid_to)
)

_TODAY: Final[BindParameter[str]] = bindparam("today")
_GUARDIANSHIP_TODAY: Final = and_(
    guardianships.c.since <= _TODAY, or_(guardianships.c.until.is_(None), guardianships.c.until >= _TODAY)
)
_WARD_AND_GUARDIANSHIP: Final[Select[tuple[object, ...]]] = (
    _PERSON.add_columns(
        guardianships.c.guardian_id, guardianships.c.relation, guardianships.c.since, guardianships.c.until
    )
    .select_from(
        guardianships.join(people, people.c.record_id == guardianships.c.ward_id).join(
            _current, _with_current
        )
    )
    .where(_GUARDIANSHIP_TODAY)
)
_WARDS: Final = _WARD_AND_GUARDIANSHIP.where(
    guardianships.c.guardian_id == bindparam("guardian_id")
).order_by(people.c.birth_date, people.c.record_id)
_GUARDIANS: Final = _WARD_AND_GUARDIANSHIP.where(guardianships.c.ward_id == bindparam("ward_id")).order_by(
    guardianships.c.guardian_id
)


async def find_person(db: Database, record_id: str) -> Person | None:
    """Return the person under the register's own key."""
    row = await db.fetch_one(_BY_RECORD, record_id=record_id)
    return None if row is None else _person(row)


async def find_person_by_number(db: Database, number: str) -> Person | None:
    """Return the person whose number this is, or once was: an earlier number leads to the same record."""
    if not is_personal_number(number):
        return None
    row = await db.fetch_one(_BY_NUMBER, number=number)
    return None if row is None else _person(row)


async def find_numbers(db: Database, record_id: str) -> list[NumberSpan]:
    """Return every number the person has had, the current one last."""
    return [_number(row) for row in await db.fetch_all(_NUMBERS, record_id=record_id)]


async def find_wards(db: Database, guardian_id: str, today: date) -> list[Ward]:
    """Return those for whom this person may act today as parent or guardian, the eldest first."""
    rows = await db.fetch_all(_WARDS, guardian_id=guardian_id, today=today.isoformat())
    wards = [Ward(_person(row), _guardianship(row)) for row in rows]
    return [ward for ward in wards if ward_in_force(ward, today)]


async def find_guardians(db: Database, ward_id: str, today: date) -> list[Guardianship]:
    """Return who may act for this person today; empty for somebody who acts alone."""
    rows = await db.fetch_all(_GUARDIANS, ward_id=ward_id, today=today.isoformat())
    wards = [Ward(_person(row), _guardianship(row)) for row in rows]
    return [ward.guardianship for ward in wards if ward_in_force(ward, today)]


def read_address(row: Row) -> Address | None:
    """Read the address columns that people and organisations share."""
    if row["province_code"] is None:
        return None
    return Address(
        province_code=row["province_code"],
        commune_code=row["commune_code"],
        detail=row["address_detail"] or "",
        as_of=read_date(row["address_as_of"]),
    )


def read_optional_date(text: str | None) -> date | None:
    """Read a date column that may be null."""
    return None if text is None else read_date(text)


def _person(row: Row) -> Person:
    return Person(
        record_id=row["record_id"],
        personal_number=row["personal_number"],
        name=row["name"],
        family_name=row["family_name"],
        middle_name=row["middle_name"],
        given_name=row["given_name"],
        birth_date=read_birth_date(row["birth_date"]),
        sex=Sex(row["sex"]),
        nationality=row["nationality"],
        subject_type=SubjectType(row["subject_type"]),
        residence=read_address(row),
        status=PersonStatus(row["status"]),
        card_status=CardStatus(row["card_status"]),
        card_expires_on=read_optional_date(row["card_expires_on"]),
    )


def _guardianship(row: Row) -> Guardianship:
    return Guardianship(
        guardian_id=row["guardian_id"],
        ward_id=row["record_id"],
        relation=GuardianRelation(row["relation"]),
        since=read_date(row["since"]),
        until=read_optional_date(row["until"]),
    )


def _number(row: Row) -> NumberSpan:
    reason = row["reason"]
    return NumberSpan(
        number=row["number"],
        valid_from=read_optional_date(row["valid_from"]),
        valid_to=read_optional_date(row["valid_to"]),
        reason=None if reason is None else NumberReason(reason),
    )
