"""What somebody can do who edits the key log, or even has its key: nothing of it is believed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from sqlalchemy import delete, insert, select, update

from idp.store.database import Database, step
from keys.actions import Officers
from keys.backends.software import SoftwareSigner
from keys.documents import canonical
from keys.ground import note_signer, seal_secret
from keys.history import InvalidHistory
from keys.key_log import InvalidLog, KeyLog
from keys.keyring import refresh_keyring
from keys.notes import NoteSigner, log_origin
from keys.policy import SecretPurpose
from keys.seal import SealBroken
from keys.tables import key_log, sealed_secrets, signing_keys
from tests.support.custody import (
    DUE,
    FOREIGN_KEK,
    KEK,
    forged_row,
    generated_entry,
    ground_of,
    keyring_of,
)
from tests.support.installation import ISSUER, OFFICERS, act, turn


async def _entries(db: Database) -> tuple[bytes, ...]:
    return (await ground_of(db)).entries


async def _rewrite(db: Database, entries: list[bytes], checkpoint: str) -> None:
    await db.write(
        step(delete(key_log)),
        *(
            step(
                insert(key_log).values(
                    position=position,
                    entry=entry,
                    checkpoint=checkpoint if position == len(entries) - 1 else None,
                )
            )
            for position, entry in enumerate(entries)
        ),
    )


async def edited_entry(db: Database) -> None:
    entries = list(await _entries(db))
    number = next(n for n, entry in enumerate(entries) if b'"revoked"' in entry)
    entries[number] = entries[number].replace(b'"revoked"', b'"retired"')
    await _rewrite(db, entries, (await ground_of(db)).log.checkpoint)  # type: ignore[union-attr]


async def changed_byte_in_the_first_entry(db: Database) -> None:
    entries = list(await _entries(db))
    entries[0] = b"[" + entries[0][1:]
    await _rewrite(db, entries, (await ground_of(db)).log.checkpoint)  # type: ignore[union-attr]


async def first_entry_of_another_shape(db: Database) -> None:
    entries = [b'{"change":[1]}', *(await _entries(db))[1:]]
    await _rewrite(db, entries, (await ground_of(db)).log.checkpoint)  # type: ignore[union-attr]


async def dropped_last_entry(db: Database) -> None:
    entries = list(await _entries(db))[:-1]
    await _rewrite(db, entries, (await ground_of(db)).log.checkpoint)  # type: ignore[union-attr]


async def entry_without_checkpoint(db: Database) -> None:
    await db.write(step(update(key_log).values(checkpoint=None)))


async def log_of_a_foreign_note_key(db: Database) -> None:
    foreign = NoteSigner.of(log_origin(ISSUER), b"f" * 32)
    log = KeyLog.signed(list(await _entries(db))[:-2], foreign)
    await _rewrite(db, list(log.entries), log.checkpoint)


async def gap_in_the_positions(db: Database) -> None:
    await db.write(step(delete(key_log).where(key_log.c.position == 3)))


@pytest.mark.parametrize(
    "forge",
    [
        edited_entry,
        changed_byte_in_the_first_entry,
        first_entry_of_another_shape,
        dropped_last_entry,
        entry_without_checkpoint,
        log_of_a_foreign_note_key,
        gap_in_the_positions,
    ],
    ids=lambda forge: forge.__name__,
)
async def test_a_log_that_was_edited_is_not_believed(
    seasoned: Database, forge: Callable[[Database], Awaitable[None]]
) -> None:
    keyring = await keyring_of(seasoned, DUE + 1)
    await forge(seasoned)
    with pytest.raises(InvalidLog):
        await keyring_of(seasoned, DUE + 1)
    with pytest.raises(InvalidLog):
        await ground_of(seasoned, keyring.ground)
    with pytest.raises(InvalidLog):
        await turn(seasoned, KEK, DUE + 2)


async def _old_checkpoint(db: Database) -> int:
    """Cut the log back to what an earlier checkpoint was signed for."""
    rows = await db.fetch_all(select(key_log).order_by(key_log.c.position))
    signed = [row["position"] for row in rows if row["checkpoint"]]
    await db.write(step(delete(key_log).where(key_log.c.position > signed[-2])))
    return int(signed[-2]) + 1


async def test_a_worker_refuses_a_log_that_was_cut_back_and_keeps_its_keys(seasoned: Database) -> None:
    keyring = await keyring_of(seasoned, DUE + 1)
    size = await _old_checkpoint(seasoned)
    with pytest.raises(InvalidLog, match="shortened or rewritten"):
        await refresh_keyring(seasoned, KEK, keyring, DUE + 2)
    assert keyring.ground.history.size > size
    # A process that starts anew cannot know; but the rows are ahead of the log, and it tells so.
    fresh = await keyring_of(seasoned, DUE + 2)
    assert fresh.ground.history.size == size
    assert fresh.ground.refused


async def test_a_worker_refuses_a_log_that_was_cut_back_and_has_grown_again(seasoned: Database) -> None:
    keyring = await keyring_of(seasoned, DUE + 1)
    await _old_checkpoint(seasoned)
    ground = await ground_of(seasoned)
    while len(ground.entries) <= keyring.ground.history.size:
        await act(seasoned, KEK, DUE + 2, Officers(tuple(key.officer for key in OFFICERS)))
        ground = await ground_of(seasoned)
    with pytest.raises(InvalidLog, match="shortened or rewritten"):
        await refresh_keyring(seasoned, KEK, keyring, DUE + 2)


async def _append(db: Database, *documents: dict[str, Any]) -> None:
    """Entries of somebody who has the note key: who holds database and key-encryption key."""
    ground = await ground_of(db)
    assert ground.note_signer is not None
    entries = [*ground.entries, *(canonical(document) for document in documents)]
    await _rewrite(db, entries, KeyLog.signed(entries, ground.note_signer).checkpoint)


@pytest.mark.parametrize("by", ["nothing", "latest", "rotation", "unknown purpose"])
async def test_a_key_that_was_made_under_no_approval_spoils_the_log(seasoned: Database, by: str) -> None:
    keyring = await keyring_of(seasoned, DUE + 1)
    history = keyring.ground.history
    signer = SoftwareSigner.generate("ES256")
    named = {"nothing": "A" * 43, "latest": history.latest_change}.get(by, history.rotation_id)
    purpose = "userinfo" if by == "unknown purpose" else "id_token"
    sealed = KEK.seal(signer.to_pkcs8(), purpose=purpose, name=signer.kid)
    row = forged_row(
        signer, "pending", sealed, purpose=purpose, published_at=None, activated_at=None, created_at=DUE + 1
    )
    await seasoned.write(step(insert(signing_keys).values(row)))
    await _append(seasoned, generated_entry(signer, DUE + 1, named, purpose))
    with pytest.raises(InvalidHistory):
        await keyring_of(seasoned, DUE + 1)
    with pytest.raises(InvalidHistory):
        await refresh_keyring(seasoned, KEK, keyring, DUE + 1)
    assert signer.kid.encode() not in keyring.jwks().body


async def test_another_note_key_under_our_own_kek_is_not_followed(seasoned: Database) -> None:
    """Who has the key-encryption key can begin another log; whoever has seen the old one is not deceived."""
    keyring = await keyring_of(seasoned, DUE + 1)
    ground = await ground_of(seasoned)
    secret = seal_secret(SecretPurpose.KEY_LOG, b"n" * 32, KEK)
    signer = note_signer(b"n" * 32, ISSUER)
    entries = list(ground.entries[:-3])
    await seasoned.write(
        step(update(sealed_secrets).where(sealed_secrets.c.purpose == "key_log").values(sealed=secret.sealed))
    )
    await _rewrite(seasoned, entries, KeyLog.signed(entries, signer).checkpoint)
    with pytest.raises(InvalidLog, match="shortened or rewritten"):
        await refresh_keyring(seasoned, KEK, keyring, DUE + 1)


async def test_a_changed_secret_stops_the_start(seasoned: Database) -> None:
    foreign = FOREIGN_KEK.seal(b"p" * 32, purpose="secret", name="pairwise")
    for sealed in (foreign, b"", b"\x01" + KEK.id + b"x" * 60):
        await seasoned.write(
            step(update(sealed_secrets).where(sealed_secrets.c.purpose == "pairwise").values(sealed=sealed))
        )
        with pytest.raises(SealBroken):
            await keyring_of(seasoned, DUE + 1)


async def test_a_changed_byte_in_a_change_of_the_log_is_noticed_even_by_who_has_the_note_key(
    seasoned: Database,
) -> None:
    ground = await ground_of(seasoned)
    assert ground.note_signer is not None
    entries = list(ground.entries)
    number = next(n for n, entry in enumerate(entries) if b'"stolen"' in entry)
    entries[number] = entries[number].replace(b'"stolen"', b'"stolem"')
    await _rewrite(seasoned, entries, KeyLog.signed(entries, ground.note_signer).checkpoint)
    with pytest.raises(InvalidHistory, match="not one under this change"):
        await ground_of(seasoned)


async def test_unsigned_members_are_not_smuggled_beside_signed_ones(seasoned: Database) -> None:
    ground = await ground_of(seasoned)
    assert ground.note_signer is not None
    first = orjson.loads(ground.entries[0])
    first["change"]["actions"][0]["officers"][0]["name"] = "A"
    entries = [canonical(first), *ground.entries[1:]]
    await _rewrite(seasoned, entries, KeyLog.signed(entries, ground.note_signer).checkpoint)
    with pytest.raises(InvalidLog, match="does not begin with its officers"):
        await ground_of(seasoned)
