"""A new installation on a fresh database, and the program to work on it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from idp.cli.main import motcua
from idp.registers.schema import create_registers
from keys.seal import create_kek_file
from tests.support.installation import ELLIPTIC, install

Run = Callable[..., Result]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings that point into an empty folder."""
    for name in os.environ:
        if name.startswith("IDP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("IDP_DATABASE_URL", f"sqlite:///{tmp_path}/motcua.db")
    monkeypatch.setenv("IDP_REGISTERS_URL", f"sqlite:///{tmp_path}/registers.db")
    monkeypatch.setenv("IDP_KEK_FILE", str(tmp_path / "kek"))
    return tmp_path


@pytest.fixture
def run(environment: Path) -> Run:
    """Give a command."""

    def invoke(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(motcua, arguments, input=stdin)

    return invoke


@pytest.fixture
def installed(environment: Path, run: Run) -> Path:
    """Everything that `motcua check` asks for, with empty registers."""
    create_kek_file(environment / "kek")
    assert run("migrate").exit_code == 0
    database = f"sqlite:///{environment}/motcua.db"
    asyncio.run(install(database, environment / "kek", int(time.time()), keys=ELLIPTIC))
    asyncio.run(create_registers(f"sqlite:///{environment}/registers.db"))
    return environment
