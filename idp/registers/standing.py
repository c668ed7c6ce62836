"""What the registers' facts mean today: pure rules, with the day as an argument."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Final

from idp.registers.birth_date import age_over
from idp.registers.types import (
    CardStatus,
    GuardianRelation,
    Guardianship,
    LegalRepresentative,
    Organisation,
    OrganisationStatus,
    Person,
    PersonStatus,
    Ward,
)

ADULT_YEARS: Final = 18
"""The age at which guardianship of a minor ends by itself (Civil Code 91/2015/QH13 Art. 20)."""


class Standing(StrEnum):
    """Whether a person may hold and use an account today, or the first reason why not."""

    OK = "ok"
    DECEASED = "deceased"
    MISSING = "missing"
    CARD_LOCKED = "card_locked"
    CARD_EXPIRED = "card_expired"
    NO_CARD = "no_card"


class OrganisationStanding(StrEnum):
    """Whether an organisation can be acted for today, or why not."""

    OK = "ok"
    SUSPENDED = "suspended"
    DISSOLVED = "dissolved"


_ORGANISATION_STANDING: Final = {
    OrganisationStatus.ACTIVE: OrganisationStanding.OK,
    OrganisationStatus.SUSPENDED: OrganisationStanding.SUSPENDED,
    OrganisationStatus.DISSOLVED: OrganisationStanding.DISSOLVED,
}


def standing(person: Person, today: date) -> Standing:
    """Judge a person's record."""
    return judge(person.status, person.card_status, person.card_expires_on, today)


def judge(
    status: PersonStatus, card_status: CardStatus, card_expires_on: date | None, today: date
) -> Standing:
    """Judge what decides: the gravest reason first. A card is good up to and including its last day."""
    if status is PersonStatus.DECEASED:
        return Standing.DECEASED
    if status is PersonStatus.MISSING:
        return Standing.MISSING
    if card_status is CardStatus.LOCKED:
        return Standing.CARD_LOCKED
    if card_status is CardStatus.NONE:
        return Standing.NO_CARD
    if card_expires_on is not None and card_expires_on < today:
        return Standing.CARD_EXPIRED
    return Standing.OK


def organisation_standing(organisation: Organisation) -> OrganisationStanding:
    """Judge an organisation's record."""
    return _ORGANISATION_STANDING[organisation.status]


def in_force(fact: Guardianship | LegalRepresentative, today: date) -> bool:
    """Say whether a dated relation holds today; its last day is still part of it."""
    return fact.since <= today and (fact.until is None or today <= fact.until)


def ward_in_force(ward: Ward, today: date) -> bool:
    """Say whether a guardian may act for a ward today.

    A parent's or a minor's guardian's right ends on the ward's eighteenth birthday; nobody acts for the
    dead or the missing through guardianship.
    """
    if not in_force(ward.guardianship, today) or ward.person.status is not PersonStatus.ALIVE:
        return False
    if ward.guardianship.relation is GuardianRelation.GUARDIAN_OF_ADULT:
        return True
    return not age_over(ward.person.birth_date, ADULT_YEARS, today)
