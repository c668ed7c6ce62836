"""The runbook of the README is walked: every command of it, as it stands there and in its order."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import httpx2
import pytest

from idp.cli import keys_ceremony, served_keys
from idp.custody import custodian
from idp.registers.schema import create_registers
from idp.store import clock as store_clock
from idp.store.database import Database
from tests.house.source import ROOT
from tests.support.runbook import Desk, Given, section, situations, split
from tests.support.served import free_port
from tests.support.softhsm import PIN, SoftHsm

DAY: Final = 24 * 3600
FETCHED: Final = 20 * 60

_INLINE = re.compile(r"`(motcua [^`\n]+)`")


def first_ceremony(desk: Desk, commands: list[Given], clock: Clock) -> None:
    clock.offset = -3 * DAY
    desk.motcua("keys", "create-kek", "var/kek")
    desk.motcua("migrate")
    asyncio.run(create_registers(f"sqlite:///{desk.folder}/var/registers.db"))
    desk.follow(commands)
    clock.offset = 0
    desk.start()


def follow(desk: Desk, commands: list[Given], _: Clock) -> None:
    desk.follow(commands)


def emergency(desk: Desk, commands: list[Given], _: Clock) -> None:
    """Rotation is kept from making another successor while the file is on its way."""
    before, rest = split(commands, "motcua keys ceremony all.json")
    desk.follow(before)
    desk.stop()
    held, after = split(rest, "motcua keys verify")
    desk.follow(held)
    desk.start()
    desk.follow(after)


def officers(desk: Desk, commands: list[Given], _: Clock) -> None:
    """Too few of them: on a copy, for it ends this installation."""
    before, lost = split(commands, "sqlite3 ")
    desk.follow(before)
    copy = _copied(desk, "few")
    secrets = "SELECT purpose, hex(sealed) FROM sealed_secrets WHERE purpose <> 'key_log' ORDER BY purpose"
    kept = _execute(desk.folder / "var/motcua.db", secrets)
    copy.follow(lost)
    assert _execute(copy.folder / "var/motcua.db", secrets) == kept


def _copied(desk: Desk, name: str) -> Desk:
    """The installation with the files of its officers, on another machine where nothing runs."""
    there = desk.folder / name
    (there / "var").mkdir(parents=True)
    desk.copy_database(there / "var/motcua.db")
    for file in (desk.folder / "var/registers.db", desk.folder / "var/kek"):
        shutil.copy(file, there / "var")
    for file in desk.folder.glob("*.*"):
        if file.suffix in {".key", ".pub"}:
            shutil.copy(file, there)
    return desk.moved(there)


def new_kek(desk: Desk, commands: list[Given], _: Clock) -> None:
    desk.follow(commands)
    (desk.folder / "safe").mkdir()
    shutil.copy(desk.folder / "var/new-kek", desk.folder / "safe/kek")


def lost_kek(desk: Desk, commands: list[Given], _: Clock) -> None:
    """On a copy, for it ends this installation."""
    copy = _copied(desk, "copy")
    there = copy.folder
    (there / "var/kek").unlink()
    shutil.copytree(desk.folder / "safe", there / "safe")
    _serves_without_kek(desk)
    said, status = copy.motcua("check")
    assert status == 1
    assert re.search(r"FAIL +keys +.* cannot be read", said), said
    restored, without = split(commands, "sqlite3 ")
    copy.follow(restored)
    (there / "var/kek").unlink()
    accounts = there / "var/motcua.db"
    _execute(accounts, _ACCOUNT)
    copy.follow(without)
    assert _execute(accounts, "SELECT account_id FROM accounts") == "one\n"


def _serves_without_kek(desk: Desk) -> None:
    """Running workers go on with what they have, when keys have changed and they cannot open them."""
    kek = desk.folder / "var/kek"
    away = kek.rename(desk.folder / "var/away")
    _execute(desk.folder / "var/motcua.db", "UPDATE versions SET version = version + 1 WHERE name = 'keys'")
    desk.wait_for_log("The key-encryption key var/kek cannot be read")
    assert httpx2.get(f"{os.environ['IDP_ISSUER']}/health/ready").status_code == 200
    away.rename(kek)


_ACCOUNT = """
INSERT INTO accounts (account_id, register_record_id, ial, created_at) VALUES ('one', 'one', '02', 1);
INSERT INTO sessions (session_id, cookie_digest, account_id, auth_time, amr, authentication_level, browser_digest,
browser_label, created_at, seen_at, expires_at) VALUES ('s', x'01', 'one', 1, 'pwd', 2, x'02', 'b', 1, 1, 2);
"""


def _execute(database: Path, statement: str) -> str:
    ended = subprocess.run(["sqlite3", str(database), statement], check=True, capture_output=True, text=True)
    return ended.stdout


def older_database(desk: Desk, commands: list[Given], _: Clock) -> None:
    """A change is made after the backup, and seen by the monitor."""
    desk.copy_database(desk.folder / "backup.db")
    said = desk.motcua("keys", "rotation", "--officer", "a.key")[0]
    change = said.partition("Proposed change ")[2].split()[0]
    assert desk.motcua("keys", "approve", change, "--officer", "b.key")[1] == 0
    assert desk.motcua("keys", "verify")[1] == 0
    address = ("--url", os.environ["IDP_ISSUER"], "--key", desk.known["VKEY"])
    assert desk.motcua("keys", "monitor", *address, "--once")[1] == 0
    _execute(desk.folder / "var/motcua.db", f".restore {desk.folder}/backup.db")
    desk.wait_for_log("The key log was shortened or rewritten")
    desk.stop()
    before, after = split(commands, "motcua keys verify")
    desk.follow(before)
    desk.start()
    desk.follow(after)


def hardware(desk: Desk, commands: list[Given], clock: Clock) -> None:
    """Each part of it, and what is told between them."""
    desk.stop()
    settings, rest = split(commands, "motcua ")
    desk.follow(settings)
    desk.start()
    moved, rest = split(rest, "motcua keys ceremony now.json")
    desk.follow(moved)
    clock.offset = FETCHED
    desk.stop()
    before_pin, rest = split(rest, "motcua keys verify")
    desk.follow(before_pin)
    _change_pin(Path(desk.hardware["IDP_PKCS11_PIN_FILE"]))
    before_death, dead = split(rest, "motcua keys ceremony dead.json")
    desk.follow(before_death)
    desk.patch.setenv("IDP_PKCS11_TOKEN", "runbook-spare")
    desk.patch.setenv("IDP_PKCS11_PIN_FILE", desk.hardware["spare"])
    desk.follow(dead)
    alive = [row.split() for row in desk.listed.splitlines() if re.search(r" (active|pending) ", row)]
    assert {row[4] for row in alive} == {"software"}


_SET_PIN = """
import os, sys, pkcs11
token = pkcs11.lib(os.environ["IDP_PKCS11_MODULE"]).get_token(token_label=os.environ["IDP_PKCS11_TOKEN"])
with token.open(rw=True, user_pin=sys.argv[1]) as session:
    session.set_pin(sys.argv[1], sys.argv[2])
"""


def _change_pin(file: Path) -> None:
    subprocess.run([sys.executable, "-c", _SET_PIN, PIN, "112233"], check=True)
    file.write_text("112233\n", encoding="utf-8")


SCENES: Final = {
    "First ceremony": first_ceremony,
    "Watching, and what portals pin": follow,
    "Normal rotation": follow,
    "Emergency: a key is in other hands": emergency,
    "Single steps, and a record for an auditor": follow,
    "Officers come, go, and lose keys": officers,
    "The key-encryption key": new_kek,
    "The key-encryption key is lost": lost_kek,
    "An older database was restored": older_database,
    "A hardware module": hardware,
}


@dataclass(slots=True)
class Clock:
    """The time of the commands; the service has the machine's."""

    offset: int = 0
    _real: Callable[[], float] = time.time

    def __call__(self) -> float:
        return self._real() + self.offset

    async def of_database(self, _: Database) -> int:
        """The database server's, which is right."""
        return int(self())


@pytest.fixture
def desk(tmp_path: Path, softhsm: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """An empty folder, from which the provider's own is seen; officers sit at a terminal."""
    for name in os.environ:
        if name.startswith("IDP_"):
            monkeypatch.delenv(name)
    port = free_port()
    monkeypatch.setenv("IDP_ISSUER", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("IDP_LISTEN", f"127.0.0.1:{port}")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setattr(keys_ceremony, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    monkeypatch.setattr(served_keys, "PAUSES", (1.0, 1.5))
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    pins = [tmp_path / "pin", tmp_path / "spare-pin"]
    for pin in pins:
        pin.touch(mode=0o600)
        pin.write_text(f"{PIN}\n", encoding="utf-8")
    settings = {
        "IDP_PKCS11_MODULE": str(softhsm.library),
        "IDP_PKCS11_TOKEN": "runbook",
        "IDP_PKCS11_PIN_FILE": str(pins[0]),
        "spare": str(pins[1]),
    }
    desk = Desk(tmp_path, monkeypatch, settings)
    yield desk
    desk.stop()


def test_the_runbook_can_be_followed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    for module in (custodian, store_clock):
        monkeypatch.setattr(module, "server_time", clock.of_database)
    text = section()
    told = situations(text)
    assert list(told) == list(SCENES)
    for heading, commands in told.items():
        SCENES[heading](desk, commands, clock)
    wanted = [shlex.split(found)[1:] for found in _INLINE.findall(text)]
    assert [words for words in wanted if not _was_given(words, desk.given)] == []


def _was_given(words: list[str], given: list[list[str]]) -> bool:
    """Whether a command that is mentioned in passing was given, with its options."""
    name = words[:2] if words[0] in {"keys", "logouts"} else words[:1]
    options = {word for word in words if word.startswith("--")}
    return any(one[: len(name)] == name and options <= set(one) for one in given)


def test_control_what_is_not_shown_fails(desk: Desk) -> None:
    (given,) = situations(
        "### A\n\n    motcua keys list   # now\n    # There is ... gold.\n    # exit status 1\n"
    )["A"]
    assert given == Given("motcua keys list", "now", ("There is ... gold.",), 1)
    with pytest.raises(AssertionError, match=r"gold.* is not shown"):
        desk.follow([given])
    assert not _was_given(["keys", "list", "--json"], desk.given)
