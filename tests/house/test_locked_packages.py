"""What `requirements.lock` names is enough to run on: nothing of the service rests on a package of the tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

_PROGRAM = """
import sys

class OnlyLocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FOREIGN:
            raise ModuleNotFoundError(f"{name} is not of requirements.lock", name=name)

FOREIGN = set(sys.argv.pop(1).split(","))
sys.meta_path.insert(0, OnlyLocked())
from idp.cli.main import main
main()
"""


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def _locked(file: str) -> set[str]:
    lines = (ROOT / file).read_text("utf-8").splitlines()
    return {_name(found[1]) for line in lines if (found := re.match(r"([A-Za-z0-9._-]+)==", line))}


def _foreign_modules() -> set[str]:
    """Top-level modules that only packages of the tests bring."""
    foreign = _locked("requirements-dev.lock") - _locked("requirements.lock")
    return {
        module
        for module, distributions in packages_distributions().items()
        if {_name(one) for one in distributions} <= foreign
    }


def _run(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, ",".join(sorted(_foreign_modules())), *command],
        env={name: value for name, value in os.environ.items() if not name.startswith("IDP_")} | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_tests_have_packages_of_their_own() -> None:
    assert {"pytest", "playwright"} <= _foreign_modules()


@pytest.mark.parametrize("command", ["migrate", "check"])
def test_the_locked_packages_suffice(command: str, empty_database_url: str, tmp_path: Path) -> None:
    environment = {"IDP_DATABASE_URL": empty_database_url, "IDP_KEK_FILE": str(tmp_path / "kek")}
    assert _run(environment, "keys", "create-kek", str(tmp_path / "kek")).returncode == 0
    ran = _run(environment, command)
    assert "Traceback" not in ran.stderr
    assert "is not of requirements.lock" not in ran.stderr
    assert command != "migrate" or ran.returncode == 0
