"""`motcua` is quick to start and says what is wrong in one sentence."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from idp.cli.main import COMMANDS


def test_help_lists_every_command(run: Any) -> None:
    result = run("--help")
    assert result.exit_code == 0
    for name in COMMANDS:
        assert f"  {name} " in result.output


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(run: Any, name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0, result.output
    assert "Usage:" in result.output


def test_an_unknown_command_is_refused(run: Any) -> None:
    result = run("nonsense")
    assert result.exit_code == 2
    assert "No such command" in result.output


def test_an_unknown_setting_is_one_sentence(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_NONSENSE", "1")
    result = run("clients", "list")
    assert result.exit_code == 1
    assert result.output.startswith("Error: IDP_NONSENSE is not a setting")
    assert len(result.output.splitlines()) == 1


def test_debug_shows_where_it_came_from(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_NONSENSE", "1")
    result = run("--debug", "clients", "list")
    assert type(result.exception).__name__ == "SettingsError"


@pytest.mark.parametrize("command", [("clients", "list"), ("migrate", "--check")])
def test_a_database_that_is_not_there_is_one_sentence(run: Any, command: tuple[str, ...]) -> None:
    result = run(*command)
    assert result.exit_code == 1
    assert result.output.startswith("Error: The database")
    assert "Traceback" not in result.output


def test_an_unreachable_server_is_one_sentence(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_DATABASE_URL", "postgresql://motcua@127.0.0.1:1/motcua")
    result = run("clients", "list")
    assert result.exit_code == 1
    assert result.output.startswith("Error: The PostgreSQL database cannot be opened")


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys, contextlib\n"
        "from idp.cli.main import motcua\n"
        "with contextlib.suppress(SystemExit): motcua(['--help'])\n"
        "heavy = {'sqlalchemy', 'uvicorn', 'starlette', 'cryptography', 'alembic', 'jinja2'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
