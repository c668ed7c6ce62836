"""The demo launcher's parts: plan, folder, programs, forms, choice of citizens, table."""

from __future__ import annotations

import csv
import json
import os
import socket
import stat
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from examples.launcher.citizens import choose_citizens, make_password
from examples.launcher.facts import draw_table, list_facts
from examples.launcher.folder import MARKER, STATE, Citizen, Folder, State
from examples.launcher.forms import read_forms
from examples.launcher.plan import DemoError, Plan, read_plan
from examples.launcher.ports import require_free
from examples.launcher.setup import settle_sizes

TODAY = date(2026, 3, 1)


# The plan


def test_the_plan_has_the_addresses_of_the_readme() -> None:
    plan = read_plan([], {})
    assert plan.issuer == "http://localhost:9000"
    assert plan.ports == [9000, 9101, 9102, 9103]


def test_an_option_goes_before_a_variable() -> None:
    plan = read_plan(["--people", "300", "--port-base", "19000"], {"DEMO_PEOPLE": "200"})
    assert plan.people == 300
    assert plan.portal_url("enterprise") == "http://localhost:19103"


@pytest.mark.parametrize("people", ["many", "-5", "99", "١٢٣٤"])
def test_a_wrong_number_is_one_sentence(people: str) -> None:
    with pytest.raises(DemoError, match="number of people must be a whole number"):
        read_plan([], {"DEMO_PEOPLE": people})


# The folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "demo")
    made.prepare()
    return made


def test_what_was_done_is_found_again(folder: Folder) -> None:
    state = State(people=500, organisations=40, generated=True, citizens=[])
    folder.write_state(state)
    assert folder.read_state() == state
    assert stat.S_IMODE((folder.path / STATE).stat().st_mode) == 0o600


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    foreign = Folder(tmp_path)
    with pytest.raises(DemoError, match="not made by the demo"):
        foreign.prepare()
    with pytest.raises(DemoError, match="left alone"):
        foreign.remove()
    assert (tmp_path / "thesis.txt").exists()


def test_a_link_to_a_folder_is_no_folder_of_ours(folder: Folder, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder.path)
    with pytest.raises(DemoError):
        Folder(link).remove()
    assert (folder.path / MARKER).exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"citizens": [{"name": "A"}]}', '{"citizens": [], "unknown": 1}']
)
def test_a_damaged_note_is_one_sentence(folder: Folder, text: str) -> None:
    (folder.path / STATE).write_text(text)
    with pytest.raises(DemoError, match="is damaged: run 'make demo-reset'"):
        folder.read_state()


def test_lost_data_are_noticed(folder: Folder) -> None:
    folder.write_state(State(people=500, organisations=40, generated=True, loaded=True))
    with pytest.raises(DemoError, match=r"registers\.db is missing"):
        folder.read_state()


def test_two_launchers_do_not_share_a_folder(folder: Folder) -> None:
    with folder.held(), pytest.raises(DemoError, match="already running"), folder.held():
        pass
    with folder.held():
        pass


def test_a_running_demo_is_not_thrown_away(folder: Folder) -> None:
    with folder.held(), pytest.raises(DemoError, match="already running"):
        Folder(folder.path).remove()
    assert folder.remove()
    assert not folder.remove()


def test_a_folder_holds_one_population(folder: Folder) -> None:
    state = State(people=500, organisations=40)
    settle_sizes(Plan(folder.path), state)
    assert (state.people, state.organisations) == (500, 40)
    with pytest.raises(DemoError, match="hold 500 people, not 600"):
        settle_sizes(Plan(folder.path, people=600), state)


# Ports


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(DemoError, match=f"Port {port} is in use"):
            require_free([port])
    require_free([port])


# Forms


def test_forms_are_read_as_a_browser_reads_them() -> None:
    page = """
    <form method="get" action="/search"><input name="q"></form>
    <form method="post" action="/go"><input type="hidden" name="csrf_token" value="a&amp;b">
      <input name="number" value="1"><input type="radio" name="for" value="self"><input type="radio" name="for"
      value="gone" disabled><input type="radio" name="for" value="org"><button name="decision" value="yes">Yes</button>
    </form><input name="outside">"""
    (form,) = read_forms(page)
    assert form.action == "/go"
    assert form.values == {"csrf_token": "a&b", "number": "1"}
    assert form.choices == {"for": ["self", "org"], "decision": ["yes"]}


# Citizens


def write_csv(path: Path, *rows: dict[str, str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def person(number: int, **changes: str) -> dict[str, str]:
    row = {
        "record_id": f"p{number}",
        "personal_number": f"00108400000{number}",
        "name": f"NGƯỜI THỨ {number}",
        "birth_date": "1984",
        "subject_type": "citizen",
        "status": "alive",
        "card_status": "valid",
        "card_expires_on": "2030-01-01",
    }
    return row | changes


def representative(person_id: str, organisation_id: str, **changes: str) -> dict[str, str]:
    row = {
        "organisation_id": organisation_id,
        "person_id": person_id,
        "role": "legal_representative",
        "joint": "no",
    }
    return row | {"since": "2020-01-01", "until": ""} | changes


@pytest.fixture
def registers(tmp_path: Path) -> Path:
    write_csv(
        tmp_path / "people.csv",
        person(0, status="deceased"),
        person(1, card_status="locked"),
        person(2, birth_date="2015-01-01"),
        person(3, card_expires_on="2026-03-02"),
        person(4),
        person(5, card_expires_on=""),
        person(6),
        person(7),
        person(8, subject_type="foreigner"),
        person(9),
    )
    company = {
        "enterprise_code": "0100109106",
        "legal_name": "CÔNG TY MẪU",
        "type": "joint_stock",
        "status": "active",
    }
    write_csv(
        tmp_path / "organisations.csv",
        {"record_id": "o1", **company, "status": "dissolved"},
        {"record_id": "o2", **company},
        {"record_id": "o3", **company, "type": "household_business"},
    )
    write_csv(
        tmp_path / "representatives.csv",
        representative("p4", "o1"),
        representative("p5", "o3"),
        representative("p6", "o2", joint="yes"),
        representative("p7", "o2", until="2025-12-31"),
        representative("p8", "o2"),
        representative("p9", "o2"),
    )
    return tmp_path


def test_citizens_are_those_who_may_sign_in(registers: Path) -> None:
    chosen = choose_citizens(registers, TODAY)
    assert [citizen.name for citizen in chosen.citizens] == ["NGƯỜI THỨ 4", "NGƯỜI THỨ 5", "NGƯỜI THỨ 9"]
    assert chosen.newcomer == "001084000006"
    assert chosen.citizens[2].organisation == "CÔNG TY MẪU"
    assert chosen.citizens[2].organisation_code == "0100109106"
    assert chosen.citizens[0].organisation is None


def test_a_population_without_a_representative_is_too_small(registers: Path) -> None:
    write_csv(registers / "representatives.csv", representative("p4", "o1"))
    with pytest.raises(DemoError, match="too small"):
        choose_citizens(registers, TODAY)


def test_missing_register_files_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="cannot be used"):
        choose_citizens(tmp_path, TODAY)


def test_passwords_differ_and_can_be_typed() -> None:
    passwords = {make_password() for _ in range(50)}
    assert len(passwords) == 50
    assert all(password.isascii() and len(password) == 22 for password in passwords)


# What is told


def test_the_table_and_the_file_tell_the_same(folder: Folder) -> None:
    plan = Plan(folder.path)
    state = State(
        people=500, newcomer="001084000006", citizens=[Citizen("001084000004", "NGƯỜI MẪU", "a-b-c")]
    )
    table = draw_table(plan, folder, state)
    facts = json.loads(json.dumps(list_facts(plan, folder, state)))
    for word in (facts["issuer"], *(portal["url"] for portal in facts["portals"].values()), "Ctrl-C"):
        assert word in table
    for value in ("personal_number", "name", "password"):
        assert facts["citizens"][0][value] in table


# The program


def run_demo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "examples/demo.py", *arguments]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_program_stops_with_one_sentence_when_a_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if port + 103 > 65_535:
            pytest.skip("the system gave a port too high for four in a row")
        ended = run_demo(DEMO_FOLDER=str(tmp_path / "demo"), DEMO_PORT_BASE=str(port))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"demo: Port {port} is in use")
    assert len(ended.stderr.splitlines()) == 1


def test_the_program_resets_its_own_folder_only(tmp_path: Path) -> None:
    demo = tmp_path / "demo"
    Folder(demo).prepare()
    assert run_demo("reset", DEMO_FOLDER=str(demo)).returncode == 0
    assert not demo.exists()
    (tmp_path / "own").write_text("")
    refused = run_demo("reset", DEMO_FOLDER=str(tmp_path))
    assert refused.returncode == 1
    assert "left alone" in refused.stderr
