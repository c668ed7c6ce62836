"""`motcua check` gives each part a verdict and says what to do."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from typing import Any

import pytest

from keys.seal import create_kek_file
from tests.support.installation import ELLIPTIC, install

DAY = 24 * 3600


def verdicts(run: Any) -> dict[str, str]:
    return {one["subject"]: one["verdict"] for one in json.loads(run("check", "--json").output)}


def test_an_installation_without_people_is_complete_but_empty(run: Any, installed: Any) -> None:
    result = run("check")
    assert result.exit_code == 0
    assert verdicts(run) == {
        "settings": "WARN", "database": "OK", "keys": "OK", "registers": "WARN", "clients": "OK", "clock": "OK",
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


def test_a_sandbox_is_told(run: Any, installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_OPEN_REGISTRATION", "http://localhost:9000")
    assert verdicts(run)["settings"] == "WARN"
    assert "Anybody may register clients here" in run("check").output


def test_the_list_of_breached_passwords_is_looked_at(
    run: Any, installed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    breached = installed / "breached.txt"
    monkeypatch.setenv("IDP_BREACHED_PASSWORDS_FILE", str(breached))
    assert verdicts(run)["passwords"] == "FAIL"
    breached.write_text("letmein\nqwerty\n", encoding="utf-8")
    assert verdicts(run)["passwords"] == "OK"
    breached.write_text("qwerty\nletmein\n", encoding="utf-8")
    result = run("check")
    assert (result.exit_code, verdicts(run)["passwords"]) == (1, "FAIL")
    assert "IDP_BREACHED_PASSWORDS_FILE" in result.output


def test_another_key_encryption_key_fails(run: Any, installed: Any) -> None:
    (installed / "kek").unlink()
    create_kek_file(installed / "kek")
    result = run("check")
    assert result.exit_code == 1
    assert verdicts(run)["keys"] == "FAIL"


def test_a_row_that_is_not_as_the_log_says_fails(run: Any, installed: Any) -> None:
    with sqlite3.connect(installed / "motcua.db") as connection:
        connection.execute(
            "UPDATE signing_keys SET published_at = 1 WHERE purpose = 'id_token' AND state = 'pending'"
        )
    connection.close()
    result = run("check")
    assert result.exit_code == 1
    assert verdicts(run)["keys"] == "FAIL"
    assert (
        "(id_token, EdDSA, pending) is refused: its published_at is not what the key log says."
        in result.output
    )
    assert "motcua keys verify" in result.output


def test_a_lost_row_fails(run: Any, installed: Any) -> None:
    with sqlite3.connect(installed / "motcua.db") as connection:
        connection.execute("DELETE FROM signing_keys WHERE purpose = 'userinfo' AND state = 'active'")
    connection.close()
    result = run("check")
    assert "(userinfo, ES256, active) has lost its row." in result.output
    assert result.exit_code == 1


def test_a_log_of_another_installation_fails(
    run: Any, installed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDP_ISSUER", "https://id.example.vn")
    result = run("check")
    assert result.exit_code == 1
    assert "are those of http://localhost:9000, not of https://id.example.vn (IDP_ISSUER)." in result.output


def test_before_the_first_ceremony_keys_are_missing(run: Any, environment: Any) -> None:
    create_kek_file(environment / "kek")
    run("migrate")
    result = run("check")
    assert result.exit_code == 1
    assert "missing: access_token ES256, id_token ES256" in result.output
    assert "motcua keys ceremony" in result.output


@pytest.mark.parametrize(
    ("left", "verdict"), [(60 * DAY, "OK"), (29 * DAY, "WARN"), (-DAY, "WARN")], ids=["well", "soon", "over"]
)
def test_rotation_that_is_nearly_out_of_approval_is_told(
    run: Any, environment: Any, left: int, verdict: str
) -> None:
    create_kek_file(environment / "kek")
    run("migrate")
    until, made = int(time.time()) + left, int(time.time()) - 2 * DAY
    database = f"sqlite:///{environment}/motcua.db"
    asyncio.run(install(database, environment / "kek", made, keys=ELLIPTIC, until=until))
    result = run("check")
    assert verdicts(run)["keys"] == verdict
    assert "approved until" in result.output
    assert ("motcua keys rotation" in result.output) == (verdict == "WARN")
