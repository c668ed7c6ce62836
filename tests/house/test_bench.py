"""The measurement fits the program it measures, without measuring anything."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import click
import pytest

from bench import ours
from bench.client_keys import ClientKeys
from bench.plan import Load
from bench.processes import Command
from bench.report import read_baseline
from bench.scenarios import CLIENTS, SCENARIOS, rows_of, write_plan
from bench.target import BenchClient, Login, Running, Target
from idp.cli.main import motcua
from idp.oidc.client_metadata import read_client
from tests.house.source import ROOT

INSTALLATION = ours.Installation(Path("folder"), "postgresql://host/a", "postgresql://host/b")
NOW = 1_795_305_600


def parse(arguments: Sequence[str]) -> None:
    """Parse a command of the program, down to its options and arguments, without running it."""
    command: click.Command = motcua
    context, rest = click.Context(motcua), list(arguments)
    while isinstance(command, click.Group):
        found = command.get_command(context, rest.pop(0))
        assert found is not None
        command = found
    command.make_context(command.name, rest)


def test_the_bench_explains_itself() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "bench" / "run.py", "--help"], capture_output=True, text=True, check=True
    )
    assert "--quick" in done.stdout


@pytest.mark.parametrize("command", INSTALLATION.commands, ids=" ".join)
def test_every_command_of_the_bench_is_one_of_ours(command: Sequence[str]) -> None:
    parse(command)


def test_the_server_is_started_as_the_program_knows_it() -> None:
    parse([part.replace("{workers}", "2") for part in INSTALLATION.server])


def test_control_an_unknown_option_is_noticed() -> None:
    with pytest.raises(click.UsageError):
        parse(["serve", "--no-such-option"])


@pytest.mark.parametrize("key", ours.CLIENTS)
def test_every_client_of_the_bench_can_be_registered(key: str) -> None:
    metadata = {**ours.CLIENTS[key], "client_id": "bench", "client_name": "Đo tải"}
    if key != "fapi":
        assert read_client(metadata, now=NOW).needs_secret
        return
    client = read_client({**metadata, "jwks": ClientKeys().set}, now=NOW)
    assert (client.profile, client.dpop_bound_access_tokens) == ("fapi2", True)


@pytest.mark.parametrize("scenario", sorted(CLIENTS))
def test_what_clients_of_the_bench_sign_is_json(scenario: str) -> None:
    client = BenchClient("bench", "secret", "openid", ClientKeys() if CLIENTS[scenario] == "fapi" else None)
    running = SimpleNamespace(
        host="127.0.0.1",
        port=9,
        target=Target(
            "bench", "", "", Command((), {}, Path()), {CLIENTS[scenario]: client}, [Login("a", "b")], ()
        ),
        discovery=defaultdict(lambda: "http://127.0.0.1:9/at"),
        path_of=lambda _endpoint: "/at",
    )
    plan = write_plan(scenario, cast("Running", running), Load(1, 1, 0))
    signed = [line.removeprefix("claims ") for line in plan.splitlines() if line.startswith("claims ")]
    assert len(signed) == (4 if client.keys else 0)  # an assertion, and a proof at each of three endpoints
    for claims in signed:
        read = json.loads(re.sub(r"\{\{now[+\d]*\}\}", "1795305600", claims))
        assert read["jti"] == "{{rand}}"
        assert isinstance(read["iat"], int)


def test_there_is_a_kept_figure_for_every_scenario() -> None:
    assert read_baseline().cpu.keys() == {row for scenario in SCENARIOS for row in rows_of(scenario)}
