from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from idp.registers.columns import COLUMNS, GUARDIANSHIPS, ORGANISATIONS, PEOPLE, REPRESENTATIVES
from idp.registers.extent import measure
from idp.registers.load import LoadError, LoadReport, load
from idp.registers.population import find_numbers, find_person, find_person_by_number
from idp.registers.types import NumberReason, PersonStatus
from idp.store.database import Database, open_database
from tests.unit.registers.country import (
    NOW,
    OFFICE,
    ORGANISATION,
    PERSON,
    load_here,
    person,
    rejects,
    write,
    write_country,
)


class Interrupted(Exception):
    """Power cut."""


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[Database]:
    database = await open_database(url, pool_size=1, read_only=True)
    yield database
    await database.close()


def kept(report: LoadReport) -> list[int]:
    return [file.rows_kept for file in report.files]


def interrupt_after(batches: int) -> Callable[[str, int, int], None]:
    seen: list[str] = []

    def on_progress(name: str, _done: int, _size: int) -> None:
        seen.append(name)
        if len(seen) == batches:
            raise Interrupted

    return on_progress


async def load_small(
    paths: Sequence[Path], url: str, **options: Callable[[str, int, int], None]
) -> LoadReport:
    folder = paths[0].parent
    return await load(paths, url, rejects=folder / "rejects.csv", now=NOW, batch_lines=3, **options)


def many(count: int, **fields: str) -> list[dict[str, str]]:
    return [dict(person(f"p-{n}", f"001084{n:06d}", **fields)) for n in range(count)]


async def test_files_are_known_by_their_header_and_loaded_in_order(
    registers_url: str, tmp_path: Path
) -> None:
    paths = write_country(tmp_path)
    report = await load_here(paths[::-1], registers_url)
    assert [file.kind for file in report.files] == [PEOPLE, GUARDIANSHIPS, ORGANISATIONS, REPRESENTATIVES]
    assert kept(report) == [4, 3, 3, 5]
    assert report.rows_read == 15
    assert rejects(tmp_path) == []


async def test_loading_again_changes_nothing(registers_url: str, tmp_path: Path) -> None:
    paths = write_country(tmp_path)
    first = await load_here(paths, registers_url)
    async with reading(registers_url) as db:
        extent, before = await measure(db), await find_person(db, "p-an")
    second = await load_here(paths, registers_url)
    assert second.files == first.files
    async with reading(registers_url) as db:
        assert await measure(db) == extent
        assert await find_person(db, "p-an") == before
        assert len(await find_numbers(db, "p-an")) == 2


async def test_a_later_file_brings_records_up_to_date(registers_url: str, tmp_path: Path) -> None:
    await load_here([write(tmp_path, PEOPLE, [person("p-1", "001084000001")])], registers_url)
    await load_here(
        [write(tmp_path, PEOPLE, [person("p-1", "001084000001", status="deceased")])], registers_url
    )
    async with reading(registers_url) as db:
        found = await find_person(db, "p-1")
        assert found is not None
        assert found.status is PersonStatus.DECEASED


async def test_a_number_that_is_no_longer_stated_is_ended_and_not_forgotten(
    registers_url: str, tmp_path: Path
) -> None:
    await load_here([write(tmp_path, PEOPLE, [person("p-1", "001084000001")])], registers_url)
    renewed = person("p-1", "001184000002", number_since="2026-11-01")
    await load_here([write(tmp_path, PEOPLE, [renewed])], registers_url)
    async with reading(registers_url) as db:
        found = await find_person_by_number(db, "001084000001")
        assert found is not None
        assert found.personal_number == "001184000002"
        former = (await find_numbers(db, "p-1"))[0]
        assert former.reason is NumberReason.SUPERSEDED
        assert str(former.valid_to) == "2026-11-01"


async def test_a_number_may_come_back(registers_url: str, tmp_path: Path) -> None:
    for number in ("001084000001", "001084000002", "001084000001"):
        await load_here([write(tmp_path, PEOPLE, [person("p-1", number)])], registers_url)
    async with reading(registers_url) as db:
        found = await find_person_by_number(db, "001084000002")
        assert found is not None
        assert found.personal_number == "001084000001"


async def test_an_organisation_loses_identifiers_that_are_no_longer_stated(
    registers_url: str, tmp_path: Path
) -> None:
    one = {**ORGANISATION, "record_id": "o-1"}
    await load_here([write(tmp_path, ORGANISATIONS, [one])], registers_url)
    changed = {**one, "enterprise_code": "", "tax_code": "0300588569"}
    await load_here([write(tmp_path, ORGANISATIONS, [changed])], registers_url)
    other = {**ORGANISATION, "record_id": "o-2"}
    assert kept(await load_here([write(tmp_path, ORGANISATIONS, [other])], registers_url)) == [1]


class Stream:
    """Lines of people.csv that are good but for what is asked for."""

    def __init__(self) -> None:
        self._count = 0

    def line(self, **fields: str) -> Mapping[str, str]:
        self._count += 1
        return {**person(f"p-{self._count}", f"001084{self._count:06d}"), **fields}


async def test_bad_rows_are_listed_and_stop_nothing(registers_url: str, tmp_path: Path) -> None:
    people = Stream()
    rows = [
        people.line(),
        people.line(personal_number="12345"),
        people.line(personal_number="\uff10" * 12),
        people.line(birth_date="1984-02-30"),
        people.line(name=""),
        people.line(sex="M"),
        people.line(commune_code="4"),
        people.line(commune_code=""),
        people.line(card_status="none"),
        people.line(former_numbers="001084000777:2020-01-01:2019-01-01:reestablished"),
        person("p-1", "001084009999"),
        person("p-last", "001084000001"),
        people.line(),
    ]
    path = write(tmp_path, PEOPLE, rows)
    with path.open("ab") as file:
        file.write(b"too,few,fields\n")
        file.write(b"\xff\xfe bad bytes\n")
        file.write(b"nul\0\n")
        file.write(b'"no end' + b"," * (len(COLUMNS[PEOPLE]) - 1) + b"\n")
        file.write(b"x" * 200_000 + b"\n")
        file.write(b"\r\n")
    with path.open("a", encoding="utf-8", newline="") as file:
        fields = [dict(person("p-end", "001084000050")).get(column.name, "") for column in COLUMNS[PEOPLE]]
        file.write(",".join(f'"{field}"' for field in fields))
    report = await load_small([path], registers_url)
    assert kept(report) == [3]
    assert report.files[0].rows_rejected == 16
    assert [(entry["line"], entry["reason"].split(":")[0]) for entry in rejects(tmp_path)] == [
        ("3", "personal_number"),
        ("4", "personal_number"),
        ("5", "birth_date"),
        ("6", "name"),
        ("7", "sex"),
        ("8", "commune_code"),
        ("9", "province_code, commune_code, address_as_of"),
        ("10", "card_expires_on"),
        ("11", "former_numbers"),
        ("12", "record_id"),
        ("13", "personal_number"),
        ("15", "has 3 fields instead of 19"),
        ("16", "is not UTF-8"),
        ("17", "holds a NUL byte"),
        ("18", "has unbalanced quotes"),
        ("19", "is longer than 65536 bytes"),
    ]


async def test_the_list_of_rejects_holds_no_values(registers_url: str, tmp_path: Path) -> None:
    await load_here(
        [write(tmp_path, PEOPLE, [person("p-1", "00108400000x", name="Trần Văn Kín")])], registers_url
    )
    text = (tmp_path / "rejects.csv").read_text(encoding="utf-8")
    assert "00108400000x" not in text
    assert "Kín" not in text


async def test_references_to_nobody_are_refused(registers_url: str, tmp_path: Path) -> None:
    paths = [
        write(tmp_path, PEOPLE, [person("p-1", "001084000001"), person("p-2", "001084000002")]),
        write(
            tmp_path,
            GUARDIANSHIPS,
            [
                {"ward_id": "p-1", "guardian_id": "p-9", "relation": "parent", "since": "2020-01-01"},
                {"ward_id": "p-9", "guardian_id": "p-1", "relation": "parent", "since": "2020-01-01"},
                {"ward_id": "p-1", "guardian_id": "p-1", "relation": "parent", "since": "2020-01-01"},
                {"ward_id": "p-1", "guardian_id": "p-2", "relation": "parent", "since": "2020-01-01"},
                {"ward_id": "p-1", "guardian_id": "p-2", "relation": "parent", "since": "2020-01-02"},
            ],
        ),
        write(
            tmp_path,
            ORGANISATIONS,
            [{**ORGANISATION, "record_id": "o-1"}, {**ORGANISATION, "record_id": "o-2"}],
        ),
        write(
            tmp_path,
            REPRESENTATIVES,
            [
                {**OFFICE, "organisation_id": "o-9", "person_id": "p-1"},
                {**OFFICE, "organisation_id": "o-1", "person_id": "p-9"},
                {**OFFICE, "organisation_id": "o-1", "person_id": "p-1", "until": "2009-01-01"},
                {**OFFICE, "organisation_id": "o-1", "person_id": "p-1", "powers": "everything"},
                {**OFFICE, "organisation_id": "o-1", "person_id": "p-2"},
            ],
        ),
    ]
    report = await load_here(paths, registers_url)
    assert kept(report) == [2, 1, 1, 1]
    assert [entry["reason"] for entry in rejects(tmp_path)] == [
        "guardian_id: is not in the register",
        "ward_id: is not in the register",
        "guardian_id: must not be the ward",
        "ward_id, guardian_id: stands earlier in the load",
        "identifier: belongs to another record",
        "organisation_id: is not in the register",
        "person_id: is not in the register",
        "until: must not be before since",
        "powers: must be words from file, sign, pay, view, separated by spaces",
    ]


async def test_a_number_that_disagrees_with_the_record_is_kept_for_review(
    registers_url: str, tmp_path: Path
) -> None:
    rows = [
        person("p-1", "001185000001"),
        person("p-2", "505000000001", subject_type="foreigner", nationality="FRA"),
    ]
    report = await load_here([write(tmp_path, PEOPLE, rows)], registers_url)
    assert kept(report) == [2]
    assert report.files[0].rows_to_review == 1
    (entry,) = rejects(tmp_path)
    assert (entry["verdict"], entry["reason"]) == (
        "review",
        "personal_number: disagrees with birth_year and sex",
    )


@pytest.mark.parametrize("batches", [1, 2, 4, 5])
async def test_an_interrupted_load_goes_on_where_it_stopped(
    registers_url: str, tmp_path: Path, batches: int
) -> None:
    rows = many(10)
    rows[4]["sex"] = "?"
    guardianships = [
        {"ward_id": f"p-{n}", "guardian_id": "p-0", "relation": "parent", "since": "2020-01-01"}
        for n in range(1, 6)
    ]
    paths = [write(tmp_path, PEOPLE, rows), write(tmp_path, GUARDIANSHIPS, guardianships)]
    with pytest.raises(Interrupted):
        await load_small(paths, registers_url, on_progress=interrupt_after(batches))
    report = await load_small(paths, registers_url)
    assert report.resumed
    assert report.rows_read < 15
    assert kept(report) == [9, 4]
    assert [(entry["file"], entry["line"]) for entry in rejects(tmp_path)] == [
        (PEOPLE, "6"),
        (GUARDIANSHIPS, "5"),
    ]
    async with reading(registers_url) as db:
        assert (await measure(db)).people == 9
    assert not (await load_small(paths, registers_url)).resumed


async def test_rejects_of_a_batch_that_was_not_committed_are_listed_once(
    registers_url: str, tmp_path: Path
) -> None:
    rows = many(6)
    rows[4]["sex"] = "?"
    paths = [write(tmp_path, PEOPLE, rows)]
    with pytest.raises(Interrupted):
        await load_small(paths, registers_url, on_progress=interrupt_after(1))
    with (tmp_path / "rejects.csv").open("a", encoding="utf-8") as file:
        file.write("people.csv,6,refused,half a li")
    await load_small(paths, registers_url)
    assert [entry["line"] for entry in rejects(tmp_path)] == ["6"]


async def test_another_file_of_the_same_name_starts_anew(registers_url: str, tmp_path: Path) -> None:
    path = write(tmp_path, PEOPLE, many(10))
    with pytest.raises(Interrupted):
        await load_small([path], registers_url, on_progress=interrupt_after(1))
    report = await load_small([write(tmp_path, PEOPLE, many(10, status="missing"))], registers_url)
    assert not report.resumed
    assert kept(report) == [10]
    async with reading(registers_url) as db:
        first = await find_person(db, "p-0")
        assert first is not None
        assert first.status is PersonStatus.MISSING


async def test_columns_may_stand_in_any_order_and_optional_ones_be_left_out(
    registers_url: str, tmp_path: Path
) -> None:
    needed = [column.name for column in COLUMNS[PEOPLE] if column.required][::-1]
    row = {**PERSON, "record_id": "p-1", "personal_number": "001084000001"}
    path = tmp_path / "november.csv"
    text = f"\ufeff{','.join(needed)}\r\n{','.join(row[name] for name in needed)}\r\n"
    path.write_bytes(text.encode())
    assert kept(await load_here([path], registers_url)) == [1]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "lacks"),
        (b"\xff\xfe", "not UTF-8"),
        (b"record_id,colour\n", "lacks"),
    ],
)
async def test_a_file_of_another_kind_is_refused(
    registers_url: str, tmp_path: Path, content: bytes, complaint: str
) -> None:
    path = tmp_path / PEOPLE
    path.write_bytes(content)
    with pytest.raises(LoadError, match=complaint):
        await load_here([path], registers_url)


async def test_an_unknown_or_repeated_column_is_refused(registers_url: str, tmp_path: Path) -> None:
    names = [column.name for column in COLUMNS[PEOPLE]]
    path = tmp_path / PEOPLE
    path.write_text(",".join([*names, "colour"]) + "\n", encoding="utf-8")
    with pytest.raises(LoadError, match="has no column 'colour'"):
        await load_here([path], registers_url)
    path.write_text(",".join([*names, "sex"]) + "\n", encoding="utf-8")
    with pytest.raises(LoadError, match="twice"):
        await load_here([path], registers_url)


async def test_a_missing_file_and_one_given_twice_are_refused(registers_url: str, tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="cannot be read"):
        await load_here([tmp_path / "nothing.csv"], registers_url)
    path = write(tmp_path, PEOPLE, many(1))
    with pytest.raises(LoadError, match="same content"):
        await load_here([path, path], registers_url)


async def test_empty_registers_are_laid_out_by_loading(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'registers.db'}"
    assert kept(await load_here([write(tmp_path, PEOPLE, many(2))], url)) == [2]


def test_every_column_says_what_it_means() -> None:
    for columns in COLUMNS.values():
        assert len({column.name for column in columns}) == len(columns)
        assert all(column.meaning and column.format for column in columns)
