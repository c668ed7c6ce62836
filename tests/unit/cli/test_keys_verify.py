"""`motcua keys verify` and `monitor`: whatever differs is found, said in a sentence, and the exit status tells."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import Result
from sqlalchemy import bindparam, delete, update

from keys.key_log import KeyLog
from keys.keyring import Keyring
from keys.lifecycle import Plan
from keys.notes import LOG_PATH
from keys.policy import State
from keys.seal import KeyEncryptionKey
from keys.tables import key_log, sealed_secrets, signing_keys
from tests.support.installation import OFFICERS
from tests.support.officers_desk import DAY, Desk
from tests.support.shown_keys import ShownKeys
from tests.support.softhsm import SoftHsm

SET_STATE: Final = (
    update(signing_keys)
    .where(signing_keys.c.kid == bindparam("key"))
    .values(purpose="audit", created_at=signing_keys.c.created_at)
)
DROP_KEY: Final = delete(signing_keys).where(signing_keys.c.kid == bindparam("key"))
SET_ENTRY: Final = (
    update(key_log).where(key_log.c.position == bindparam("at")).values(entry=bindparam("becomes"))
)
CUT: Final = delete(key_log).where(key_log.c.position >= bindparam("at"))
DROP_SECRETS: Final = delete(sealed_secrets).where(sealed_secrets.c.purpose == bindparam("key"))


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Desk:
    """An installation whose service does not run."""
    return Desk.furnish(tmp_path, database_url)


def keyring(desk: Desk) -> Keyring:
    ground = desk.ground()
    return Keyring(ground, KeyEncryptionKey.read_file(desk.folder / "kek"), ground.history.last_at)


@pytest.fixture
def shown(desk: Desk) -> Iterator[tuple[ShownKeys, str]]:
    """The service, and its address."""
    service = ShownKeys.of(keyring(desk))
    with service.served() as url:
        yield service, url


def verify(desk: Desk, *arguments: str) -> tuple[int, dict[str, Any]]:
    result = desk.run("verify", "--at-once", "--json", *arguments)
    return result.exit_code, json.loads(result.stdout)


def differences(desk: Desk, *arguments: str) -> list[str]:
    status, told = verify(desk, *arguments)
    assert (status, told["outcome"]) == ((1, "differs") if told["differences"] else (0, "agrees"))
    found: list[str] = told["differences"]
    return found


def watch(desk: Desk, *arguments: str) -> Result:
    return desk.run(
        "monitor", "--once", "--at-once", "--json", "--state", str(desk.folder / "seen"), *arguments
    )


def test_nothing_differs(desk: Desk) -> None:
    status, told = verify(desk, "--offline")
    ground = desk.ground()
    assert ground.note_signer is not None
    assert ground.log is not None
    assert (status, told["compared"], told["differences"]) == (0, ["database"], [])
    assert told["verifier_key"] == ground.note_signer.verifier_key
    assert (told["size"], told["root"], told["checkpoint"]) == (
        ground.log.size,
        ground.log.root.hex(),
        ground.log.checkpoint,
    )
    said = desk.run("verify", "--offline").stdout.splitlines()
    assert said == [
        f"Verifier key of the log, to be pinned: {ground.note_signer.verifier_key}",
        f"Checkpoint: {ground.log.size} entries, root {ground.log.root.hex()}",
        "NOTE  The running service was left out.",
        "OK    Nothing differs: database.",
    ]


def test_a_service_that_was_asked_for_must_answer(desk: Desk) -> None:
    assert "cannot be read" in desk.told("verify", "--at-once", "--url", "http://127.0.0.1:1")


def test_a_forged_row(desk: Desk) -> None:
    kid = desk.kid(State.PENDING)
    desk.write(SET_STATE, key=kid)
    (told,) = differences(desk, "--offline")
    assert kid in told
    assert "its purpose is not what the key log says" in told
    failed = desk.run("verify", "--offline")
    assert failed.exit_code == 1
    assert f"FAIL  {told}" in failed.stdout.splitlines()


def test_a_lost_row(desk: Desk) -> None:
    kid = desk.kid(State.ACTIVE)
    desk.write(DROP_KEY, key=kid)
    assert differences(desk, "--offline") == [f"The key {kid} (id_token, ES256, active) has lost its row."]


def test_an_edited_entry(desk: Desk) -> None:
    entry = desk.ground().entries[2]
    desk.write(SET_ENTRY, at=2, becomes=entry.replace(b"published", b"activated"))
    assert differences(desk, "--offline") == ["An entry of the key log was changed after it was signed."]


def test_a_lost_log(desk: Desk) -> None:
    desk.write(CUT, at=0)
    (told,) = differences(desk, "--offline")
    assert "restore the table key_log" in told


def test_a_log_without_its_key(desk: Desk) -> None:
    desk.write(DROP_SECRETS, key="key_log")
    (told,) = differences(desk, "--offline")
    assert "The secret of the key log is missing" in told


def test_the_running_service_agrees(desk: Desk, shown: tuple[ShownKeys, str]) -> None:
    _, url = shown
    status, told = verify(desk, "--url", url)
    assert (status, told["compared"], told["left_out"]) == (0, ["database", "service"], [])


def test_the_service_shows_a_key_of_somebody_else(desk: Desk, shown: tuple[ShownKeys, str]) -> None:
    service, url = shown
    service.keys.append(dict(OFFICERS[0].officer.jwk) | {"kid": "stranger"})
    said = ["The key stranger stands in the key set, but not in the key log."]
    assert differences(desk, "--url", url) == said
    assert differences(desk, "--url", url, "--key", service.signer.verifier_key) == said
    del service.keys[-1]
    gone = service.keys.pop()["kid"]
    (told,) = differences(desk, "--url", url)
    assert told.startswith(f"The key {gone} (")


def test_the_service_shows_an_older_log(desk: Desk, shown: tuple[ShownKeys, str]) -> None:
    _, url = shown
    grown = rotated(desk, 1)
    assert differences(desk, "--url", url)[-1:] == []
    keep(desk, grown)
    size = len(desk.ground().entries)
    assert f"and the database has {size}." in " ".join(differences(desk, "--url", url))


def rotated(desk: Desk, days: int) -> Plan:
    """What the rotation of a later day would do."""
    ground = desk.ground()
    plan = Plan(
        ground, KeyEncryptionKey.read_file(desk.folder / "kek"), ground.history.last_at + (89 + days) * DAY
    )
    asyncio.run(plan.rotate())
    assert plan.entries
    return plan


def keep(desk: Desk, plan: Plan) -> None:
    for statement in plan.statements():
        desk.write(statement.query, **statement.values)


def shows(service: ShownKeys, desk: Desk, plan: Plan) -> None:
    """The service follows a log, and has the keys of it."""
    service.log = KeyLog.signed((*desk.ground().entries, *plan.entries), service.signer)
    shown = {State.PENDING, State.ACTIVE, State.RETIRING}
    service.keys = [dict(key.jwk) for key in plan.history.keys.values() if key.state in shown]


def test_a_split_view(desk: Desk, shown: tuple[ShownKeys, str]) -> None:
    service, url = shown
    theirs, ours = rotated(desk, 1), rotated(desk, 2)
    shows(service, desk, theirs)
    keep(desk, ours)
    assert any("this is a split view" in told for told in differences(desk, "--url", url))


def test_a_monitor_needs_no_database(desk: Desk, shown: tuple[ShownKeys, str], tmp_path: Path) -> None:
    service, url = shown
    alone = Desk(tmp_path, "", (), {"IDP_DATABASE_URL": "sqlite:////nowhere/at/all"})
    pinned = ("--url", url, "--key", service.signer.verifier_key)
    first = watch(alone, *pinned)
    assert first.exit_code == 0, first.output
    (line,) = first.stdout.splitlines()
    assert json.loads(line)["compared"] == ["service"]
    second = watch(alone, *pinned)
    assert json.loads(second.stdout)["compared"] == ["service", "memory"]
    theirs, ours = rotated(desk, 1), rotated(desk, 2)
    shows(service, desk, theirs)
    assert watch(alone, *pinned).exit_code == 0
    assert (tmp_path / "seen").read_text("utf-8") == service.log.checkpoint

    shows(service, desk, ours)
    torn = watch(alone, *pinned)
    assert torn.exit_code == 1
    assert "rewritten, or this is a split view" in torn.stdout
    assert (tmp_path / "seen.contradiction").read_text("utf-8") == service.log.checkpoint
    assert (tmp_path / "seen").read_text("utf-8") != service.log.checkpoint

    service.log = KeyLog.signed(desk.ground().entries, service.signer)
    assert "it was shortened" in watch(alone, *pinned).stdout


def test_a_monitor_remembers_the_log_of_the_database(desk: Desk) -> None:
    first = rotated(desk, 1)
    size = len(desk.ground().entries)
    keep(desk, first)
    assert watch(desk).exit_code == 0
    desk.write(CUT, at=size)  # back to a checkpoint that was signed once
    told = json.loads(watch(desk).stdout)["differences"]
    assert f"The key log has {size} entries, and had {size + len(first.entries)}: it was shortened." in told


def test_a_monitor_that_sees_nothing_says_so(desk: Desk, shown: tuple[ShownKeys, str]) -> None:
    service, url = shown
    service.forged = {f"{LOG_PATH}/checkpoint": None}
    blind = watch(desk, "--url", url)
    assert (blind.exit_code, json.loads(blind.stdout)["outcome"]) == (3, "not_seen")
    assert "status 404" in blind.stdout


def test_a_monitor_goes_on_until_something_differs(desk: Desk, shown: tuple[ShownKeys, str]) -> None:
    """It looks every second; the key set is spoiled once it has looked."""
    service, url = shown
    looks = iter([None, None, b'{"keys":[]}'])
    spoil = service.answer

    def answer(path: str) -> bytes | None:
        if path == "/jwks":
            forged = next(looks)
            service.forged = {} if forged is None else {"/jwks": forged}
        return spoil(path)

    service.answer = answer  # type: ignore[method-assign]  # the service changes between two looks
    ended = desk.run(
        "monitor", "--url", url, "--every", "1", "--at-once", "--state", str(desk.folder / "seen")
    )
    assert ended.exit_code == 1
    assert [line.split()[2] for line in ended.stdout.splitlines()] == ["agrees:", "agrees:", "differs:"]


def test_a_state_file_of_another_log(desk: Desk) -> None:
    (desk.folder / "seen").write_text("no checkpoint", "utf-8")
    failed = watch(desk)
    assert failed.exit_code == 1
    assert "What was remembered is no checkpoint of this log" in failed.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--key", "sso+00000000+AAAA"), "--key needs --url"),
        (("--key", "x", "--url", "https://sso.example.gov.vn"), "A verifier key is"),
        (("--url", "http://sso.example.gov.vn"), "must be https"),
        (("--url", "https://sso.example.gov.vn", "--offline"), "--offline leaves out"),
    ],
)
def test_what_makes_no_sense_is_refused(desk: Desk, arguments: tuple[str, ...], sentence: str) -> None:
    failed = desk.run("verify", *arguments)
    assert failed.exit_code == 2
    assert sentence in failed.output


def test_the_hardware_module_is_looked_at(desk: Desk, softhsm: SoftHsm) -> None:
    token = softhsm.open("second")
    signer = asyncio.run(token.generate("ES256"))
    inside = {
        "IDP_PKCS11_MODULE": str(softhsm.library),
        "IDP_PKCS11_TOKEN": "second",
        "IDP_PKCS11_PIN_FILE": str(softhsm.pin_file),
    }
    there = Desk(desk.folder, desk.database_url, desk.files, {**desk.settings, **inside})
    status, told = verify(there, "--offline")
    assert (status, told["compared"]) == (1, ["database", "hardware"])
    strange = f"The hardware module holds the key {signer.kid}, which is not in the key log."
    assert strange in told["differences"]
    with softhsm.away("second"):
        assert "has no token with the label" in there.told("verify", "--offline", "--at-once")
    asyncio.run(token.destroy(signer.kid))
    assert strange not in verify(there, "--offline")[1]["differences"]
    asyncio.run(token.close())
