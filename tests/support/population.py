"""A small country: invented people and organisations, each with what a test needs of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import bindparam, update

from idp.registers.schema import (
    legal_representatives,
    organisation_identifiers,
    organisations,
    people,
    personal_numbers,
)
from idp.store.columns import insert_all
from idp.store.database import Database, step

_ADD_PERSON: Final = insert_all(people)
_ADD_NUMBER: Final = insert_all(personal_numbers)
_ADD_ORGANISATION: Final = insert_all(organisations)
_ADD_IDENTIFIER: Final = insert_all(organisation_identifiers)
_ADD_REPRESENTATIVE: Final = insert_all(legal_representatives)
_OPEN_NUMBER: Final = {"valid_from": None, "valid_to": None, "reason": None}
_NO_ADDRESS: Final = {
    "province_code": None,
    "commune_code": None,
    "address_detail": None,
    "address_as_of": None,
}


@dataclass(frozen=True, slots=True)
class Citizen:
    """A row of the population register; the defaults hinder nothing."""

    record_id: str
    number: str
    name: str
    birth_date: str
    sex: str = "female"
    family_name: str | None = None
    middle_name: str | None = None
    given_name: str = ""
    nationality: str | None = "VNM"
    subject_type: str = "citizen"
    status: str = "alive"
    card_status: str = "valid"
    card_expires_on: str | None = "2034-06-30"
    home: tuple[str, str, str] | None = None  # province, commune, house and street

    def row(self) -> dict[str, Any]:
        """The row as the register keeps it."""
        values = {
            column.name: getattr(self, column.name) for column in people.columns if hasattr(self, column.name)
        }
        return values | _address(self.home) | {"given_name": self.given_name or self.name, "load_id": 1}


@dataclass(frozen=True, slots=True)
class Company:
    """A row of the business register, with its legal representatives by record id."""

    record_id: str
    legal_name: str
    code: str
    representatives: tuple[str, ...]
    type: str = "llc_multi_member"
    status: str = "active"
    seat: tuple[str, str, str] | None = field(default=("01", "00004", "Số 8 phố Mẫu"))

    def row(self) -> dict[str, Any]:
        """The row as the register keeps it."""
        own = {name: getattr(self, name) for name in ("record_id", "legal_name", "type", "status")}
        return own | _address(self.seat) | {
            "established_on": "2019-03-01",
            "as_of_at": 1_795_219_200,
            "load_id": 1,
        }  # fmt: skip


def _address(place: tuple[str, str, str] | None) -> dict[str, str | None]:
    if place is None:
        return dict(_NO_ADDRESS)
    province, commune, detail = place
    return {
        "province_code": province,
        "commune_code": commune,
        "address_detail": detail,
        "address_as_of": "2026-01-01",
    }


HOA: Final = Citizen(
    "p-hoa", "001184000017", "Nguyễn Thị Hòa", "1984-03-07",
    family_name="Nguyễn", middle_name="Thị", given_name="Hòa", home=("01", "00004", "Số 5 ngõ 12"),
)  # fmt: skip
AN: Final = Citizen(
    "p-an", "079079000025", "Trần Văn An", "1979-09-02", "male",
    family_name="Trần", middle_name="Văn", given_name="An", home=("79", "26734", "Số 7 đường Mẫu"),
)  # fmt: skip
KHANG: Final = Citizen(
    "p-khang", "001078000031", "Lê Minh Khang", "1978-12-24", "male",
    family_name="Lê", middle_name="Minh", given_name="Khang",
)  # fmt: skip
"""Represents two companies at work, and one that is dissolved."""
MAI: Final = Citizen(
    "p-mai", "001190000042", "Đỗ Thị Mai", "1990-01-15",
    family_name="Đỗ", middle_name="Thị", given_name="Mai",
)  # fmt: skip
"""Represents one company together with Khang."""
HEN: Final = Citizen(
    "p-hen", "066150000058", "H'Hen Niê", "1950", family_name="Niê", given_name="H'Hen"
)  # fmt: skip
"""Only the year of birth is known."""
SUONG: Final = Citizen("p-suong", "095165000063", "Sương", "1965-11", given_name="Sương")
"""One word is the whole name; the day of birth is not known."""
GIANG: Final = Citizen(
    "p-giang", "001316000079", "Nguyễn Hương Giang", "2016-05-05",
    family_name="Nguyễn", middle_name="Hương", given_name="Giang", card_expires_on="2030-05-05",
)  # fmt: skip
"""A child of ten."""
TU: Final = Citizen(
    "p-tu", "001045000084", "Phạm Văn Tư", "1945-08-19", "male", given_name="Tư", status="deceased"
)
LAN: Final = Citizen(
    "p-lan", "001172000096", "Đỗ Thị Lan", "1972-02-29", given_name="Lan", card_status="locked"
)
HUY: Final = Citizen(
    "p-huy", "001069000103", "Vũ Quốc Huy", "1969-07-27", "male", given_name="Huy",
    card_expires_on="2026-11-21",
)  # fmt: skip
"""The card expired yesterday."""
CITIZENS: Final = (HOA, AN, KHANG, MAI, HEN, SUONG, GIANG, TU, LAN, HUY)
NOBODYS_NUMBER: Final = "001184999999"

HOA_BINH: Final = Company("o-hoa-binh", "CÔNG TY TNHH HÒA BÌNH MẪU", "0309990017", ("p-khang", "p-mai"))
SONG_HONG: Final = Company(
    "o-song-hong", "CÔNG TY CỔ PHẦN SÔNG HỒNG MẪU", "0309990024", ("p-khang",), type="joint_stock"
)
SAO_MAI: Final = Company(
    "o-sao-mai", "CÔNG TY TNHH SAO MAI MẪU", "0309990031", ("p-khang",), status="dissolved"
)
COMPANIES: Final = (HOA_BINH, SONG_HONG, SAO_MAI)


async def lay_out_population(registers: Database) -> None:
    """Write the country into empty registers."""
    steps = [step(_ADD_PERSON, **citizen.row()) for citizen in CITIZENS]
    steps += [
        step(_ADD_NUMBER, number=citizen.number, record_id=citizen.record_id, **_OPEN_NUMBER)
        for citizen in CITIZENS
    ]
    for company in COMPANIES:
        steps.append(step(_ADD_ORGANISATION, **company.row()))
        steps += [
            step(_ADD_IDENTIFIER, scheme=scheme, value=company.code, organisation_id=company.record_id)
            for scheme in ("vn_enterprise_code", "vn_tax_code")
        ]
        steps += [_office(person_id, company) for person_id in company.representatives]
    await registers.write(*steps)


def _office(person_id: str, company: Company) -> Any:
    return step(
        _ADD_REPRESENTATIVE,
        person_id=person_id,
        organisation_id=company.record_id,
        role="legal_representative",
        title="Giám đốc",
        powers="sign file",
        joint=0,
        since="2019-03-01",
        until=None,
        load_id=1,
    )


async def change_citizen(registers: Database, citizen: Citizen, **values: object) -> None:
    """The population register says something else of a person from now on."""
    changed = update(people).where(people.c.record_id == bindparam("of")).values(values)
    await registers.write(step(changed, of=citizen.record_id))


async def change_company(registers: Database, company: Company, **values: object) -> None:
    """The business register says something else of an organisation from now on."""
    changed = update(organisations).where(organisations.c.record_id == bindparam("of")).values(values)
    await registers.write(step(changed, of=company.record_id))


async def change_office(registers: Database, citizen: Citizen, company: Company, **values: object) -> None:
    """The business register says something else of somebody's office in an organisation from now on."""
    changed = (
        update(legal_representatives)
        .where(
            legal_representatives.c.person_id == bindparam("person"),
            legal_representatives.c.organisation_id == bindparam("company"),
        )
        .values(values)
    )
    await registers.write(step(changed, person=citizen.record_id, company=company.record_id))


async def end_office(registers: Database, citizen: Citizen, company: Company, last_day: str) -> None:
    """Somebody is legal representative until this day, and not longer."""
    await change_office(registers, citizen, company, until=last_day)
