"""What the registers hold, as frozen values.

The registers own these facts; the provider reads and never edits them. A person's stable key is
`record_id`: the personal identification number can be re-established and therefore identifies no one
for ever. `repr` shows record ids only, so that no log line carries a name or a number by accident.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from idp.registers.birth_date import BirthDate


class Sex(StrEnum):
    """The sex the register states; the values are those of the `gender` claim (OpenID Connect Core §5.1)."""

    MALE = "male"
    FEMALE = "female"


class SubjectType(StrEnum):
    """Why the population database knows the person (Law on Identification 26/2023/QH15)."""

    CITIZEN = "citizen"
    FOREIGNER = "foreigner"
    STATELESS_ORIGIN = "stateless_origin"


class PersonStatus(StrEnum):
    """Whether the register holds the person for alive, dead, or missing."""

    ALIVE = "alive"
    DECEASED = "deceased"
    MISSING = "missing"


class CardStatus(StrEnum):
    """The person's identity card, or residence card for a foreigner; expiry is told by its date."""

    VALID = "valid"
    LOCKED = "locked"
    NONE = "none"


class NumberReason(StrEnum):
    """Why a personal identification number stopped being somebody's current one."""

    REESTABLISHED = "reestablished"
    SEX_CORRECTED = "sex_corrected"
    BIRTH_CORRECTED = "birth_corrected"
    SUPERSEDED = "superseded"


class GuardianRelation(StrEnum):
    """In what capacity a guardian acts for a ward."""

    PARENT = "parent"
    GUARDIAN_OF_MINOR = "guardian_of_minor"
    GUARDIAN_OF_ADULT = "guardian_of_adult"


class OrganisationType(StrEnum):
    """The closed list of kinds of organisation (Law on Enterprises 2020, and those outside it)."""

    PRIVATE_ENTERPRISE = "private_enterprise"
    LLC_SINGLE_MEMBER = "llc_single_member"
    LLC_MULTI_MEMBER = "llc_multi_member"
    JOINT_STOCK = "joint_stock"
    PARTNERSHIP = "partnership"
    COOPERATIVE = "cooperative"
    COOPERATIVE_UNION = "cooperative_union"
    HOUSEHOLD_BUSINESS = "household_business"
    BRANCH = "branch"
    REPRESENTATIVE_OFFICE = "representative_office"
    BUSINESS_LOCATION = "business_location"
    STATE_AGENCY = "state_agency"
    PUBLIC_SERVICE_UNIT = "public_service_unit"
    ASSOCIATION = "association"
    FOREIGN_ORGANISATION = "foreign_organisation"


class OrganisationStatus(StrEnum):
    """Whether the organisation operates, has paused, or is no more."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DISSOLVED = "dissolved"


class IdentifierScheme(StrEnum):
    """What an organisation's identifier is; a bare value means nothing, for it can equal a person's number."""

    ENTERPRISE_CODE = "vn_enterprise_code"
    TAX_CODE = "vn_tax_code"
    ORGANISATION_EID = "vn_org_eid"
    AGENCY_CODE = "vn_agency_code"


class RepresentativeRole(StrEnum):
    """In what office a person stands for an organisation."""

    LEGAL_REPRESENTATIVE = "legal_representative"
    HEAD = "head"


class Power(StrEnum):
    """What a representative may do in the organisation's name: a closed list."""

    FILE = "file"
    SIGN = "sign"
    PAY = "pay"
    VIEW = "view"


@dataclass(frozen=True, slots=True)
class Address:
    """A place of the two-tier administration, valid as of a day: codes are strings, zeros in front matter."""

    province_code: str
    commune_code: str
    detail: str
    as_of: date


@dataclass(frozen=True, slots=True)
class Person:
    """One record of the population register. `name` is what the register writes and is never built from parts."""

    record_id: str
    personal_number: str = field(repr=False)
    name: str = field(repr=False)
    family_name: str | None = field(repr=False)
    middle_name: str | None = field(repr=False)
    given_name: str = field(repr=False)
    birth_date: BirthDate = field(repr=False)
    sex: Sex = field(repr=False)
    nationality: str | None = field(repr=False)
    subject_type: SubjectType
    residence: Address | None = field(repr=False)
    status: PersonStatus
    card_status: CardStatus
    card_expires_on: date | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class NumberSpan:
    """A personal identification number and the days on which it was the person's current one."""

    number: str = field(repr=False)
    valid_from: date | None
    valid_to: date | None
    reason: NumberReason | None


@dataclass(frozen=True, slots=True)
class Guardianship:
    """That one person may act for another."""

    guardian_id: str
    ward_id: str
    relation: GuardianRelation
    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class Ward:
    """A person for whom another may act, and on what ground."""

    person: Person
    guardianship: Guardianship


@dataclass(frozen=True, slots=True)
class Identifier:
    """An organisation's identifier: a value under its scheme."""

    scheme: IdentifierScheme
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Organisation:
    """One record of the business register. `as_of_at` is when the register last stated it (epoch seconds)."""

    record_id: str
    identifiers: tuple[Identifier, ...]
    legal_name: str = field(repr=False)
    type: OrganisationType
    status: OrganisationStatus
    established_on: date | None
    head_office: Address | None = field(repr=False)
    as_of_at: int


@dataclass(frozen=True, slots=True)
class LegalRepresentative:
    """That a person stands for an organisation; `joint` means only together with another representative."""

    person_id: str
    organisation_id: str
    role: RepresentativeRole
    title: str
    powers: frozenset[Power]
    joint: bool
    since: date
    until: date | None


@dataclass(frozen=True, slots=True)
class Representation:
    """An organisation somebody may act for, and the office that entitles them to."""

    organisation: Organisation
    representative: LegalRepresentative


@dataclass(frozen=True, slots=True)
class Attribution:
    """On whose behalf a register was asked; the caller writes it into the audit event of the reading.

    `client_id` is the client whose request needs the record, or `None` for the provider's own account
    pages; `asked_by` is the record id of the person or the name of the operator; `request_id` leads
    back to the request.
    """

    client_id: str | None
    asked_by: str
    request_id: str
