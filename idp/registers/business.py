"""Reading the business register: one statement a question."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import groupby
from typing import Final

from sqlalchemy import BindParameter, and_, bindparam, or_, select

from idp.registers.birth_date import read_date
from idp.registers.population import read_address, read_optional_date
from idp.registers.schema import legal_representatives, organisation_identifiers, organisations
from idp.registers.types import (
    Identifier,
    IdentifierScheme,
    LegalRepresentative,
    Organisation,
    OrganisationStatus,
    OrganisationType,
    Power,
    Representation,
    RepresentativeRole,
)
from idp.store.database import Database, Row

_asked = organisation_identifiers.alias("asked_identifier")
_organisation_and_identifiers: Final = organisations.outerjoin(
    organisation_identifiers, organisation_identifiers.c.organisation_id == organisations.c.record_id
)
_ORGANISATION: Final = select(
    *(column for column in organisations.c if column.name != "load_id"),
    organisation_identifiers.c.scheme,
    organisation_identifiers.c.value,
)
_BY_RECORD: Final = (
    _ORGANISATION.select_from(_organisation_and_identifiers)
    .where(organisations.c.record_id == bindparam("record_id"))
    .order_by(organisation_identifiers.c.scheme)
)
_BY_IDENTIFIER: Final = (
    _ORGANISATION.select_from(
        _organisation_and_identifiers.join(_asked, _asked.c.organisation_id == organisations.c.record_id)
    )
    .where(_asked.c.scheme == bindparam("scheme"), _asked.c.value == bindparam("value"))
    .order_by(organisation_identifiers.c.scheme)
)

_TODAY: Final[BindParameter[str]] = bindparam("today")
_REPRESENTATION_TODAY: Final = and_(
    legal_representatives.c.since <= _TODAY,
    or_(legal_representatives.c.until.is_(None), legal_representatives.c.until >= _TODAY),
)
_OFFICE: Final = tuple(column for column in legal_representatives.c if column.name != "load_id")
_REPRESENTATIONS: Final = (
    _ORGANISATION.add_columns(*_OFFICE)
    .select_from(
        _organisation_and_identifiers.join(
            legal_representatives, legal_representatives.c.organisation_id == organisations.c.record_id
        )
    )
    .where(_REPRESENTATION_TODAY, legal_representatives.c.person_id == bindparam("person_id"))
    .order_by(organisations.c.legal_name, organisations.c.record_id, organisation_identifiers.c.scheme)
)
_REPRESENTATION: Final = _REPRESENTATIONS.where(organisations.c.record_id == bindparam("organisation_id"))
_REPRESENTATIVES: Final = (
    select(*_OFFICE)
    .select_from(
        legal_representatives.join(
            organisations, organisations.c.record_id == legal_representatives.c.organisation_id
        )
    )
    .where(
        _REPRESENTATION_TODAY,
        organisations.c.status != OrganisationStatus.DISSOLVED.value,
        legal_representatives.c.organisation_id == bindparam("organisation_id"),
    )
    .order_by(legal_representatives.c.since, legal_representatives.c.person_id)
)


async def find_organisation(db: Database, record_id: str) -> Organisation | None:
    """Return the organisation under the register's own key."""
    rows = await db.fetch_all(_BY_RECORD, record_id=record_id)
    return _organisation(list(rows)) if rows else None


async def find_organisation_by_identifier(
    db: Database, scheme: IdentifierScheme, value: str
) -> Organisation | None:
    """Return the organisation with this identifier; a value is looked for under its own scheme only."""
    rows = await db.fetch_all(_BY_IDENTIFIER, scheme=scheme.value, value=value)
    return _organisation(list(rows)) if rows else None


async def find_representations(db: Database, person_id: str, today: date) -> list[Representation]:
    """Return the organisations in which this person holds office today, by name.

    Suspended and dissolved ones are in the list for the caller to judge (`organisation_standing`): the person has to
    be told why they cannot be acted for.
    """
    return _representations(
        await db.fetch_all(_REPRESENTATIONS, person_id=person_id, today=today.isoformat())
    )


async def find_representation(
    db: Database, person_id: str, organisation_id: str, today: date
) -> Representation | None:
    """Return this person's office in this organisation if it is in force today; its standing is the caller's."""
    found = _representations(
        await db.fetch_all(
            _REPRESENTATION, person_id=person_id, organisation_id=organisation_id, today=today.isoformat()
        )
    )
    return found[0] if found else None


async def find_representatives(db: Database, organisation_id: str, today: date) -> list[LegalRepresentative]:
    """Return everybody who may act for this organisation today, the longest in office first."""
    rows = await db.fetch_all(_REPRESENTATIVES, organisation_id=organisation_id, today=today.isoformat())
    return [_representative(row) for row in rows]


def _representations(rows: Iterable[Row]) -> list[Representation]:
    by_organisation = (list(group) for _, group in groupby(rows, key=lambda row: row["record_id"]))
    return [Representation(_organisation(group), _representative(group[0])) for group in by_organisation]


def _organisation(rows: list[Row]) -> Organisation:
    first = rows[0]
    return Organisation(
        record_id=first["record_id"],
        identifiers=tuple(
            Identifier(IdentifierScheme(row["scheme"]), row["value"])
            for row in rows
            if row["scheme"] is not None
        ),
        legal_name=first["legal_name"],
        type=OrganisationType(first["type"]),
        status=OrganisationStatus(first["status"]),
        established_on=read_optional_date(first["established_on"]),
        head_office=read_address(first),
        as_of_at=first["as_of_at"],
    )


def _representative(row: Row) -> LegalRepresentative:
    return LegalRepresentative(
        person_id=row["person_id"],
        organisation_id=row["organisation_id"],
        role=RepresentativeRole(row["role"]),
        title=row["title"],
        powers=frozenset(Power(power) for power in row["powers"].split()),
        joint=bool(row["joint"]),
        since=read_date(row["since"]),
        until=read_optional_date(row["until"]),
    )
