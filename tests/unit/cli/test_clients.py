"""`motcua clients` registers, shows and switches off portals; every change is audited and told to the workers."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

PORTAL = {
    "client_id": "portal",
    "client_name": "Cổng dịch vụ công",
    "owner": "Bộ Tư pháp",
    "sector": "bo-tu-phap",
    "redirect_uris": ["https://portal.example.vn/callback"],
    "scope": "openid profile",
    "purpose": "Điền sẵn tờ khai",
    "profile": "oidc",
}
APP = {**PORTAL, "client_id": "app", "token_endpoint_auth_method": "none"}


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(folder / "motcua.db")
    found = connection.execute(query).fetchall()
    connection.close()
    return found


def added(run: Any, metadata: dict[str, Any], *options: str) -> dict[str, Any]:
    result = run("clients", "add", "-", "--json", *options, stdin=json.dumps(metadata))
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.output)
    return answer


def test_a_secret_is_256_bits_shown_once_and_kept_as_a_digest(run: Any, installed: Path) -> None:
    secret = added(run, PORTAL)["client_secret"]
    assert len(base64.urlsafe_b64decode(secret + "=")) == 32
    ((digest,),) = rows(installed, "SELECT secret_digest FROM clients")
    assert digest == hashlib.sha256(secret.encode()).digest()
    for command in (("list",), ("list", "--json"), ("show", "portal"), ("show", "portal", "--json")):
        assert secret not in run("clients", *command).output
    assert secret.encode() not in (installed / "motcua.db").read_bytes()


def test_a_client_without_secret_gets_none(run: Any, installed: Path) -> None:
    assert added(run, APP) == {"client_id": "app", "outcome": "registered"}


def test_a_file_is_read(run: Any, installed: Path) -> None:
    file = installed / "portal.json"
    file.write_text(json.dumps(PORTAL))
    result = run("clients", "add", str(file))
    assert result.exit_code == 0
    assert "shown this once" in result.output
    assert "Cổng dịch vụ công" in run("clients", "list").output


def test_the_same_again_changes_nothing(run: Any, installed: Path) -> None:
    added(run, PORTAL)
    assert added(run, PORTAL) == {"client_id": "portal", "outcome": "unchanged"}
    assert len(rows(installed, "SELECT 1 FROM audit_events WHERE kind LIKE 'client%'")) == 1


def test_a_change_is_asked_for_and_keeps_the_secret(run: Any, installed: Path) -> None:
    added(run, PORTAL)
    changed = {**PORTAL, "owner": "Bộ Y tế"}
    refused = run("clients", "add", "-", stdin=json.dumps(changed))
    assert refused.exit_code == 1
    assert "--replace" in refused.output
    before = rows(installed, "SELECT secret_digest FROM clients")
    assert added(run, changed, "--replace") == {"client_id": "portal", "outcome": "changed"}
    assert rows(installed, "SELECT secret_digest FROM clients") == before
    assert "Bộ Y tế" in run("clients", "show", "portal").output


def test_a_secret_goes_and_comes_with_the_method(run: Any, installed: Path) -> None:
    added(run, APP)
    answer = added(run, {**APP, "token_endpoint_auth_method": "client_secret_basic"}, "--replace")
    assert "client_secret" in answer
    assert added(run, APP, "--replace") == {"client_id": "app", "outcome": "changed"}
    assert rows(installed, "SELECT secret_digest FROM clients") == [(None,)]


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "one JSON object"),
        (json.dumps({**PORTAL, "redirect_uris": ["http://portal.example.vn/cb"]}), "redirect"),
        (json.dumps({**PORTAL, "invented": 1}), "unknown client metadata: invented"),
        (json.dumps({**PORTAL, "client_id": "a b"}), "client_id must be"),
    ],
)
def test_what_cannot_be_registered_is_said_in_one_sentence(
    run: Any, installed: Path, metadata: str, said: str
) -> None:
    result = run("clients", "add", "-", stdin=metadata)
    assert result.exit_code == 1
    assert said in result.output
    assert len(result.output.splitlines()) == 1
    assert rows(installed, "SELECT 1 FROM clients") == []


@pytest.mark.parametrize(
    "wish",
    [
        {"id_token_signed_response_alg": "RS256"},
        {"access_token_signed_response_alg": "ML-DSA-65"},
        {"userinfo_signed_response_alg": "PS256"},
    ],
    ids=",".join,
)
def test_an_algorithm_without_a_key_is_refused(run: Any, installed: Path, wish: dict[str, str]) -> None:
    refused = run("clients", "add", "-", stdin=json.dumps({**PORTAL, **wish}))
    assert refused.exit_code == 1
    assert f"it wants {next(iter(wish.values()))} for " in refused.output
    assert rows(installed, "SELECT client_id FROM clients") == []


def test_an_algorithm_with_a_key_is_registered(run: Any, installed: Path) -> None:
    assert added(run, {**PORTAL, "id_token_signed_response_alg": "EdDSA"})["outcome"] == "registered"


def test_a_missing_file_is_one_sentence(run: Any, installed: Path) -> None:
    result = run("clients", "add", str(installed / "none.json"))
    assert result.exit_code == 1
    assert "No such file" in result.output


def test_clients_are_switched_off_and_on(run: Any, installed: Path) -> None:
    added(run, APP)
    assert "is disabled" in run("clients", "disable", "app").output
    assert "was disabled before" in run("clients", "disable", "app").output
    assert json.loads(run("clients", "list", "--json").output)[0]["disabled_at"] > 0
    assert "is enabled" in run("clients", "enable", "app").output
    assert json.loads(run("clients", "show", "app", "--json").output)["disabled_at"] is None


def test_a_new_secret_takes_the_place_of_the_old(run: Any, installed: Path) -> None:
    old = added(run, PORTAL)["client_secret"]
    new = json.loads(run("clients", "new-secret", "portal", "--json").output)["client_secret"]
    assert new != old
    ((digest,),) = rows(installed, "SELECT secret_digest FROM clients")
    assert digest == hashlib.sha256(new.encode()).digest()
    added(run, APP)
    refused = run("clients", "new-secret", "app")
    assert refused.exit_code == 1
    assert "does not authenticate by a secret" in refused.output


@pytest.mark.parametrize("command", ["show", "disable", "enable", "new-secret"])
def test_an_unknown_client_is_said(run: Any, installed: Path, command: str) -> None:
    result = run("clients", command, "nobody")
    assert result.exit_code == 1
    assert result.output == "Error: There is no client nobody.\n"


def test_every_change_is_audited_and_told_to_the_workers(run: Any, installed: Path) -> None:
    ((before,),) = rows(installed, "SELECT version FROM versions WHERE name = 'clients'")
    added(run, PORTAL)
    run("clients", "disable", "portal")
    run("clients", "enable", "portal")
    run("clients", "new-secret", "portal")
    added(run, {**PORTAL, "owner": "Bộ Y tế"}, "--replace")
    ((after,),) = rows(installed, "SELECT version FROM versions WHERE name = 'clients'")
    events = rows(
        installed, "SELECT client_id, details FROM audit_events WHERE kind LIKE 'client%' ORDER BY event_id"
    )
    assert after - before == 5
    assert len(events) == 5
    assert {client for client, _ in events} == {"portal"}
    assert sorted(json.loads(details)["act"] for _, details in events) == [
        "add", "disable", "enable", "new secret", "replace",
    ]  # fmt: skip


def test_a_client_can_be_switched_off_while_the_registers_are_away(run: Any, installed: Path) -> None:
    added(run, APP)
    (installed / "registers.db").unlink()
    assert run("clients", "disable", "app").exit_code == 0
