"""`make demo`, wholly: from an empty folder to four running programs, and back to none."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.support.launched_demo import find_port_base

PEOPLE = "600"
PATIENCE_SECONDS = 120

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One folder and one set of ports for the tests of this file, which follow each other."""
    folder = tmp_path_factory.mktemp("launcher") / "demo"
    demo = {
        "DEMO_FOLDER": str(folder),
        "DEMO_PEOPLE": PEOPLE,
        "DEMO_PORT_BASE": str(find_port_base(21_000, 25_000)),
    }
    return {**os.environ, **demo}


def run_demo(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "examples/demo.py", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
    )


@contextmanager
def running_demo(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The launcher, after it has printed its table; ended at the end of the block if it still runs."""
    with subprocess.Popen(
        [sys.executable, "examples/demo.py"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            yield process, "".join(read_table(process.stdout))
        finally:
            process.terminate()


def read_table(output: IO[str]) -> Iterator[str]:
    """The lines up to the last one of the table."""
    rules = 0
    for line in output:
        rules += line.startswith("───")
        yield line
        if rules == 4:
            return


def read_facts(environment: dict[str, str]) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(
        (Path(environment["DEMO_FOLDER"]) / "demo.json").read_text(encoding="utf-8")
    )
    return facts


def listening(environment: dict[str, str]) -> list[int]:
    """Those of the demo's ports on which somebody listens."""
    base = int(environment["DEMO_PORT_BASE"])
    found = []
    for port in (base, base + 101, base + 102, base + 103):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                found.append(port)
    return found


def test_a_first_start_signs_citizens_in_at_every_portal(environment: dict[str, str]) -> None:
    ended = run_demo(environment, "--check")
    assert ended.returncode == 0, ended.stderr
    assert "province portal" in ended.stdout
    assert ", 0 pages of the provider" in ended.stdout  # the second portal asked nothing
    assert "acts for a company" in ended.stdout
    facts = read_facts(environment)
    assert len(facts["citizens"]) == 3
    assert facts["citizens"][2]["organisation"]
    assert listening(environment) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_start_has_the_same_citizens_and_a_signal_ends_it(
    environment: dict[str, str], number: signal.Signals
) -> None:
    before = read_facts(environment)["citizens"]
    with running_demo(environment) as (process, table):
        assert len(listening(environment)) == 4
        assert read_facts(environment)["citizens"] == before
        for citizen in before:
            assert citizen["personal_number"] in table
            assert citizen["password"] in table
        process.send_signal(number)
        assert process.wait(PATIENCE_SECONDS) == 0
    assert listening(environment) == []


def test_a_portal_that_dies_takes_the_demo_down_with_one_sentence(environment: dict[str, str]) -> None:
    with running_demo(environment) as (process, _table):
        child = find_child(process.pid, "province.toml")
        os.kill(child, signal.SIGKILL)
        assert process.wait(PATIENCE_SECONDS) == 1
        assert process.stderr
        complaint = process.stderr.read()
    assert complaint.startswith("demo: The province portal has stopped by itself; see ")
    assert len(complaint.splitlines()) == 1
    assert listening(environment) == []


def test_a_killed_launcher_leaves_nothing_running(environment: dict[str, str]) -> None:
    with running_demo(environment) as (process, _table):
        process.kill()
        process.wait(PATIENCE_SECONDS)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while listening(environment) and time.monotonic() < deadline:
            pass
    assert listening(environment) == []


def test_passwords_and_keys_are_for_their_owner_only(environment: dict[str, str]) -> None:
    folder = Path(environment["DEMO_FOLDER"])
    for name in ("demo.json", "demo.env", "state.json", "kek", "portals/ministry.key.json"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_another_population_needs_a_reset(environment: dict[str, str]) -> None:
    ended = run_demo(environment, "--people", "700")
    assert ended.returncode == 1
    assert (
        ended.stderr == f"demo: The demo's data hold {PEOPLE} people, not 700: run 'make demo-reset' first.\n"
    )


def test_a_broken_database_is_one_sentence(environment: dict[str, str]) -> None:
    database = Path(environment["DEMO_FOLDER"]) / "motcua.db"
    database.write_bytes(b"not a database" * 100)
    for companion in database.parent.glob("motcua.db-*"):
        companion.unlink()
    ended = run_demo(environment)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert listening(environment) == []


def test_a_reset_leaves_nothing(environment: dict[str, str]) -> None:
    assert run_demo(environment, "reset").returncode == 0
    assert not Path(environment["DEMO_FOLDER"]).exists()


def find_child(parent: int, word: str) -> int:
    """The process that `parent` started with `word` in its command line."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            if word in Path(f"/proc/{child}/cmdline").read_text():
                return int(child)
    raise AssertionError(f"no child with {word}")
