"""The template of a ceremony: who its officers are, where keys shall live, and what happens to all keys at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keys.policy import State
from tests.support.officers_desk import Desk


@pytest.fixture
def desk(environment: Path, database_url: str) -> Desk:
    return Desk.furnish(environment, database_url)


def template(desk: Desk, *options: str) -> dict[str, Any]:
    """The document of the change in a new template."""
    file = desk.folder / "new.json"
    file.unlink(missing_ok=True)
    made = desk.run("ceremony", str(file), "--template", "--json", *options)
    assert made.exit_code == 0, made.output
    document = json.loads(file.read_text("utf-8"))["change"]
    assert json.loads(made.stdout)["file"] == str(file)
    return dict(document)


def hold(desk: Desk) -> None:
    """Two officers sign the template, and it is carried out."""
    file = str(desk.folder / "new.json")
    signed = [desk.run("sign", file, "--officer", str(one), "--yes", "--json") for one in desk.files[:2]]
    assert [len(json.loads(one.stdout)["officers"]) for one in signed] == [1, 2]
    held = desk.run("ceremony", file)
    assert held.exit_code == 0, held.output


def test_officers_are_named_by_public_halves_or_by_private_keys(desk: Desk) -> None:
    half = desk.folder / "d.pub"
    half.write_text(
        desk.run("officer", str(desk.folder / "d.key"), "--no-passphrase", "--json").stdout, "utf-8"
    )
    document = template(desk, "--officer", str(half), "--officer", str(desk.files[0]))
    named = document["actions"][0]
    assert named["action"] == "officers"
    assert named["officers"][0] == json.loads(half.read_text("utf-8"))["jwk"]
    assert len(named["officers"]) == 2
    nowhere = str(desk.folder / "nobody.key")
    wrong = desk.told("ceremony", str(desk.folder / "other.json"), "--template", "--officer", nowhere)
    assert wrong == f"The officer's key {nowhere} cannot be read: No such file or directory."


def test_what_waits_is_made_anew_or_signs(desk: Desk) -> None:
    waiting = desk.kid(State.PENDING)
    assert {"action": "retire", "kid": waiting} in template(desk, "--waiting", "retire")["actions"]
    assert {"action": "activate", "kid": waiting} in template(desk, "--waiting", "activate")["actions"]
    hold(desk)
    assert desk.kid(State.ACTIVE) == waiting
    assert desk.kid(State.PENDING) != waiting


def test_all_keys_are_revoked_at_once(desk: Desk) -> None:
    before = set(desk.ground().history.keys)
    document = template(desk, "--revoke-all", " The database was copied ")
    assert {one["reason"] for one in document["actions"][1:]} == {"The database was copied"}
    hold(desk)
    keys = desk.ground().history.keys
    assert {keys[kid].state for kid in before} == {State.REVOKED}
    revoked = json.loads(
        desk.run("show", next(kid for kid in before if keys[kid].activated_at), "--json").stdout
    )
    assert revoked["incident"]["grants_ended"] == 0
    assert desk.kid(State.ACTIVE) not in before
    assert desk.kid(State.PENDING) not in before


def test_what_is_left_out_stays_as_it_was_approved(desk: Desk) -> None:
    desk.done("rotation", "--post-quantum")
    (rotation,) = template(desk)["actions"]
    assert rotation["backend"] == "software"
    assert "ML-DSA-65" in rotation["keys"]["id_token"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--waiting", "retire", "--revoke-all", "stolen"), "--waiting and --revoke-all exclude each other."),
        (("--revoke-all", " "), "The reason is one line of at most 500 characters, and not empty."),
        (("--backend", "pkcs11"), "No hardware module is configured: set IDP_PKCS11_MODULE."),
    ],
)
def test_nothing_is_written_where_it_makes_no_sense(desk: Desk, options: tuple[str, ...], why: str) -> None:
    file = desk.folder / "none.json"
    assert desk.told("ceremony", str(file), "--template", *options) == why
    assert not file.exists()


def test_a_file_of_an_earlier_log_is_refused(desk: Desk) -> None:
    template(desk)
    desk.done("rotation")
    told = desk.told(
        "ceremony", str(desk.folder / "new.json"), *(f"--officer={one}" for one in desk.files[:2])
    )
    assert told.endswith("keys have changed since. Write the file anew, and have it signed again.")


def test_a_file_that_is_there_is_left_alone(desk: Desk) -> None:
    file = desk.folder / "there.json"
    file.write_text("{}", encoding="utf-8")
    assert desk.told("ceremony", str(file), "--template") == f"{file} exists already."
    assert file.read_text(encoding="utf-8") == "{}"
