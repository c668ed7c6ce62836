"""`motcua migrate` lays out a database, and says whether it is needed."""

from __future__ import annotations

from typing import Any


def test_a_new_database_is_laid_out_once(run: Any) -> None:
    assert run("migrate").exit_code == 0
    again = run("migrate")
    assert again.exit_code == 0
    assert "schema of this release" in again.output


def test_check_changes_nothing(run: Any, environment: Any) -> None:
    result = run("migrate", "--check")
    assert result.exit_code == 1
    assert not (environment / "motcua.db").exists()
    run("migrate")
    assert run("migrate", "--check").exit_code == 0
