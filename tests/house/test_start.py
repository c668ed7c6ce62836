"""What serves starts light: packages that are not needed to answer a request are loaded by those who need them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house.source import ROOT

HEAVY = {"alembic", "authlib", "babel", "greenlet", "httpx2", "hypothesis", "pytest", "zxcvbn"}


def loaded_by(*modules: str) -> set[str]:
    """Packages that a fresh interpreter has loaded after these imports."""
    program = f"import sys, {', '.join(modules)}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("modules", [("idp.cli.main", "idp.cli.serve"), ("idp.app", "idp.jobs.worker")])
def test_serving_loads_nothing_heavy(modules: tuple[str, ...]) -> None:
    assert loaded_by(*modules) & HEAVY == set()


def test_the_command_line_answers_before_the_server_is_loaded() -> None:
    assert loaded_by("idp.cli.main") & {"sqlalchemy", "starlette", "jinja2", "uvicorn"} == set()


def test_control_a_heavy_package_is_found() -> None:
    assert loaded_by("alembic") & HEAVY
