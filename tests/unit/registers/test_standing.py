from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from idp.registers.birth_date import read_birth_date
from idp.registers.standing import (
    OrganisationStanding,
    Standing,
    organisation_standing,
    standing,
    ward_in_force,
)
from idp.registers.types import (
    CardStatus,
    GuardianRelation,
    Guardianship,
    Organisation,
    OrganisationStatus,
    OrganisationType,
    Person,
    PersonStatus,
    Sex,
    SubjectType,
    Ward,
)

TODAY = date(2026, 11, 22)
PERSON = Person(
    record_id="p1",
    personal_number="001184000017",
    name="Nguyễn Thị Hòa",
    family_name="Nguyễn",
    middle_name="Thị",
    given_name="Hòa",
    birth_date=read_birth_date("1984-03-07"),
    sex=Sex.FEMALE,
    nationality="VNM",
    subject_type=SubjectType.CITIZEN,
    residence=None,
    status=PersonStatus.ALIVE,
    card_status=CardStatus.VALID,
    card_expires_on=date(2026, 11, 22),
)


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        (PERSON, Standing.OK),
        (replace(PERSON, card_expires_on=None), Standing.OK),
        (replace(PERSON, card_expires_on=date(2026, 11, 21)), Standing.CARD_EXPIRED),
        (replace(PERSON, card_status=CardStatus.LOCKED), Standing.CARD_LOCKED),
        (replace(PERSON, card_status=CardStatus.NONE, card_expires_on=None), Standing.NO_CARD),
        (replace(PERSON, status=PersonStatus.MISSING), Standing.MISSING),
        (replace(PERSON, status=PersonStatus.DECEASED, card_status=CardStatus.LOCKED), Standing.DECEASED),
    ],
)
def test_the_gravest_reason_decides_a_persons_standing(person: Person, expected: Standing) -> None:
    assert standing(person, TODAY) is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (OrganisationStatus.ACTIVE, OrganisationStanding.OK),
        (OrganisationStatus.SUSPENDED, OrganisationStanding.SUSPENDED),
        (OrganisationStatus.DISSOLVED, OrganisationStanding.DISSOLVED),
    ],
)
def test_an_organisations_standing_follows_its_status(
    status: OrganisationStatus, expected: OrganisationStanding
) -> None:
    organisation = Organisation("o1", (), "CÔNG TY", OrganisationType.LLC_MULTI_MEMBER, status, None, None, 0)
    assert organisation_standing(organisation) is expected


def _ward(relation: GuardianRelation, born: str, until: date | None = None) -> Ward:
    child = replace(PERSON, record_id="p2", birth_date=read_birth_date(born))
    return Ward(child, Guardianship("p1", "p2", relation, date(2010, 1, 1), until))


@pytest.mark.parametrize(
    ("ward", "holds"),
    [
        (_ward(GuardianRelation.PARENT, "2008-11-23"), True),
        (_ward(GuardianRelation.PARENT, "2008-11-22"), False),
        (_ward(GuardianRelation.GUARDIAN_OF_MINOR, "2008-11-22"), False),
        (_ward(GuardianRelation.GUARDIAN_OF_ADULT, "1950"), True),
        (_ward(GuardianRelation.PARENT, "2015-01-01", until=date(2026, 11, 22)), True),
        (_ward(GuardianRelation.PARENT, "2015-01-01", until=date(2026, 11, 21)), False),
    ],
)
def test_guardianship_of_a_minor_ends_on_the_eighteenth_birthday(ward: Ward, *, holds: bool) -> None:
    assert ward_in_force(ward, TODAY) is holds


def test_nobody_acts_for_the_dead() -> None:
    ward = _ward(GuardianRelation.PARENT, "2015-01-01")
    dead = replace(ward, person=replace(ward.person, status=PersonStatus.DECEASED))
    assert not ward_in_force(dead, TODAY)


def test_a_person_shows_no_personal_data_in_its_representation() -> None:
    assert "Hòa" not in repr(PERSON)
    assert PERSON.personal_number not in repr(PERSON)
