"""`motcua keys`, as the operator types it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine

from idp.cli.keys import keys_group
from keys import policy, store

KINDS = sum(len(algorithms) for algorithms in policy.SIGNING_KEYS.values())


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'motcua.db'}"
    engine = create_engine(url)
    store.metadata.create_all(engine)
    engine.dispose()
    return url


def _run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(keys_group, list(arguments), env=environment)


def test_from_nothing_to_a_list_of_keys(tmp_path: Path, database: str) -> None:
    kek = str(tmp_path / "kek")
    assert _run("create-kek", kek).exit_code == 0
    variables = {"IDP_DATABASE_URL": database, "IDP_KEK_FILE": kek}
    made = _run("generate", **variables)
    assert made.exit_code == 0
    assert made.output.count("key    ") == KINDS
    assert made.output.count("secret ") == len(policy.SecretPurpose)
    assert _run("generate", **variables).output == "Nothing was missing.\n"
    listed = _run("list", **variables)
    assert listed.exit_code == 0
    assert len(listed.output.splitlines()) == KINDS
    assert re.search(
        r"^[\w-]{43}  id_token +RS256 +active +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", listed.output, re.MULTILINE
    )


def test_an_existing_key_encryption_key_is_not_overwritten(tmp_path: Path) -> None:
    kek = tmp_path / "kek"
    _run("create-kek", str(kek))
    content = kek.read_bytes()
    again = _run("create-kek", str(kek))
    assert again.exit_code == 1
    assert again.output == f"Error: The file {kek} cannot be created: File exists.\n"
    assert kek.read_bytes() == content


def test_mistakes_are_told_in_one_sentence(tmp_path: Path, database: str) -> None:
    kek, other = str(tmp_path / "kek"), str(tmp_path / "other")
    missing = _run("generate", "--database-url", database, "--kek-file", kek)
    assert missing.exit_code == 1
    assert (
        missing.output == f"Error: The key-encryption key {kek} cannot be read: No such file or directory.\n"
    )
    for file in (kek, other):
        _run("create-kek", file)
    _run("generate", "--database-url", database, "--kek-file", kek)
    wrong = _run("generate", "--database-url", database, "--kek-file", other)
    assert wrong.exit_code == 1
    assert (
        wrong.output == "Error: The keys of this installation were sealed under another key-encryption key.\n"
    )
    Path(kek).chmod(0o644)
    assert "chmod 600" in _run("generate", "--database-url", database, "--kek-file", kek).output
