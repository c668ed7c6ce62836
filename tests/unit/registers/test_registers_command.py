from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from idp.cli.registers import FILES, registers
from idp.registers.columns import COLUMNS
from tests.unit.registers.country import write_country


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Registers that do not exist yet."""
    return f"sqlite:///{tmp_path / 'registers.db'}"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(registers, [str(argument) for argument in arguments])


def test_the_command_and_the_loader_know_the_same_files() -> None:
    assert tuple(COLUMNS) == FILES


def test_an_invented_country_is_generated_and_loaded(tmp_path: Path, url: str) -> None:
    made = run(
        "generate", tmp_path / "files", "--people", "200", "--organisations", "9", "--seed", "3", "--json"
    )
    assert made.exit_code == 0
    assert json.loads(made.output)["rows"]["people.csv"] == 200
    loaded = run("load", tmp_path / "files", "--url", url, "--json")
    assert loaded.exit_code == 0
    assert json.loads(loaded.output)["files"][0] == {
        "file": "people.csv",
        "kept": 200,
        "refused": 0,
        "to_review": 0,
    }


def test_a_person_reads_what_was_loaded_and_where_the_rejects_are(tmp_path: Path, url: str) -> None:
    paths = write_country(tmp_path)
    with paths[0].open("a", encoding="utf-8") as file:
        file.write("spoiled\n")
    answer = run("load", *paths, "--url", url, "--rejects", tmp_path / "aside.csv")
    assert answer.exit_code == 0
    assert "rows/s" in answer.output
    assert str(tmp_path / "aside.csv") in answer.output
    assert "people.csv,6,refused" in (tmp_path / "aside.csv").read_text(encoding="utf-8")


def test_a_record_is_shown(tmp_path: Path, url: str) -> None:
    run("load", *write_country(tmp_path), "--url", url)
    shown = run("show", "001084000009", "--url", url)
    assert shown.exit_code == 0
    assert "Nguyễn Văn An" in shown.output
    record = json.loads(run("show", "001084000009", "--url", url, "--json").output)
    assert record["record_id"] == "p-an"
    assert [span["number"] for span in record["numbers"]] == ["001084000009", "001084000001"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "12"), "12 digits"),
        (("load", "nowhere.csv"), "No such file"),
        (("load", "."), "holds none of"),
        (("generate", "out", "--people", "0"), "must be 1 to"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = run(*arguments)
    assert answer.exit_code == 1
    assert sentence in answer.output
    assert len(answer.output.splitlines()) == 1


def test_an_unknown_number_is_told_in_one_sentence(tmp_path: Path, url: str) -> None:
    run("load", *write_country(tmp_path), "--url", url)
    answer = run("show", "001084000777", "--url", url)
    assert (answer.exit_code, answer.output) == (
        1,
        "Error: No person in the population register has this number.\n",
    )


def test_the_columns_are_listed(tmp_path: Path) -> None:
    assert "personal_number" in run("columns").output
    assert set(json.loads(run("columns", "--json").output)) == set(COLUMNS)
