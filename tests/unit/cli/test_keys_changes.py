"""Two officers change keys by `motcua keys`: one proposes, another approves, and then it has happened."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select

from idp.cli.keys_changes import Instant
from idp.store import versions
from idp.store.database import open_database
from idp.store.schema import audit_events, key_incidents
from idp.store.schema import versions as version_table
from keys.keyring import load_keyring, refresh_keyring
from keys.notes import NoteVerifier
from keys.policy import State
from keys.seal import KeyEncryptionKey
from tests.support.installation import LOCAL, OFFICERS
from tests.support.officers_desk import DAY, STRANGER, Desk


@pytest.fixture
def desk(environment: Path, database_url: str) -> Desk:
    return Desk.furnish(environment, database_url)


def states(desk: Desk) -> dict[str, str]:
    return {kid: key.state.value for kid, key in desk.ground().history.keys.items()}


def listed(desk: Desk, change: str) -> dict[str, Any]:
    """What `changes` says of one."""
    (found,) = (one for one in json.loads(desk.run("changes", "--json").stdout) if one["change"] == change)
    return dict(found)


def test_a_new_key_is_proposed_reviewed_and_made(desk: Desk) -> None:
    before = states(desk)
    said = desk.run("generate", "--purpose", "id_token", "--alg", "EdDSA", "--officer", str(desk.files[0]))
    assert said.exit_code == 0, said.output
    assert "make a key: id_token EdDSA, software, published" in said.output
    change = said.output.splitlines()[0].removeprefix("Proposed change ")
    assert f"motcua keys approve {change} --officer FILE" in said.output
    assert f"Signed by {OFFICERS[0].officer.kid} (1 of 2). Nothing has happened yet" in said.output
    assert states(desk) == before
    approved = desk.run("approve", change, "--officer", str(desk.files[1]), stdin="y\n")
    assert approved.exit_code == 0, approved.output
    assert f"for {LOCAL}, made " in approved.output
    assert "make a key: id_token EdDSA, software, published" in approved.output
    assert "Sign this? [y/N]: y" in approved.output
    (made,) = states(desk).keys() - before.keys()
    assert f"  generated  {made}\n  published  {made}\n" in approved.output
    assert desk.ground().history.keys[made].published_at is not None


def test_who_says_no_has_not_signed(desk: Desk) -> None:
    change = desk.proposed("retire", desk.kid(State.PENDING))
    refused = desk.run("approve", change, "--officer", str(desk.files[1]), stdin="n\n")
    assert refused.exit_code == 1
    assert "Aborted!" in refused.output
    (one,) = json.loads(desk.run("changes", "--open", "--json").output)
    assert one["officers"] == [OFFICERS[0].officer.kid]


def test_a_key_may_wait_unpublished(desk: Desk) -> None:
    made = desk.done("generate", "--purpose", "id_token", "--alg", "ES256", "--unpublished")
    ((event,),) = [made["events"]]
    assert event["event"] == "generated"
    kid = event["kid"]
    by = ("--officer", str(desk.files[0]))
    assert desk.told("activate", kid, *by) == (
        f"The key {kid} is not published: `motcua keys publish` comes first."
    )
    desk.done("publish", kid)
    assert desk.told("publish", kid, *by).startswith(f"The key {kid} was published 20")
    assert desk.refused(desk.proposed("activate", kid)).startswith(
        f"Portals may not have fetched the key {kid} yet: it may sign from 20"
    )


def test_a_key_that_is_activated_ahead_of_time_takes_over(desk: Desk) -> None:
    old, new = desk.kid(State.ACTIVE), desk.kid(State.PENDING)
    change = desk.proposed("activate", new)
    (one,) = json.loads(desk.run("changes", "--open", "--json").output)
    assert f"  it takes over at once from {old}, which signs no more" in one["words"]
    assert desk.approved(change)["events"] == [{"event": "activated", "kid": new}]
    assert (states(desk)[old], states(desk)[new]) == ("retiring", "active")
    assert listed(desk, change)["words"][1:] == [f"activate key {new}"]
    kinds = {row["kind"] for row in desk.read(select(audit_events.c.kind))}
    assert {"keys.proposed", "keys.changed"} <= kinds
    assert desk.told("activate", new, "--officer", str(desk.files[0])) == (
        f"The key {new} is active: a pending key is activated."
    )


def test_keys_that_do_not_sign_are_retired(desk: Desk) -> None:
    old, new = desk.kid(State.ACTIVE), desk.kid(State.PENDING)
    by = ("--officer", str(desk.files[0]))
    assert desk.told("retire", old, *by) == (
        f"The key {old} signs: it retires by itself when another takes over (`motcua keys activate`);"
        " if it is in other hands, revoke it (`motcua keys revoke`)."
    )
    desk.done("activate", new)
    said = desk.run("retire", old, *by)
    assert "portals verify what it signed no longer" in said.output
    desk.approved(said.output.splitlines()[0].removeprefix("Proposed change "))
    assert states(desk)[old] == "retired"
    assert desk.told("retire", old, *by) == f"The key {old} is retired already."
    waiting = desk.kid(State.PENDING, alg="EdDSA")
    desk.done("retire", waiting)
    assert states(desk)[waiting] == "retired"


def test_a_stolen_key_is_revoked_and_its_successor_signs_at_once(desk: Desk) -> None:
    stolen, successor = desk.kid(State.ACTIVE), desk.kid(State.PENDING)
    desk.done("revoke", stolen, "--reason", "Bản sao lưu bị mất", "--since", "2026-01-02T03:04:05+07:00")
    assert (states(desk)[stolen], states(desk)[successor]) == ("revoked", "active")
    (incident,) = desk.read(select(key_incidents))
    assert (incident["incident_id"], incident["id_token_alg"]) == (stolen, "ES256")
    events = desk.read(select(audit_events.c.details).where(audit_events.c.kind == "keys.revoked"))
    (details,) = (json.loads(row["details"]) for row in events)
    assert (details["kid"], details["reason"]) == (stolen, "Bản sao lưu bị mất")
    shown = json.loads(desk.run("show", stolen, "--json").output)
    assert [event["event"] for event in shown["events"]] == ["generated", "published", "activated", "revoked"]
    assert shown["events"][-1]["note"] == "Bản sao lưu bị mất"
    again = desk.told("revoke", stolen, "--reason", "again", "--officer", str(desk.files[0]))
    assert again.startswith(f"The key {stolen} was revoked 20")


def test_a_pending_key_is_revoked_without_an_incident(desk: Desk) -> None:
    active, pending = desk.kid(State.ACTIVE), desk.kid(State.PENDING)
    desk.done("revoke", pending, "--reason", "copied")
    assert (states(desk)[active], states(desk)[pending]) == ("active", "revoked")
    assert desk.read(select(key_incidents)) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--reason", " "), "The reason is one line"),
        (("--reason", "a\nb"), "The reason is one line"),
        (("--reason", "r" * 501), "The reason is one line"),
        (("--reason", "r", "--since", "2999-01-01"), "lies ahead"),
        (("--reason", "r", "--since", "yesterday"), "'yesterday' is not a time like"),
    ],
)
def test_a_revocation_needs_its_reason(desk: Desk, arguments: tuple[str, ...], sentence: str) -> None:
    kid = desk.kid(State.ACTIVE)
    assert sentence in desk.told("revoke", kid, *arguments, "--officer", str(desk.files[0]))


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("1970-01-02", DAY),
        ("1970-01-01T01:00:00Z", 3600),
        ("1970-01-01 01:00:00Z", 3600),
        ("1970-01-01T08:00+07:00", 3600),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(written: str, at: int) -> None:
    assert Instant().convert(written, None, None) == at


def test_a_public_record_is_exported_to_a_new_file(desk: Desk) -> None:
    kid, output = desk.kid(State.ACTIVE), desk.folder / "record.txt"
    change = desk.proposed("export", kid)
    answer = desk.approved(change, "--output", str(output))
    note = output.read_text("utf-8")
    assert answer["records"] == [note]
    signer = desk.ground().note_signer
    assert signer is not None
    text = NoteVerifier.read(signer.verifier_key).verify(note)
    for line in (
        f"key           {kid}",
        f"change        {change}",
        f"installation  {LOCAL}",
        "state         active",
    ):
        assert line in text.splitlines()
    for officer in OFFICERS[:2]:
        assert f"officer       {officer.officer.kid}" in text
    assert [event["event"] for event in json.loads(desk.run("show", kid, "--json").output)["events"]] == [
        "generated", "published", "activated", "exported",
    ]  # fmt: skip
    again = desk.proposed("export", kid)
    by = ("--officer", str(desk.files[1]), "--yes")
    assert desk.told("approve", again, *by, "--output", str(output)) == (
        f"{output} exists already; a record is never overwritten."
    )
    nowhere = desk.folder / "nowhere" / "record.txt"
    assert (
        desk.told("approve", again, *by, "--output", str(nowhere)) == f"{nowhere}: No such file or directory."
    )
    unwritten = desk.folder / "unwritten.txt"
    by_one = ("--officer", str(desk.files[0]), "--yes", "--output", str(unwritten))
    assert "another officer must" in desk.told("approve", again, *by_one)
    assert not unwritten.exists()
    printed = desk.run("approve", again, *by)
    assert NoteVerifier.read(signer.verifier_key).verify(printed.stdout)
    assert f"Change {again}" in printed.stderr


def test_only_an_export_has_an_output(desk: Desk) -> None:
    change = desk.proposed("retire", desk.kid(State.PENDING))
    by = ("--officer", str(desk.files[1]), "--yes")
    assert "Only an export" in desk.told("approve", change, *by, "--output", str(desk.folder / "x"))
    assert not (desk.folder / "x").exists()


def test_rotation_is_approved_anew(desk: Desk) -> None:
    desk.done("rotation", "--active-days", "30", "--pending-days", "10", "--until", "2027-06-30")
    rotation = desk.ground().history.rotation
    assert rotation is not None
    assert (rotation.active_lifetime, rotation.pending_lifetime) == (30 * DAY, 10 * DAY)
    assert rotation.backend == "software"
    assert f"{time.strftime('%Y-%m-%d', time.gmtime(rotation.until))}" == "2027-06-30"
    assert "Rotation is approved until 2027-06-30 00:00:00Z." in desk.run("list").output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--active-days", "500"), "The limit `active_lifetime` is at most"),
        (("--until", "2020-01-01"), "approve it for longer than a day"),
        (("--until", "2999-01-01"), "at the latest"),
        (("--backend", "pkcs11"), "No hardware module is configured: set IDP_PKCS11_MODULE."),
    ],
)
def test_rotation_has_its_limits(desk: Desk, arguments: tuple[str, ...], sentence: str) -> None:
    assert sentence in desk.told("rotation", *arguments, "--officer", str(desk.files[0]))
    assert desk.run("changes", "--open").output == "None.\n"


def test_officers_are_replaced_by_officers(desk: Desk) -> None:
    new = [desk.folder / name for name in ("a.json", "b.json", "c.json")]
    new[0].write_text(json.dumps(dict(OFFICERS[0].officer.jwk)))
    new[1].write_text(json.dumps({"officer": "x", "jwk": dict(OFFICERS[2].officer.jwk)}))
    new[2].write_text(json.dumps(dict(STRANGER.officer.jwk)))
    open_one = desk.proposed("retire", desk.kid(State.PENDING), officer=1)
    change = desk.proposed("officers", "--set", *map(str, new))
    words = listed(desk, change)["words"]
    assert f"  new: {STRANGER.officer.kid}" in words
    assert f"  no officer any more: {OFFICERS[1].officer.kid}" in words
    desk.approved(change)
    named = sorted(key.officer.kid for key in (OFFICERS[0], OFFICERS[2], STRANGER))
    assert desk.run("officers").output.splitlines() == named
    assert [one["officer"] for one in json.loads(desk.run("officers", "--json").output)] == named
    assert desk.refused(open_one, officer=1) == (
        f"{OFFICERS[1].officer.kid} is not an officer of this installation."
    )
    one_more = desk.run("approve", open_one, "--officer", str(desk.files[2]), "--yes")
    assert "another officer approves it" in one_more.output
    assert listed(desk, open_one)["signatures_that_do_not_count"] == [OFFICERS[1].officer.kid]
    assert desk.approved(open_one, officer=3)["carried_out"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("no", "is not JSON"),
        ("[]", "does not hold an officer's public key"),
        ('{"kty":"OKP","crv":"Ed25519","x":"a","d":"b"}', "holds a private key"),
        ('{"kty":"OKP","crv":"X","x":"a"}', "An officer's key cannot be used"),
    ],
)
def test_officers_are_named_by_their_public_keys(desk: Desk, content: str, sentence: str) -> None:
    file = desk.folder / "a.json"
    file.write_text(content)
    assert sentence in desk.told("officers", "--set", str(file), "--officer", str(desk.files[0]))


def test_how_officers_are_replaced_is_told(desk: Desk) -> None:
    file, by = desk.folder / "a.json", ("--officer", str(desk.files[0]))
    file.write_text(json.dumps(dict(OFFICERS[0].officer.jwk)))
    assert desk.told("officers", str(file)) == "Officers are named with --set."
    assert desk.told("officers", "--set", str(file)).startswith("Missing option '--officer'")
    assert "There are at least 2 officers" in desk.told("officers", "--set", str(file), *by)
    assert "There are at least 2 officers" in desk.told("officers", "--set", str(file), str(file), *by)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (("tokens", "ES256"), "There are no keys for `tokens`; the purposes are id_token, access_token,"),
        (("audit", "RS256"), "Keys for audit are ES256, not `RS256`."),
        (("audit", "ES256", "--backend", "pkcs11"), "No hardware module is configured"),
        (("audit", "ES256", "--backend", "certified"), "No module is approved to certify keys yet"),
    ],
)
def test_only_kinds_that_exist_are_made(desk: Desk, kind: tuple[str, ...], sentence: str) -> None:
    arguments = ("--purpose", kind[0], "--alg", *kind[1:], "--officer", str(desk.files[0]))
    assert desk.told("generate", *arguments).startswith(sentence)


def test_running_workers_see_it(desk: Desk) -> None:
    pending: Final = desk.kid(State.PENDING)
    kek = KeyEncryptionKey.read_file(desk.folder / "kek")

    async def load() -> Any:
        db = await open_database(desk.database_url)
        keyring = await load_keyring(db, kek, LOCAL, int(time.time()))
        await db.close()
        return keyring

    async def refresh(keyring: Any) -> Any:
        db = await open_database(desk.database_url)
        fresh = await refresh_keyring(db, kek, keyring, int(time.time()))
        await db.close()
        return fresh

    keyring, seen = asyncio.run(load()), raised(desk)
    assert keyring.signer("id_token").kid != pending
    change = desk.proposed("activate", pending)
    assert raised(desk) == seen
    desk.approved(change)
    assert raised(desk) > seen
    assert asyncio.run(refresh(keyring)).signer("id_token").kid == pending


def raised(desk: Desk) -> int:
    rows = desk.read(select(version_table.c.version).where(version_table.c.name == versions.KEYS))
    return int(rows[0]["version"])
