"""`motcua keys`, as staff type it: the key-encryption key, and what is seen of keys."""

from __future__ import annotations

import json
import os
import pty
import re
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from sqlalchemy import update

from idp.cli.keys import keys_group
from keys import base64url
from keys.ceremony import fingerprint
from keys.policy import State
from keys.tables import signing_keys
from tests.support.installation import OFFICERS
from tests.support.officers_desk import DAY, KEYS, Desk
from tests.support.softhsm import SoftHsm

KINDS = sum(map(len, KEYS.values()))


@pytest.fixture
def desk(environment: Path, database_url: str) -> Desk:
    return Desk.furnish(environment, database_url)


def test_a_key_encryption_key_is_created_and_never_overwritten(environment: Path, run: Any) -> None:
    kek = environment / "folder" / "kek"
    created = run("keys", "create-kek", str(kek))
    assert created.exit_code == 0
    assert re.fullmatch(
        rf"Created key-encryption key [0-9a-f]{{16}} in {kek}\."
        r" Keep a copy apart from the database's backups\.\n",
        created.output,
    )
    assert (kek.stat().st_mode & 0o777, kek.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    content = kek.read_bytes()
    assert len(base64url.decode(content.decode().strip())) == 32
    again = run("keys", "create-kek", str(kek))
    assert again.exit_code == 1
    assert again.output == f"Error: The file {kek} cannot be created: File exists.\n"
    assert kek.read_bytes() == content
    other = environment / "other"
    answer = json.loads(run("keys", "create-kek", str(other), "--json").output)
    assert (answer["file"], answer["wrapped_by"]) == (str(other), None)


def test_a_key_encryption_key_is_wrapped_by_the_hardware_module(
    environment: Path, run: Any, softhsm: SoftHsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    kek = environment / "kek"
    assert run("keys", "create-kek", str(kek), "--wrapped-by", "seal").output == (
        "Error: There is no hardware module to wrap it: set IDP_PKCS11_MODULE.\n"
    )
    monkeypatch.setenv("IDP_PKCS11_MODULE", str(softhsm.library))
    monkeypatch.setenv("IDP_PKCS11_TOKEN", "officers")
    monkeypatch.setenv("IDP_PKCS11_PIN_FILE", str(softhsm.pin_file))
    assert "a label has 1 to 32" in run("keys", "create-kek", str(kek), "--wrapped-by", "a b").output
    assert not kek.exists()
    created = run("keys", "create-kek", str(kek), "--wrapped-by", "seal")
    assert created.exit_code == 0, created.output
    assert f"in {kek}, wrapped by seal." in created.output
    assert kek.read_text().startswith("pkcs11:seal:")
    run("migrate")
    assert run("keys", "list").output.startswith("There are no keys yet")
    monkeypatch.setenv("IDP_PKCS11_TOKEN", "absent")
    away = run("keys", "create-kek", str(environment / "another"), "--wrapped-by", "seal")
    assert away.exit_code == 1
    assert away.output.startswith("Error: ")
    assert len(away.output.splitlines()) == 1
    assert not (environment / "another").exists()


def test_keys_are_listed_with_what_comes_next(desk: Desk) -> None:
    listed = desk.run("list")
    assert listed.exit_code == 0, listed.output
    lines = listed.output.splitlines()
    assert lines[0].split() == [
        "KEY",
        "PURPOSE",
        "ALGORITHM",
        "STATE",
        "BACKEND",
        "PUBLISHED",
        "SIGNS",
        "SINCE",
        "NEXT",
    ]
    assert len([line for line in lines if "  software  " in line]) == 2 * KINDS
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"
    active, pending = desk.kid(State.ACTIVE), desk.kid(State.PENDING)
    assert re.search(
        rf"^{active}  id_token +ES256 +active +software +{stamp}  {stamp}  signs until {stamp}$",
        listed.output,
        re.MULTILINE,
    )
    assert re.search(
        rf"^{pending}  id_token +ES256 +pending +software +{stamp}  -  +signs from {stamp}$",
        listed.output,
        re.MULTILINE,
    )
    assert re.fullmatch(rf"Rotation is approved until {stamp}\.", lines[-1])


def test_programs_read_times(desk: Desk) -> None:
    active, pending = desk.kid(State.ACTIVE), desk.kid(State.PENDING)
    answer = json.loads(desk.run("list", "--json").output)
    assert answer["refused"] == []
    keys = {key["kid"]: key for key in answer["keys"]}
    assert len(keys) == 2 * KINDS
    turn = keys[active]["activated_at"] + 90 * DAY
    assert keys[active]["next"] == {"event": "retiring", "at": turn}
    assert keys[pending]["next"] == {"event": "activated", "at": turn}
    desk.done("activate", pending)
    keys = {key["kid"]: key for key in json.loads(desk.run("list", "--json").output)["keys"]}
    assert keys[active]["next"]["event"] == "retired"
    assert keys[pending]["next"]["at"] == keys[pending]["activated_at"] + 90 * DAY
    desk.done("revoke", active, "--reason", "copied")
    keys = {key["kid"]: key for key in json.loads(desk.run("list", "--json").output)["keys"]}
    assert (keys[active]["state"], keys[active]["next"]) == ("revoked", None)


def test_what_rotation_does_not_reach_has_no_next(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.done("generate", "--purpose", "audit", "--alg", "ES256", "--unpublished")
    desk.done("generate", "--purpose", "id_token", "--alg", "EdDSA", "--unpublished")
    keys = json.loads(desk.run("list", "--json").output)["keys"]
    (audit,) = (key for key in keys if key["purpose"] == "audit")
    assert audit["next"] is None
    spare = [key for key in keys if (key["algorithm"], key["state"]) == ("EdDSA", "pending")]
    assert sorted(key["next"] is None for key in spare) == [False, True]
    desk.done("rotation", "--until", "2026-12-24")
    keys = json.loads(desk.run("list", "--json").output)["keys"]
    assert {key["next"] and key["next"]["event"] for key in keys} == {None, "published"}


def test_all_of_a_key_is_shown(desk: Desk) -> None:
    active, pending = desk.kid(State.ACTIVE), desk.kid(State.PENDING)
    desk.done("activate", pending)
    key = desk.ground().history.keys[active]
    shown = desk.run("show", active)
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith(f"Key {active}\n  id_token ES256, software, retiring since 20")
    assert json.loads(shown.output.splitlines()[2]) == dict(key.jwk)
    assert f"SHA-256 of that line: {fingerprint(key.jwk)}" in shown.output
    events = [line.split("  ")[1] for line in shown.output.splitlines() if line.startswith("20")]
    assert events == ["generated", "published", "activated", f"retiring: {pending} took over"]
    assert f"approved by {OFFICERS[0].officer.kid}, {OFFICERS[1].officer.kid}" in shown.output
    answer = json.loads(desk.run("show", active, "--json").output)
    assert (answer["jwk"], answer["state"]) == (dict(key.jwk), "retiring")
    last = answer["events"][-1]
    assert (last["event"], last["certificate"]) == ("retiring", None)
    assert last["position"] == desk.ground().history.size - 1
    assert set(last["officers"]) == {key.officer.kid for key in OFFICERS[:2]}


def test_a_row_that_was_edited_is_told_whatever_is_asked(desk: Desk) -> None:
    desk.write(update(signing_keys).where(signing_keys.c.state == "pending").values(published_at=1))
    for command in (("list",), ("show", desk.kid(State.ACTIVE)), ("changes",), ("officers",)):
        for arguments in (command, (*command, "--json")):
            result = desk.run(*arguments)
            assert result.stderr.count("its published_at is not what the key log says") == KINDS
            if "--json" in arguments:
                json.loads(result.stdout)
    assert len(json.loads(desk.run("list", "--json").stdout)["refused"]) == KINDS


def test_mistakes_are_told_in_one_sentence(desk: Desk, run: Any) -> None:
    kek = desk.folder / "kek"
    kek.chmod(0o644)
    assert "chmod 600" in desk.told("list")
    kek.rename(desk.folder / "away")
    assert desk.told("list") == f"The key-encryption key {kek} cannot be read: No such file or directory."
    run("keys", "create-kek", str(kek))
    wrong = "The keys of this installation were sealed under another key-encryption key than that of IDP_KEK_FILE."
    assert desk.told("list") == wrong
    assert desk.told("rotation", "--officer", str(desk.files[0])) == wrong


def test_nothing_was_proposed(environment: Path, run: Any) -> None:
    run("keys", "create-kek", str(environment / "kek"))
    run("migrate")
    assert run("keys", "changes").output == "None.\n"
    assert run("keys", "officers").output == "None: they are named in the first ceremony.\n"
    assert json.loads(run("keys", "list", "--json").output) == {"keys": [], "refused": []}


@pytest.mark.parametrize("name", sorted(keys_group.commands))
def test_every_command_explains_itself(run: Any, name: str) -> None:
    helped = run("keys", name, "--help")
    assert helped.exit_code == 0
    options = {option for parameter in keys_group.commands[name].params for option in parameter.opts}
    assert name == "sign" or "--json" in options
    silent = [
        parameter.name
        for parameter in keys_group.commands[name].params
        if isinstance(parameter, click.Option) and not parameter.help
    ]
    assert silent == []


def test_the_passphrase_is_asked_for_at_the_terminal(desk: Desk) -> None:
    key = desk.folder / "locked.key"
    OFFICERS[0].create_file(key, b"right horse")
    arguments = ("keys", "retire", desk.kid(State.PENDING), "--officer", str(key))
    assert b"does not open" in _at_a_terminal(desk, arguments, b"wrong horse\n")
    said = _at_a_terminal(desk, arguments, b"right horse\n")
    assert b"Proposed change" in said
    assert b"right horse" not in said


def _at_a_terminal(desk: Desk, arguments: tuple[str, ...], typed: bytes) -> bytes:
    """What a command says on a terminal of its own, where somebody types."""
    process, terminal = pty.fork()
    if process == 0:
        program = (sys.executable, "-c", "from idp.cli.main import main; main()", *arguments)
        os.execve(sys.executable, program, {**os.environ, **desk.settings})  # noqa: S606 - no shell is meant
    said = b""
    try:
        while chunk := os.read(terminal, 4096):
            said += chunk
            if said.endswith(b": ") and b"Passphrase" in said and typed:
                os.write(terminal, typed)
                typed = b""
    except OSError:  # Linux ends a terminal's output so
        pass
    os.close(terminal)
    os.waitpid(process, 0)
    return said
