"""A small country in register files, for the tests of loading and reading."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from idp.registers.columns import COLUMNS, GUARDIANSHIPS, ORGANISATIONS, PEOPLE, REPRESENTATIVES
from idp.registers.load import LoadReport, load

NOW = 1_795_305_600  # 22 November 2026, 07:00 in Viet Nam

Fields = Mapping[str, str]

PERSON: Fields = {
    "name": "Nguyễn Văn An",
    "family_name": "Nguyễn",
    "middle_name": "Văn",
    "given_name": "An",
    "birth_date": "1984-05-06",
    "sex": "male",
    "nationality": "VNM",
    "subject_type": "citizen",
    "province_code": "01",
    "commune_code": "00004",
    "address_detail": "Số 1, tổ 2",
    "address_as_of": "2025-07-01",
    "status": "alive",
    "card_status": "valid",
    "card_expires_on": "2044-05-06",
}
ORGANISATION: Fields = {
    "enterprise_code": "0100109106",
    "tax_code": "0100109106",
    "legal_name": "CÔNG TY TNHH MINH AN",
    "type": "llc_multi_member",
    "status": "active",
    "established_on": "2010-01-02",
    "province_code": "01",
    "commune_code": "00004",
    "address_detail": "Số 9",
    "address_as_of": "2025-07-01",
    "as_of": "2026-11-22T00:00:00Z",
}
OFFICE: Fields = {
    "role": "legal_representative",
    "title": "Giám đốc",
    "powers": "file sign",
    "joint": "no",
    "since": "2010-01-02",
}


def person(record_id: str, number: str, **fields: str) -> Fields:
    """A line of people.csv."""
    return {**PERSON, "record_id": record_id, "personal_number": number, **fields}


def write(folder: Path, name: str, rows: Sequence[Fields]) -> Path:
    """Write one register file with all its columns."""
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [column.name for column in COLUMNS[name]], restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_country(folder: Path) -> list[Path]:
    """Three generations, a company with two representatives and a household business."""
    people = [
        person("p-an", "001084000001", former_numbers="001084000009:1984-05-06:2019-12-31:reestablished"),
        person("p-hen", "066184000002", name="H'Hen Niê", family_name="Niê", middle_name="", given_name="H'Hen",
               sex="female"),
        person("p-binh", "001215000003", name="Nguyễn An Bình", birth_date="2015-03-02", card_status="none",
               card_expires_on=""),
        person("p-ba", "024150000004", name="Hoa", family_name="", middle_name="", given_name="Hoa",
               birth_date="1950", sex="female", card_expires_on=""),
    ]  # fmt: skip
    guardianships = [
        {"ward_id": "p-binh", "guardian_id": "p-an", "relation": "parent", "since": "2015-03-02"},
        {"ward_id": "p-binh", "guardian_id": "p-hen", "relation": "parent", "since": "2015-03-02",
         "until": "2020-01-01"},
        {"ward_id": "p-ba", "guardian_id": "p-an", "relation": "guardian_of_adult", "since": "2024-01-01"},
    ]  # fmt: skip
    organisations = [
        {**ORGANISATION, "record_id": "o-minh"},
        {**ORGANISATION, "record_id": "o-ho", "enterprise_code": "", "tax_code": "066184000002",
         "legal_name": "HỘ KINH DOANH BAN MÊ", "type": "household_business", "status": "suspended"},
        {**ORGANISATION, "record_id": "o-tan", "enterprise_code": "0300588569", "tax_code": "0300588569",
         "legal_name": "CÔNG TY TÂN", "status": "dissolved"},
    ]  # fmt: skip
    representatives = [
        {**OFFICE, "organisation_id": "o-minh", "person_id": "p-an", "joint": "yes"},
        {
            **OFFICE,
            "organisation_id": "o-minh",
            "person_id": "p-hen",
            "powers": "view file",
            "since": "2012-01-01",
        },
        {**OFFICE, "organisation_id": "o-minh", "person_id": "p-ba", "until": "2020-12-31"},
        {**OFFICE, "organisation_id": "o-ho", "person_id": "p-hen", "role": "head", "title": "Chủ hộ"},
        {**OFFICE, "organisation_id": "o-tan", "person_id": "p-an"},
    ]
    return [
        write(folder, PEOPLE, people),
        write(folder, GUARDIANSHIPS, guardianships),
        write(folder, ORGANISATIONS, organisations),
        write(folder, REPRESENTATIVES, representatives),
    ]


async def load_here(paths: Sequence[Path], url: str, now: int = NOW) -> LoadReport:
    """Load with the list of rejects beside the first file."""
    return await load(paths, url, rejects=paths[0].parent / "rejects.csv", now=now)


def rejects(folder: Path) -> list[dict[str, str]]:
    """The list of rejects."""
    with (folder / "rejects.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
