"""`motcua check` gives each part a verdict and says what to do."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from keys.seal import create_kek_file


def verdicts(run: Any) -> dict[str, str]:
    return {one["subject"]: one["verdict"] for one in json.loads(run("check", "--json").output)}


def test_an_installation_without_people_is_complete_but_empty(run: Any, installed: Any) -> None:
    result = run("check")
    assert result.exit_code == 0
    assert verdicts(run) == {
        "settings": "WARN", "database": "OK", "keys": "OK", "registers": "WARN", "clock": "OK",
    }  # fmt: skip
    assert "motcua registers load" in result.output


def test_nothing_is_there_and_nothing_is_made(run: Any, environment: Any) -> None:
    result = run("check")
    assert result.exit_code == 1
    assert "motcua migrate" in result.output
    assert "motcua keys create-kek" in result.output
    assert list(environment.iterdir()) == []


def test_bad_settings_are_said_first(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_ISSUER", "http://example.vn")
    assert run("check").exit_code == 1
    assert verdicts(run) == {"settings": "FAIL"}


@pytest.mark.parametrize(
    ("proxies", "verdict"),
    [("", "WARN"), ("10.0.0.0/8", "OK")],
)
def test_an_https_issuer_needs_to_know_its_proxy(
    run: Any, installed: Any, monkeypatch: pytest.MonkeyPatch, proxies: str, verdict: str
) -> None:
    monkeypatch.setenv("IDP_ISSUER", "https://id.example.vn")
    monkeypatch.setenv("IDP_TRUSTED_PROXIES", proxies)
    assert verdicts(run)["settings"] == verdict


def test_another_key_encryption_key_fails(run: Any, installed: Any) -> None:
    (installed / "kek").unlink()
    create_kek_file(installed / "kek")
    result = run("check")
    assert result.exit_code == 1
    assert verdicts(run)["keys"] == "FAIL"


def test_a_missing_key_fails(run: Any, installed: Any) -> None:
    with sqlite3.connect(installed / "motcua.db") as connection:
        connection.execute("DELETE FROM signing_keys WHERE purpose = 'userinfo' AND algorithm = 'RS256'")
    connection.close()
    result = run("check")
    assert "missing: userinfo RS256" in result.output
    assert "motcua keys generate" in result.output
    assert result.exit_code == 1
