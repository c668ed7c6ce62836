"""The ground of every keyring: read at rest, proven, and quick enough."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import Executable, update

from idp.store.database import Database, step
from keys import store
from keys.actions import Export, Revoke
from keys.changes import approve, propose
from keys.ground import load_ground
from keys.history import History
from keys.key_log import InvalidLog
from keys.keyring import refresh_keyring
from keys.lifecycle import Plan
from keys.policy import SecretPurpose
from keys.seal import KeyEncryptionKey, SealBroken
from keys.tables import key_log
from tests.support.custody import DUE, FOREIGN_KEK, KEK, NOW, active, check_whole, ground_of, keyring_of
from tests.support.installation import (
    ISSUER,
    OFFICERS,
    act,
    bare_keyring,
    first_actions,
    steps,
    turn,
)


class Busy:
    """A database in which something happens between two reads, as often as it is told."""

    def __init__(self, db: Database, times: int) -> None:
        self._db = db
        self.times = times

    async def fetch_all(self, query: Executable, /, **values: object) -> Sequence[Mapping[str, Any]]:
        """The rows; then a key is made, if it was the log that was read."""
        rows: Any = await self._db.fetch_all(query, **values)
        if self.times and rows and "entry" in dict(rows[0]):
            self.times -= 1
            await act(self._db, KEK, NOW + 1, Revoke((await active(self._db)).kid, "stolen", 0))
        return [dict(row) for row in rows]


async def test_log_and_rows_are_read_together(installed: Database) -> None:
    ground = await load_ground(Busy(installed, 3), KEK, ISSUER)
    assert ground.refused == ()
    assert ground.history == (await ground_of(installed)).history


async def test_a_log_that_never_rests_is_told(installed: Database) -> None:
    with pytest.raises(InvalidLog, match="faster than it can be read"):
        await load_ground(Busy(installed, 100), KEK, ISSUER)


async def test_what_was_seen_before_is_not_followed_again(
    installed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await ground_of(installed)
    await turn(installed, KEK, DUE)
    followed = []
    after = History.after

    def counted(history: History, entry: bytes) -> History:
        followed.append(entry)
        return after(history, entry)

    monkeypatch.setattr(History, "after", counted)
    ground = await ground_of(installed, before)
    assert ground.entries == (*before.entries, *followed)
    assert ground.history.size == len(ground.entries)


async def test_the_keys_of_another_installation_are_not_ours(installed: Database) -> None:
    with pytest.raises(InvalidLog, match=r"those of https://sso\.example\.gov\.vn, not of https://other\."):
        await load_ground(installed, KEK, "https://other.example.vn")


async def test_another_key_encryption_key_is_told_as_such(installed: Database) -> None:
    with pytest.raises(SealBroken, match="another key-encryption key"):
        await load_ground(installed, FOREIGN_KEK, ISSUER)
    both = KeyEncryptionKey.of(b"x" * 32, b"k" * 32)
    assert (await load_ground(installed, both, ISSUER)).refused == ()


async def test_a_refresh_that_fails_leaves_the_keyring_as_it_is(installed: Database) -> None:
    keyring = await keyring_of(installed)
    jwks = keyring.jwks()
    await turn(installed, KEK, DUE)
    rows = await installed.fetch_all(store._LOG)  # noqa: SLF001
    last = len(rows) - 1
    good = bytes(rows[last]["entry"])
    await installed.write(step(update(key_log).where(key_log.c.position == last).values(entry=b"{}")))
    for _ in range(2):
        with pytest.raises(InvalidLog):
            await refresh_keyring(installed, KEK, keyring, DUE)
    assert keyring.jwks() == jwks
    await installed.write(step(update(key_log).where(key_log.c.position == last).values(entry=good)))
    assert (await refresh_keyring(installed, KEK, keyring, DUE)).jwks() != jwks
    await check_whole(installed, DUE)


async def test_a_ground_shows_no_secret(installed: Database) -> None:
    ground = await ground_of(installed)
    secret = next(one for one in ground.secrets if one.purpose is SecretPurpose.PAIRWISE)
    for shown in (repr(ground), repr(bare_keyring([], [secret], KEK, NOW).ground)):
        assert repr(secret.sealed) not in shown
        assert "NoteSigner" not in shown


async def test_five_thousand_entries_are_loaded_in_about_a_second_and_followed_at_once(db: Database) -> None:
    """Twelve years of all keys, or months of keys that change every hour."""
    plan = Plan(await ground_of(db), KEK, NOW)
    keys = dict.fromkeys(("id_token", "access_token", "userinfo", "audit"), ("ES256", "EdDSA"))
    actions = first_actions(NOW, keys=keys, active_lifetime=3600, pending_lifetime=3600)
    change = propose(ISSUER, actions, NOW)
    await plan.carry_out(change, [approve(change, key) for key in OFFICERS[:2]], proposed=False)
    while len(plan.entries) < 5000:
        await plan.rotate()
        plan.at += 3600
    await db.write(*steps(plan.statements()))
    began = time.process_time()
    keyring = await keyring_of(db, plan.at)
    loading = time.process_time() - began
    assert keyring.ground.history == plan.history
    assert keyring.ground.refused == ()
    await act(db, KEK, plan.at, Export(next(iter(plan.history.keys))))
    began = time.process_time()
    assert await refresh_keyring(db, KEK, keyring, plan.at) is not keyring
    following = time.process_time() - began
    assert loading < 2, loading
    assert following < loading
