from __future__ import annotations

from datetime import date

import pytest

from idp.registers.business import (
    find_organisation,
    find_organisation_by_identifier,
    find_representation,
    find_representations,
    find_representatives,
)
from idp.registers.population import (
    find_guardians,
    find_numbers,
    find_person,
    find_person_by_number,
    find_wards,
)
from idp.registers.record import find_record
from idp.registers.types import IdentifierScheme, NumberReason, OrganisationStatus, Power
from idp.store.database import Database

TODAY = date(2026, 11, 22)


async def test_a_person_is_found_by_number_and_by_record(country: Database) -> None:
    person = await find_person_by_number(country, "001084000001")
    assert person is not None
    assert person == await find_person(country, "p-an")
    assert person.name == "Nguyễn Văn An"
    assert person.residence is not None
    assert (person.residence.province_code, person.residence.commune_code) == ("01", "00004")
    assert person.card_expires_on == date(2044, 5, 6)


async def test_an_earlier_number_leads_to_the_same_record(country: Database) -> None:
    person = await find_person_by_number(country, "001084000009")
    assert person is not None
    assert (person.record_id, person.personal_number) == ("p-an", "001084000001")
    numbers = await find_numbers(country, "p-an")
    assert [span.number for span in numbers] == ["001084000009", "001084000001"]
    assert numbers[0].reason is NumberReason.REESTABLISHED
    assert numbers[1].valid_to is None


@pytest.mark.parametrize("number", ["001084000008", "", "p-an", "001084000001\n", "' OR 1=1 --"])
async def test_an_unknown_number_finds_nobody(country: Database, number: str) -> None:
    assert await find_person_by_number(country, number) is None


async def test_a_name_of_one_word_and_a_birth_year_are_all_there_is(country: Database) -> None:
    person = await find_person(country, "p-ba")
    assert person is not None
    assert (person.name, person.family_name, person.middle_name, person.given_name) == (
        "Hoa",
        None,
        None,
        "Hoa",
    )
    assert str(person.birth_date) == "1950"


async def test_wards_are_those_in_force_today(country: Database) -> None:
    assert [ward.person.record_id for ward in await find_wards(country, "p-an", TODAY)] == ["p-ba", "p-binh"]
    assert await find_wards(country, "p-hen", TODAY) == []
    assert len(await find_wards(country, "p-hen", date(2020, 1, 1))) == 1


async def test_a_parent_acts_until_the_eighteenth_birthday(country: Database) -> None:
    assert [one.guardian_id for one in await find_guardians(country, "p-binh", date(2033, 3, 1))] == ["p-an"]
    assert await find_guardians(country, "p-binh", date(2033, 3, 2)) == []


async def test_an_organisation_is_found_under_its_own_scheme_only(country: Database) -> None:
    tax_code, enterprise_code = IdentifierScheme.TAX_CODE, IdentifierScheme.ENTERPRISE_CODE
    household = await find_organisation_by_identifier(country, tax_code, "066184000002")
    assert household is not None
    assert household.record_id == "o-ho"
    assert await find_organisation_by_identifier(country, enterprise_code, "066184000002") is None
    company = await find_organisation_by_identifier(country, enterprise_code, "0100109106")
    assert company is not None
    assert company == await find_organisation(country, "o-minh")
    assert {identifier.scheme for identifier in company.identifiers} == {tax_code, enterprise_code}
    assert company.as_of_at == 1_795_305_600


async def test_representations_are_those_in_force_and_a_dissolved_one_is_told(country: Database) -> None:
    mine, ended = await find_representations(country, "p-an", TODAY)
    assert ended.organisation.status is OrganisationStatus.DISSOLVED
    assert mine.organisation.record_id == "o-minh"
    assert mine.representative.joint
    assert mine.representative.powers == {Power.FILE, Power.SIGN}
    hers = await find_representations(country, "p-hen", TODAY)
    assert [one.organisation.legal_name for one in hers] == ["CÔNG TY TNHH MINH AN", "HỘ KINH DOANH BAN MÊ"]
    assert hers[1].organisation.status is OrganisationStatus.SUSPENDED
    assert await find_representations(country, "p-ba", TODAY) == []


async def test_one_representation_is_checked_alone(country: Database) -> None:
    found = await find_representation(country, "p-hen", "o-ho", TODAY)
    assert found is not None
    assert found.representative.title == "Chủ hộ"
    assert await find_representation(country, "p-an", "o-ho", TODAY) is None
    assert await find_representation(country, "p-ba", "o-minh", TODAY) is None


async def test_all_representatives_of_an_organisation_are_known(country: Database) -> None:
    assert [one.person_id for one in await find_representatives(country, "o-minh", TODAY)] == [
        "p-an",
        "p-hen",
    ]
    assert await find_representatives(country, "o-tan", TODAY) == []


async def test_a_record_joins_all_that_is_known_of_a_person(country: Database) -> None:
    record = await find_record(country, "066184000002", TODAY)
    assert record is not None
    assert (record["record_id"], record["standing"]) == ("p-hen", "ok")
    assert isinstance(record["represents"], list)
    assert len(record["represents"]) == 2
    assert await find_record(country, "066184000003", TODAY) is None
