"""`motcua keys rewrap`, as an operator gives it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keys.seal import create_kek_file, kek_lines
from tests.support.officers_desk import Desk
from tests.support.softhsm import SoftHsm


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Desk:
    """An installation, and a new key-encryption key in the file `new`."""
    create_kek_file(tmp_path / "new")
    return Desk.furnish(tmp_path, database_url)


def test_everything_is_sealed_under_the_new_key(desk: Desk) -> None:
    new = desk.folder / "new"
    said = desk.run("rewrap", str(new))
    assert said.exit_code == 0, said.output
    assert "values were sealed anew, all are under key-encryption key" in said.stdout
    assert kek_lines(desk.folder / "kek") == kek_lines(new)
    assert desk.run("verify", "--offline").exit_code == 0
    again = json.loads(desk.run("rewrap", str(new), "--json").stdout)
    assert (again["resealed"], again["former_in_file"]) == (0, False)


def test_a_machine_is_prepared_first(desk: Desk) -> None:
    new, was = desk.folder / "new", kek_lines(desk.folder / "kek")
    assert "nothing was sealed anew" in desk.run("rewrap", str(new), "--prepare").stdout
    assert kek_lines(desk.folder / "kek") == [*kek_lines(new), *was]
    assert desk.run("verify", "--offline").exit_code == 0
    told = json.loads(desk.run("rewrap", str(new), "--json").stdout)
    assert told["resealed"] > 0
    assert told["kek"] in desk.run("rewrap", str(new), "--prepare").stdout
    assert kek_lines(desk.folder / "kek") == kek_lines(new)


def test_another_machine_that_was_prepared(desk: Desk) -> None:
    """It has a file of its own; the values are sealed anew already when its turn comes."""
    new, file = desk.folder / "new", desk.folder / "kek"
    other = desk.folder / "other"
    other.touch(mode=0o600)
    other.write_text("\n".join(kek_lines(file)), "ascii")
    elsewhere = Desk(
        desk.folder, desk.database_url, desk.files, {**desk.settings, "IDP_KEK_FILE": str(other)}
    )
    assert elsewhere.run("rewrap", str(new), "--prepare").exit_code == 0
    assert desk.run("rewrap", str(new)).exit_code == 0
    assert elsewhere.run("verify", "--offline").exit_code == 0
    assert json.loads(elsewhere.run("rewrap", str(new), "--json").stdout)["resealed"] == 0
    assert kek_lines(other) == kek_lines(new)


def test_a_machine_that_was_forgotten_is_told_and_helped(desk: Desk) -> None:
    new, file = desk.folder / "new", desk.folder / "kek"
    was = file.read_bytes()
    assert desk.run("rewrap", str(new)).exit_code == 0
    file.write_bytes(was)
    assert "sealed under another key-encryption key" in desk.told("verify", "--offline", "--at-once")
    assert desk.run("rewrap", str(new)).exit_code == 0
    assert desk.run("verify", "--offline").exit_code == 0


def test_plain_and_wrapped_by_hardware(desk: Desk, softhsm: SoftHsm) -> None:
    settings = {
        **desk.settings,
        "IDP_PKCS11_MODULE": str(softhsm.library),
        "IDP_PKCS11_TOKEN": "motcua",
        "IDP_PKCS11_PIN_FILE": str(softhsm.pin_file),
    }
    there = Desk(desk.folder, desk.database_url, desk.files, settings)
    wrapped = desk.folder / "wrapped"
    assert there.run("create-kek", str(wrapped), "--wrapped-by", "kek-command").exit_code == 0
    assert "set IDP_PKCS11_MODULE" in desk.told("rewrap", str(wrapped))
    assert there.run("rewrap", str(wrapped)).exit_code == 0
    (line,) = kek_lines(desk.folder / "kek")
    assert line.startswith("pkcs11:kek-command:")
    assert "set IDP_PKCS11_MODULE" in desk.told("verify", "--offline", "--at-once")
    assert there.run("rewrap", str(desk.folder / "new")).exit_code == 0
    assert desk.run("verify", "--offline").exit_code == 0


def test_what_cannot_be_used_changes_nothing(desk: Desk) -> None:
    file = desk.folder / "kek"
    was = file.read_bytes()
    assert "is the file in use" in desk.told("rewrap", str(file))
    assert "cannot be read" in desk.told("rewrap", str(desk.folder / "nowhere"))
    (desk.folder / "new").write_text("short", "ascii")
    assert "does not hold 32 octets" in desk.told("rewrap", str(desk.folder / "new"))
    assert file.read_bytes() == was
