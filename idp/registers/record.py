"""All that the registers say of one person, together, as plain values: for an operator who was asked why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from idp.registers.business import find_representations
from idp.registers.personal_code import number_warnings, read_personal_number
from idp.registers.population import find_guardians, find_numbers, find_person_by_number, find_wards
from idp.registers.standing import organisation_standing, standing
from idp.registers.types import Address, Guardianship, NumberSpan, Person, Representation
from idp.store.database import Database

Plain = dict[str, object]


async def find_record(db: Database, number: str, today: date) -> Plain | None:
    """Return the person with this number, now or earlier, with standing, relations and offices as of today."""
    person = await find_person_by_number(db, number)
    if person is None:
        return None
    wards = await find_wards(db, person.record_id, today)
    representations = await find_representations(db, person.record_id, today)
    return {
        **_person(person, today),
        "numbers": [_number(span, today) for span in await find_numbers(db, person.record_id)],
        "guardians": _guardians(await find_guardians(db, person.record_id, today)),
        "wards": [
            {"record_id": ward.person.record_id, "relation": ward.guardianship.relation} for ward in wards
        ],
        "represents": [_representation(one) for one in representations],
    }


def _person(person: Person, today: date) -> Plain:
    return {
        "record_id": person.record_id,
        "standing": standing(person, today),
        "name": person.name,
        "family_name": person.family_name,
        "middle_name": person.middle_name,
        "given_name": person.given_name,
        "birth_date": str(person.birth_date),
        "sex": person.sex,
        "nationality": person.nationality,
        "subject_type": person.subject_type,
        "residence": _address(person.residence),
        "status": person.status,
        "card_status": person.card_status,
        "card_expires_on": person.card_expires_on,
    }


def _address(address: Address | None) -> Plain | None:
    if address is None:
        return None
    return {
        "province_code": address.province_code,
        "commune_code": address.commune_code,
        "detail": address.detail,
        "as_of": address.as_of,
    }


def _number(span: NumberSpan, today: date) -> Plain:
    return {
        "number": span.number,
        "valid_from": span.valid_from,
        "valid_to": span.valid_to,
        "reason": span.reason,
        "warnings": " ".join(number_warnings(read_personal_number(span.number), today.year)),
    }


def _guardians(guardianships: Sequence[Guardianship]) -> list[Plain]:
    return [
        {"record_id": one.guardian_id, "relation": one.relation, "until": one.until} for one in guardianships
    ]


def _representation(one: Representation) -> Plain:
    return {
        "record_id": one.organisation.record_id,
        "legal_name": one.organisation.legal_name,
        "standing": organisation_standing(one.organisation),
        "title": one.representative.title,
        "powers": " ".join(sorted(one.representative.powers)),
        "joint": one.representative.joint,
    }
