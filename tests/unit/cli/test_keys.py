"""`motcua keys`, as the operator types it."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from keys import policy

KINDS = sum(len(algorithms) for algorithms in policy.SIGNING_KEYS.values())


@pytest.fixture
def migrated(environment: Path, run: Any) -> Path:
    assert run("keys", "create-kek", str(environment / "kek")).exit_code == 0
    assert run("migrate").exit_code == 0
    return environment


def test_from_nothing_to_a_list_of_keys(migrated: Path, run: Any) -> None:
    made = run("keys", "generate")
    assert made.exit_code == 0, made.output
    assert made.output.count("key    ") == KINDS
    assert made.output.count("secret ") == len(policy.SecretPurpose)
    assert run("keys", "generate").output == "Nothing was missing.\n"
    listed = run("keys", "list")
    assert len(listed.output.splitlines()) == KINDS + 1
    assert re.search(
        r"^[\w-]{43}  id_token +RS256 +active +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$", listed.output, re.MULTILINE
    )
    assert {key["state"] for key in json.loads(run("keys", "list", "--json").output)} == {"active"}


def test_what_is_made_is_audited_and_told_to_running_workers(migrated: Path, run: Any) -> None:
    kids = json.loads(run("keys", "generate", "--json").output)["keys"]
    connection = sqlite3.connect(migrated / "motcua.db")
    ((details,),) = connection.execute("SELECT details FROM audit_events WHERE kind = 'keys.generated'")
    ((version,),) = connection.execute("SELECT version FROM versions WHERE name = 'keys'")
    connection.close()
    assert json.loads(details)["kids"] == kids
    assert version == 2


def test_an_existing_key_encryption_key_is_not_overwritten(migrated: Path, run: Any) -> None:
    kek = migrated / "kek"
    content = kek.read_bytes()
    again = run("keys", "create-kek", str(kek))
    assert again.exit_code == 1
    assert again.output == f"Error: The file {kek} cannot be created: File exists.\n"
    assert kek.read_bytes() == content


def test_mistakes_are_told_in_one_sentence(migrated: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run("keys", "generate")
    other = migrated / "other"
    monkeypatch.setenv("IDP_KEK_FILE", str(other))
    missing = run("keys", "generate")
    assert missing.exit_code == 1
    assert (
        missing.output
        == f"Error: The key-encryption key {other} cannot be read: No such file or directory.\n"
    )
    run("keys", "create-kek", str(other))
    wrong = run("keys", "generate")
    assert wrong.exit_code == 1
    assert (
        wrong.output == "Error: The keys of this installation were sealed under another key-encryption key.\n"
    )
    other.chmod(0o644)
    assert "chmod 600" in run("keys", "generate").output
