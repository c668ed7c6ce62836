"""Another key-encryption key, broken off anywhere and done again, while others change keys."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

import pytest
from sqlalchemy import bindparam, select, update

from idp.context import Context
from idp.custody.rewrap import CannotRewrap, Rewrapping, alone, forget, offer, seal_anew
from idp.settings import Settings
from idp.store import versions
from idp.store.database import Database, NothingChanged, Step, step
from idp.store.schema import audit_events
from keys.backends.pkcs11 import Pkcs11Token
from keys.backends.pkcs11_kek import unwrap_kek, wrap_kek
from keys.ground import load_ground
from keys.keyring import Keyring, load_keyring
from keys.lifecycle import Plan
from keys.policy import Purpose
from keys.seal import (
    InvalidKeyEncryptionKey,
    KeyEncryptionKey,
    SealBroken,
    create_kek_file,
    kek_lines,
    read_kek_lines,
)
from keys.sealed import find_sealed
from keys.tables import sealed_secrets, signing_keys
from tests.support.installation import ELLIPTIC, ISSUER, establish, steps, turn

NOW: Final = 1_795_305_600
LATER: Final = NOW + 91 * 24 * 3600
"""When every key is due."""

_SET_SECRET: Final = (
    update(sealed_secrets)
    .where(sealed_secrets.c.purpose == bindparam("name"))
    .values(purpose=bindparam("becomes"), sealed=bindparam("value"))
)
_SET_KEY: Final = (
    update(signing_keys)
    .where(signing_keys.c.kid == bindparam("name"))
    .values(purpose=bindparam("becomes"), sealed_private_key=bindparam("value"))
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of the key-encryption key in use."""
    create_kek_file(tmp_path / "kek")
    return tmp_path / "kek"


@pytest.fixture
async def kek(db: Database, file: Path) -> KeyEncryptionKey:
    """The key-encryption key that the keys of an installation were sealed under."""
    made = KeyEncryptionKey.read_file(file)
    await establish(db, made, NOW, keys=ELLIPTIC)
    return made


@pytest.fixture
def rewrapping(tmp_path: Path, file: Path) -> Rewrapping:
    """The wish for another key."""
    create_kek_file(tmp_path / "new")
    return Rewrapping.read(file, tmp_path / "new", None)


async def context(db: Database, file: Path, unwrap: Callable[[str], bytes] | None = None) -> Context:
    """As a command has it."""
    return Context(
        settings=Settings(issuer=ISSUER, kek_file=file),
        db=db,
        registers=db,
        keyring=await load(db, file, unwrap),
        now=NOW,
        request_id="r",
        address="local",
        network="local",
    )


async def load(db: Database, file: Path, unwrap: Callable[[str], bytes] | None = None) -> Keyring:
    """As a worker that starts now."""
    keyring = await load_keyring(db, KeyEncryptionKey.read_file(file, unwrap), ISSUER, NOW)
    assert keyring.ground.refused == ()
    return keyring


async def walk(rewrapping: Rewrapping, db: Database, until: int = 3) -> int:
    """The first steps, as the command does them; how many values were sealed anew."""
    count = 0
    if until > 0:
        offer(rewrapping)
    if until > 1:
        unwrap = rewrapping.unwrap
        count = await seal_anew(rewrapping, await context(db, rewrapping.file, unwrap), "operator")
    if until > 2:
        await forget(rewrapping, db)
    return count


async def sealing_keys(db: Database) -> set[bytes]:
    """The identifiers of the keys that anything is sealed under."""
    return {value.sealed[1:9] for value in await find_sealed(db)}


def told(keyring: Keyring) -> tuple[Any, ...]:
    """What would be another thing if a secret or a key had changed."""
    signer = keyring.signer(Purpose.ID_TOKEN)
    return signer.public_jwk(), keyring.digest("pairwise", b"a"), keyring.jwks().body


@pytest.mark.parametrize("done", range(4))
async def test_broken_off_after_any_step_it_works_and_is_done_again(
    db: Database, kek: KeyEncryptionKey, rewrapping: Rewrapping, done: int
) -> None:
    before = told(await load(db, rewrapping.file))
    count = await walk(rewrapping, db, done)
    assert told(await load(db, rewrapping.file)) == before
    used = rewrapping.new if done > 1 else kek
    await turn(db, KeyEncryptionKey.read_file(rewrapping.file), LATER)
    assert await sealing_keys(db) == {used.id}
    assert (await walk(rewrapping, db) > 0) == (done < 2)
    assert (count > 0) == (done >= 2)
    assert await sealing_keys(db) == {rewrapping.new.id}
    assert kek_lines(rewrapping.file) == [rewrapping.line]
    assert (await load(db, rewrapping.file)).digest("pairwise", b"a") == before[1]
    with pytest.raises(SealBroken, match="another key-encryption key"):
        await load_ground(db, kek, ISSUER)


async def test_workers_are_told_and_the_audit_has_it(
    db: Database, kek: KeyEncryptionKey, rewrapping: Rewrapping
) -> None:
    before = await versions.current(db)
    count = await walk(rewrapping, db)
    assert (await versions.current(db))[versions.KEYS] == before[versions.KEYS] + 1
    (event,) = await db.fetch_all(select(audit_events).where(audit_events.c.kind == "keys.rewrapped"))
    assert rewrapping.new.id.hex() in event["details"]
    assert '"operator":"operator"' in event["details"]
    assert await walk(rewrapping, db) == 0
    assert len(await find_sealed(db)) == count
    assert len(await db.fetch_all(select(audit_events))) == 1


@pytest.mark.parametrize("read", [0, 1])
async def test_what_was_planned_under_the_former_key_is_undone(
    db: Database, kek: KeyEncryptionKey, rewrapping: Rewrapping, read: int
) -> None:
    """A rotator has read file and rows before, or between the first two steps, and writes when all is over."""
    await walk(rewrapping, db, read)
    known = KeyEncryptionKey.read_file(rewrapping.file)
    plan = Plan(await load_ground(db, known, ISSUER), known, LATER)
    await plan.rotate()
    await walk(rewrapping, db)
    with pytest.raises(NothingChanged):
        await db.write(*steps(plan.statements()))
    assert await sealing_keys(db) == {rewrapping.new.id}
    again = await turn(db, KeyEncryptionKey.read_file(rewrapping.file), LATER)
    assert again.entries
    assert await sealing_keys(db) == {rewrapping.new.id}
    await load(db, rewrapping.file)


async def test_who_has_both_keys_seals_under_the_one_in_use(
    db: Database, kek: KeyEncryptionKey, rewrapping: Rewrapping
) -> None:
    await walk(rewrapping, db, 1)
    both = KeyEncryptionKey.read_file(rewrapping.file)
    assert both.id == rewrapping.new.id
    await turn(db, both, LATER)
    assert await sealing_keys(db) == {kek.id}
    await load_ground(db, kek, ISSUER)  # a worker that has not read the file anew is not surprised
    await walk(rewrapping, db, 2)
    assert (await turn(db, both, LATER + 91 * 24 * 3600)).entries
    assert await sealing_keys(db) == {rewrapping.new.id}


class _Meanwhile:
    """A database to which something happens just before the first write."""

    def __init__(self, db: Database, happens: Callable[[], Awaitable[object]]) -> None:
        self._db = db
        self._happens: Callable[[], Awaitable[object]] | None = happens

    async def fetch_all(self, query: Any, /, **values: object) -> Any:
        return await self._db.fetch_all(query, **values)

    async def write(self, *written: Step) -> None:
        happens, self._happens = self._happens, None
        if happens is not None:
            await happens()
        await self._db.write(*written)


async def test_a_rotation_between_look_and_write_is_sealed_anew_too(
    db: Database, kek: KeyEncryptionKey, rewrapping: Rewrapping
) -> None:
    offer(rewrapping)
    here = await context(db, rewrapping.file)
    meanwhile = _Meanwhile(db, lambda: turn(db, kek, LATER))
    racing = replace(here, db=cast("Database", meanwhile))
    assert await seal_anew(rewrapping, racing, "operator") == len(await find_sealed(db))
    assert await sealing_keys(db) == {rewrapping.new.id}
    assert await forget(rewrapping, db)
    await load(db, rewrapping.file)


async def rotate(db: Database, file: Path, at: int) -> None:
    """As a worker whose look at the file may be older than its look at the database: what fails is done again."""
    while True:
        known = KeyEncryptionKey.read_file(file)
        await asyncio.sleep(0)
        try:
            assert (await turn(db, known, at)).entries
        except (NothingChanged, SealBroken):
            continue
        return


async def test_rotations_and_new_keys_at_once(
    db: Database, kek: KeyEncryptionKey, file: Path, tmp_path: Path
) -> None:
    for number in range(1, 4):
        create_kek_file(tmp_path / f"new-{number}")
        rewrapping = Rewrapping.read(file, tmp_path / f"new-{number}", None)
        done = await asyncio.gather(
            rotate(db, file, NOW + number * (LATER - NOW)), walk(rewrapping, db), return_exceptions=True
        )
        assert done[0] is None
        assert isinstance(done[1], int)
        assert await sealing_keys(db) == {rewrapping.new.id}
        await load(db, file)


async def test_a_value_under_the_former_key_keeps_it_in_the_file(
    db: Database, kek: KeyEncryptionKey, rewrapping: Rewrapping
) -> None:
    await walk(rewrapping, db, 2)
    value = (await find_sealed(db))[1]
    sealed = kek.seal(bytes(32), purpose=value.purpose, name=value.name)
    await db.write(step(_SET_SECRET, name=value.name, becomes=value.name, value=sealed))
    with pytest.raises(CannotRewrap, match=f"{value.name} does not open"):
        await forget(rewrapping, db)
    assert len(kek_lines(rewrapping.file)) == 2
    await walk(rewrapping, db)
    assert await sealing_keys(db) == {rewrapping.new.id}


async def test_what_only_a_newer_version_knows_is_sealed_anew_too(
    db: Database, kek: KeyEncryptionKey, rewrapping: Rewrapping
) -> None:
    offer(rewrapping)
    here = await context(db, rewrapping.file)
    values = await find_sealed(db)
    secret, key = values[1], values[-1]
    strange = kek.seal(b"a", purpose="secret", name="of tomorrow")
    await db.write(step(_SET_SECRET, name=secret.name, becomes="of tomorrow", value=strange))
    foreign = kek.seal(b"b", purpose="of tomorrow", name=key.name)
    await db.write(step(_SET_KEY, name=key.name, becomes="of tomorrow", value=foreign))
    await seal_anew(rewrapping, here, "operator")
    found = {value.name: value.sealed for value in await find_sealed(db)}
    assert rewrapping.new.unseal(found["of tomorrow"], purpose="secret", name="of tomorrow") == b"a"
    assert rewrapping.new.unseal(found[key.name], purpose="of tomorrow", name=key.name) == b"b"


async def test_a_changed_value_stops_it_before_anything_is_written(
    db: Database, kek: KeyEncryptionKey, rewrapping: Rewrapping
) -> None:
    here = await context(db, rewrapping.file)
    key = (await find_sealed(db))[-1]
    broken = key.sealed[:-1] + bytes([key.sealed[-1] ^ 1])
    await db.write(step(_SET_KEY, name=key.name, becomes=key.purpose, value=broken))
    offer(rewrapping)
    with pytest.raises(CannotRewrap, match=f"{key.name} does not open with any key of the file"):
        await seal_anew(rewrapping, here, "operator")
    assert await sealing_keys(db) == {kek.id}


async def test_an_installation_without_keys_needs_no_rewrapping(db: Database, rewrapping: Rewrapping) -> None:
    here = await context(db, rewrapping.file)
    with pytest.raises(CannotRewrap, match="Nothing is sealed so far"):
        await seal_anew(rewrapping, here, "operator")
    with pytest.raises(CannotRewrap, match="Nothing is sealed so far"):
        await forget(rewrapping, db)


async def test_the_key_of_another_installation_is_not_replaced(
    db: Database, kek: KeyEncryptionKey, rewrapping: Rewrapping
) -> None:
    here = await context(db, rewrapping.file)
    rewrapping.file.unlink()
    create_kek_file(rewrapping.file)
    offer(rewrapping)
    with pytest.raises(CannotRewrap, match="does not open with any key of the file"):
        await seal_anew(rewrapping, here, "operator")


async def test_from_plain_to_hardware_and_back(
    db: Database, kek: KeyEncryptionKey, file: Path, tmp_path: Path, hsm_token: Pkcs11Token
) -> None:
    def unwrap(line: str) -> bytes:
        return unwrap_kek(hsm_token, line)

    create_kek_file(tmp_path / "wrapped", lambda key: wrap_kek(hsm_token, "kek-rewrap", key))
    before = told(await load(db, file))
    for name, begins in (("wrapped", "pkcs11:kek-rewrap:"), ("plain", "")):
        if name == "plain":
            create_kek_file(tmp_path / "plain")
        rewrapping = Rewrapping.read(file, tmp_path / name, unwrap)
        assert await walk(rewrapping, db) > 0
        (line,) = kek_lines(file)
        assert line.startswith(begins)
        assert told(await load(db, file, unwrap)) == before
    await load(db, file)


async def test_the_same_key_may_be_wrapped(
    db: Database, kek: KeyEncryptionKey, file: Path, tmp_path: Path, hsm_token: Pkcs11Token
) -> None:
    new = tmp_path / "wrapped"
    new.touch(mode=0o600)
    new.write_text(wrap_kek(hsm_token, "kek-same", read_kek_lines(file)[0]) + "\n", "ascii")
    rewrapping = Rewrapping.read(file, new, lambda line: unwrap_kek(hsm_token, line))
    assert await walk(rewrapping, db) == 0
    assert kek_lines(file) == [rewrapping.line]
    await load(db, file, rewrapping.unwrap)


def test_the_new_file_must_be_one_new_key(tmp_path: Path, file: Path) -> None:
    with pytest.raises(CannotRewrap, match="is the file in use"):
        Rewrapping.read(file, file, None)
    create_kek_file(tmp_path / "new")
    (tmp_path / "new").write_text("\n".join([*kek_lines(tmp_path / "new"), *kek_lines(file)]), "ascii")
    with pytest.raises(CannotRewrap, match="holds 2 keys"):
        Rewrapping.read(file, tmp_path / "new", None)
    (tmp_path / "new").chmod(0o644)
    with pytest.raises(InvalidKeyEncryptionKey, match="open to other accounts"):
        Rewrapping.read(file, tmp_path / "new", None)


def test_the_file_stays_closed_and_its_owners(rewrapping: Rewrapping, tmp_path: Path) -> None:
    left = tmp_path / "kek.new"
    left.write_text("left by a process that died", "ascii")
    left.chmod(0o666)
    if os.geteuid() == 0:
        os.chown(rewrapping.file, 65534, 65534)
    was = rewrapping.file.stat()
    assert offer(rewrapping)
    now = rewrapping.file.stat()
    assert (now.st_mode, now.st_uid, now.st_gid) == (was.st_mode, was.st_uid, was.st_gid)
    assert not left.exists()
    assert not offer(rewrapping)


def test_what_a_link_leads_to_is_replaced(rewrapping: Rewrapping, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(rewrapping.file)
    assert offer(Rewrapping(link, rewrapping.line, rewrapping.key, None))
    assert link.is_symlink()
    assert kek_lines(rewrapping.file)[0] == rewrapping.line


def test_a_file_of_octets_becomes_lines(rewrapping: Rewrapping) -> None:
    was = KeyEncryptionKey.read_file(rewrapping.file)
    rewrapping.file.write_bytes(read_kek_lines(rewrapping.file)[0])
    assert offer(rewrapping)
    both = KeyEncryptionKey.read_file(rewrapping.file)
    assert both.that_sealed(was.seal(b"a", purpose="p", name="n")).id == was.id


def test_one_at_a_time(file: Path) -> None:
    with alone(file), pytest.raises(CannotRewrap, match="Somebody else replaces"), alone(file):
        pass
    with alone(file):
        pass
