"""What somebody can do who edits rows of keys: each attempt is told, and no key of it is of any use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from sqlalchemy import delete, insert, select, update

from idp.store.database import Database, step
from keys import policy
from keys.actions import Activate, Revoke
from keys.backends.software import SoftwareSigner
from keys.history import InvalidHistory
from keys.jose import InvalidToken, encode
from keys.keyring import Keyring, refresh_keyring
from keys.policy import Purpose
from keys.seal import KeyEncryptionKey
from keys.tables import signing_keys
from tests.support.custody import (
    ACCESS_TOKEN,
    DUE,
    FEW,
    FOREIGN_KEK,
    ID_TOKEN,
    KEK,
    NOW,
    active,
    check_whole,
    forged_row,
    ground_of,
    keyring_of,
    waiting,
)
from tests.support.installation import act, establish, turn
from tests.support.signing import at_once

K = signing_keys.c


@dataclass(frozen=True)
class Forged:
    """A key that must be of no use, and tokens of it if its private half is known."""

    kid: str
    signer: SoftwareSigner | None = None


async def _change(db: Database, kid: str, **values: Any) -> Forged:
    await db.write(step(update(signing_keys).where(K.kid == kid).values(values)))
    return Forged(kid)


async def _make_room(db: Database) -> None:
    """An active key is taken away, so that another row may stand there as the active one."""
    await db.write(step(delete(signing_keys).where(K.kid == (await active(db)).kid)))


async def _add(db: Database, state: str, kek: KeyEncryptionKey | None, **changes: Any) -> Forged:
    """A key of the forger's own making, under a key-encryption key or without its private half."""
    signer = SoftwareSigner.generate("ES256")
    sealed = None if kek is None else kek.seal(signer.to_pkcs8(), purpose="id_token", name=signer.kid)
    await db.write(step(insert(signing_keys).values(forged_row(signer, state, sealed, **changes))))
    return Forged(signer.kid, signer)


async def new_active_key_under_a_foreign_kek(db: Database) -> Forged:
    await _make_room(db)
    return await _add(db, "active", FOREIGN_KEK)


async def new_active_key_under_our_own_kek(db: Database) -> Forged:
    await _make_room(db)
    return await _add(db, "active", KEK)


async def new_key_that_lives_in_hardware(db: Database) -> Forged:
    await _make_room(db)
    return await _add(db, "active", None, backend="pkcs11")


async def new_retiring_key_with_a_public_half_only(db: Database) -> Forged:
    return await _add(db, "retiring", None, retiring_at=DUE)


async def new_pending_key(db: Database) -> Forged:
    return await _add(db, "pending", KEK, activated_at=None)


async def foreign_public_half_in_an_old_row(db: Database) -> Forged:
    signer = SoftwareSigner.generate("ES256")
    kid = (await active(db)).kid
    jwk = orjson.dumps({**signer.public_jwk(), "kid": kid}).decode()
    await _change(db, kid, public_jwk=jwk)
    return Forged(kid, signer)


async def rubbish_in_the_place_of_a_public_half(db: Database) -> Forged:
    return await _change(db, (await active(db)).kid, public_jwk="{")


async def pending_key_activated_by_hand(db: Database) -> Forged:
    await _make_room(db)
    return await _change(db, (await waiting(db)).kid, state="active", activated_at=DUE)


async def active_key_retired_by_hand(db: Database) -> Forged:
    kid = (await active(db)).kid
    return await _change(db, kid, state="retiring", retiring_at=DUE, sealed_private_key=None)


async def revoked_key_back_in_use(db: Database) -> Forged:
    history = (await ground_of(db)).history
    kid = next(key.kid for key in history.keys.values() if key.revoked_at)
    return await _change(db, kid, state="retiring", retiring_at=DUE, revoked_at=None)


async def retiring_key_kept_for_longer(db: Database) -> Forged:
    history = (await ground_of(db)).history
    kid = next(key.kid for key in history.keys.values() if key.state == "retiring" and key.kind == ID_TOKEN)
    return await _change(db, kid, retiring_at=DUE + policy.RETIRING_LIFETIME)


async def key_moved_to_another_purpose(db: Database) -> Forged:
    return await _change(db, (await active(db)).kid, purpose="userinfo")


async def key_moved_to_another_algorithm(db: Database) -> Forged:
    return await _change(db, (await active(db)).kid, algorithm="PS256")


async def key_published_before_its_time(db: Database) -> Forged:
    return await _change(db, (await waiting(db)).kid, published_at=NOW)


async def key_said_to_live_in_hardware(db: Database) -> Forged:
    return await _change(db, (await active(db)).kid, backend="pkcs11", sealed_private_key=None)


async def private_half_of_another_key(db: Database) -> Forged:
    rows = await db.fetch_all(select(signing_keys))
    other = next(row["sealed_private_key"] for row in rows if row["sealed_private_key"])
    kid = (await active(db)).kid
    mine = (await db.fetch_all(select(signing_keys).where(K.kid == kid)))[0]["sealed_private_key"]
    assert bytes(other) != bytes(mine)
    return await _change(db, kid, sealed_private_key=other)


async def deleted_active_key(db: Database) -> Forged:
    kid = (await active(db)).kid
    await db.write(step(delete(signing_keys).where(K.kid == kid)))
    return Forged(kid)


async def deleted_successor(db: Database) -> Forged:
    kid = (await waiting(db)).kid
    await db.write(step(delete(signing_keys).where(K.kid == kid)))
    return Forged(kid)


ROWS = (
    new_active_key_under_a_foreign_kek,
    new_active_key_under_our_own_kek,
    new_key_that_lives_in_hardware,
    new_retiring_key_with_a_public_half_only,
    new_pending_key,
    foreign_public_half_in_an_old_row,
    rubbish_in_the_place_of_a_public_half,
    pending_key_activated_by_hand,
    active_key_retired_by_hand,
    revoked_key_back_in_use,
    retiring_key_kept_for_longer,
    key_moved_to_another_purpose,
    key_moved_to_another_algorithm,
    key_published_before_its_time,
    key_said_to_live_in_hardware,
    private_half_of_another_key,
    deleted_active_key,
    deleted_successor,
)
each_row = pytest.mark.parametrize("forge", ROWS, ids=lambda forge: forge.__name__)


def _is_of_no_use(keyring: Keyring, forged: Forged) -> None:
    assert any(forged.kid in sentence for sentence in keyring.ground.refused)
    assert forged.kid.encode() not in keyring.jwks().body
    assert forged.kid not in {signer.kid for signer in keyring._signers.values()}  # noqa: SLF001
    assert keyring.find_key(forged.kid) is None
    if forged.signer is not None:
        for purpose in (Purpose.ID_TOKEN, Purpose.ACCESS_TOKEN, Purpose.USERINFO):
            token = at_once(encode(forged.signer, {"sub": "a"}, policy.TOKEN_TYPES[purpose]))
            with pytest.raises(InvalidToken):
                keyring.verify_own(token, purpose=purpose)


@each_row
async def test_a_row_that_the_log_does_not_know_is_of_no_use(
    seasoned: Database, forge: Callable[[Database], Awaitable[Forged]]
) -> None:
    forged = await forge(seasoned)
    _is_of_no_use(await keyring_of(seasoned, DUE + 1), forged)


@each_row
async def test_what_is_sound_signs_on_and_rotates_beside_it(
    seasoned: Database, forge: Callable[[Database], Awaitable[Forged]]
) -> None:
    forged = await forge(seasoned)
    later = DUE + 1 + policy.ACTIVE_LIFETIME
    before = await active(seasoned, ACCESS_TOKEN)
    await turn(seasoned, KEK, later)
    assert (await active(seasoned, ACCESS_TOKEN)).kid != before.kid
    keyring = await keyring_of(seasoned, later)
    assert keyring.signer(Purpose.ACCESS_TOKEN).kid == (await active(seasoned, ACCESS_TOKEN)).kid
    if forged.kid not in keyring.ground.history.keys:
        _is_of_no_use(keyring, forged)


@each_row
async def test_officers_revoke_it_and_a_key_signs_at_once(
    seasoned: Database, forge: Callable[[Database], Awaitable[Forged]]
) -> None:
    forged = await forge(seasoned)
    history = (await ground_of(seasoned)).history
    kids = {forged.kid, (await active(seasoned)).kid} & history.keys.keys()
    open_kids = [kid for kid in kids if history.keys[kid].state != "revoked"]
    await act(seasoned, KEK, DUE + 2, *(Revoke(kid, "edited", 0) for kid in sorted(open_kids)))
    keyring = await keyring_of(seasoned, DUE + 2)
    assert keyring.signer(Purpose.ID_TOKEN).kid == (await active(seasoned)).kid
    told = [sentence for sentence in keyring.ground.refused if forged.kid in sentence]
    still_there = forged.kid not in history.keys or forged.kid not in open_kids
    assert bool(told) == still_there
    await turn(seasoned, KEK, DUE + 3)
    assert (await ground_of(seasoned)).history.waiting(ID_TOKEN)


async def test_a_successor_that_has_lost_its_row_does_not_take_over(seasoned: Database) -> None:
    before = await active(seasoned)
    lost = await deleted_successor(seasoned)
    later = DUE + policy.ACTIVE_LIFETIME
    await turn(seasoned, KEK, later)
    assert (await active(seasoned)).kid == before.kid
    with pytest.raises(InvalidHistory, match="revoke the key"):
        await act(seasoned, KEK, later, Activate(lost.kid))
    await act(seasoned, KEK, later, Revoke(lost.kid, "lost", 0))
    await turn(seasoned, KEK, later)
    await turn(seasoned, KEK, later + policy.PENDING_LIFETIME)
    assert (await active(seasoned)).activated_at == later + policy.PENDING_LIFETIME
    await check_whole(seasoned, later + policy.PENDING_LIFETIME)


async def test_a_row_from_before_the_first_ceremony_does_not_hinder_it(db: Database) -> None:
    forged = await _add(db, "active", KEK)
    await establish(db, KEK, NOW, keys=FEW)
    keyring = await keyring_of(db, NOW)
    assert keyring.signer(Purpose.ID_TOKEN).kid == (await active(db)).kid != forged.kid
    _is_of_no_use(keyring, forged)


async def test_a_row_that_is_put_right_serves_again(seasoned: Database) -> None:
    kid = (await active(seasoned)).kid
    await _change(seasoned, kid, published_at=NOW + 1)
    keyring = await keyring_of(seasoned, DUE + 1)
    assert keyring.ground.refused
    published_at = keyring.ground.history.keys[kid].published_at
    await _change(seasoned, kid, published_at=published_at)
    fresh = await refresh_keyring(seasoned, KEK, keyring, DUE + 1)
    assert fresh.signer(Purpose.ID_TOKEN).kid == kid
    assert await refresh_keyring(seasoned, KEK, fresh, DUE + 1) is fresh
