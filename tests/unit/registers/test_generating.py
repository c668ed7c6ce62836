from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from idp.registers.birth_date import read_birth_date
from idp.registers.columns import COLUMNS, GUARDIANSHIPS, ORGANISATIONS, PEOPLE, REPRESENTATIVES
from idp.registers.generate import generate
from idp.registers.load import load
from idp.registers.personal_code import disagreements, read_personal_number
from idp.registers.places import provinces
from idp.registers.types import Sex

TODAY = date(2026, 11, 22)
Row = dict[str, str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An invented country of ten thousand."""
    out = tmp_path_factory.mktemp("invented")
    generate(10_000, 7, 900, out, TODAY)
    return out


def _rows(folder: Path, name: str) -> Iterator[Row]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


@pytest.fixture(scope="module")
def people(folder: Path) -> list[Row]:
    """Its people."""
    return list(_rows(folder, PEOPLE))


@pytest.fixture(scope="module")
def organisations(folder: Path) -> list[Row]:
    """Its organisations."""
    return list(_rows(folder, ORGANISATIONS))


def test_the_same_seed_gives_the_same_files(folder: Path, tmp_path: Path) -> None:
    generate(10_000, 7, 900, tmp_path / "again", TODAY)
    generate(10_000, 8, 900, tmp_path / "other", TODAY)
    for name in COLUMNS:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
        assert (tmp_path / "other" / name).read_bytes() != (folder / name).read_bytes()


@pytest.mark.parametrize(("count", "firms"), [(1, 0), (2, 4), (3, 1), (17, 5)])
def test_the_sizes_asked_for_are_given(tmp_path: Path, count: int, firms: int) -> None:
    generated = generate(count, 1, firms, tmp_path, TODAY)
    assert (generated.people, generated.organisations) == (count, firms)
    assert len(list(_rows(tmp_path, PEOPLE))) == count


@pytest.mark.parametrize(("count", "firms"), [(0, 0), (-1, 0), (10, -1), (10, 21), (200_000_000, 0)])
def test_sizes_that_make_no_country_are_refused(tmp_path: Path, count: int, firms: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        generate(count, 1, firms, tmp_path, TODAY)


def test_numbers_are_unique_and_fit_birth_and_sex(people: list[Row]) -> None:
    numbers = [row["personal_number"] for row in people]
    formers = [entry.split(":")[0] for row in people for entry in row["former_numbers"].split(";") if entry]
    assert len({*numbers, *formers}) == len(numbers) + len(formers)
    assert formers
    for row in people:
        number = read_personal_number(row["personal_number"])
        assert not disagreements(number, read_birth_date(row["birth_date"]).year, Sex(row["sex"]))


def test_the_country_has_all_ages_and_provinces(people: list[Row]) -> None:
    ages = [TODAY.year - int(row["birth_date"][:4]) for row in people if row["status"] == "alive"]
    assert 0.17 < sum(age < 15 for age in ages) / len(ages) < 0.27
    assert 0.08 < sum(age >= 60 for age in ages) / len(ages) < 0.18
    by_province = Counter(row["province_code"] for row in people)
    assert set(by_province) == set(provinces())
    assert by_province.most_common(1)[0][0] == "79"
    assert all(len(row["commune_code"]) == 5 for row in people)


def test_every_form_of_name_occurs(people: list[Row]) -> None:
    names = [row["name"] for row in people]
    families = Counter(row["family_name"] for row in people)
    assert 0.2 < families["Nguyễn"] / len(people) < 0.4
    assert any(" " not in name for name in names)
    assert any(name.startswith("H'") for name in names)
    assert any(name.startswith("Y ") for name in names)
    assert {"Niê", "Thạch", "Giàng", "Lò"} < set(families)
    given = {row["given_name"] for row in people}
    assert {"Hòa", "Hoà"} < given


def test_every_hard_case_occurs(people: list[Row]) -> None:
    assert {row["status"] for row in people} == {"alive", "deceased", "missing"}
    assert {row["card_status"] for row in people} == {"valid", "locked", "none"}
    assert {len(row["birth_date"]) for row in people} == {4, 7, 10}
    assert {row["subject_type"] for row in people} >= {"citizen", "foreigner"}
    assert any("" < row["card_expires_on"] < TODAY.isoformat() for row in people)


def test_organisations_have_every_kind_of_identifier(people: list[Row], organisations: list[Row]) -> None:
    by_kind = {row["type"]: row for row in organisations}
    numbers = {row["personal_number"] for row in people}
    assert by_kind["household_business"]["tax_code"] in numbers
    assert len(by_kind["branch"]["tax_code"]) == 14
    assert by_kind["joint_stock"]["enterprise_code"] == by_kind["joint_stock"]["tax_code"]
    assert by_kind["public_service_unit"]["organisation_eid"]
    assert {row["status"] for row in organisations} == {"active", "suspended", "dissolved"}


def test_some_companies_have_several_representatives(folder: Path) -> None:
    representatives = list(_rows(folder, REPRESENTATIVES))
    assert max(Counter(row["organisation_id"] for row in representatives).values()) > 1
    assert {row["joint"] for row in representatives} == {"yes", "no"}


async def test_an_invented_country_loads_without_a_remark(
    folder: Path, registers_url: str, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects.csv"
    report = await load(
        [folder / name for name in COLUMNS], registers_url, rejects=rejects, now=1_795_305_600
    )
    assert [file.rows_kept for file in report.files] == [len(list(_rows(folder, name))) for name in COLUMNS]
    assert rejects.read_text(encoding="utf-8").splitlines() == ["file,line,verdict,reason"]
    assert GUARDIANSHIPS in {file.kind for file in report.files}
