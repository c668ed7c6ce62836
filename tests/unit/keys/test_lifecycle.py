"""The life of keys from the first ceremony on, as it is planned and kept, on both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import delete, insert

from idp.store.database import Database, NothingChanged, step
from keys import policy, store
from keys.actions import Activate, Export, Generate, Officers, Publish, Retire, Revoke
from keys.backends.software import SoftwareSigner
from keys.encryption import DecryptionKey
from keys.ground import HardwareMissing, load_ground
from keys.history import InvalidHistory
from keys.jose import InvalidToken
from keys.key_log import InvalidLog
from keys.keyring import Keyring, refresh_keyring
from keys.lifecycle import Plan
from keys.policy import Purpose, SecretPurpose, State
from keys.seal import SealBroken
from keys.tables import key_log, sealed_secrets, signing_keys
from tests.support.custody import (
    ACCESS_TOKEN,
    FEW,
    FOREIGN_KEK,
    ID_TOKEN,
    KEK,
    KINDS,
    NOW,
    active,
    check_whole,
    ground_of,
    keyring_of,
    waiting,
)
from tests.support.databases import connections
from tests.support.installation import ISSUER, OFFICERS, act, establish, rotation, steps, turn
from tests.support.signing import signed

DUE = NOW + policy.ACTIVE_LIFETIME


async def test_the_first_ceremony_makes_secrets_and_for_each_kind_an_active_key_and_its_successor(
    db: Database,
) -> None:
    plan = await establish(db, KEK, NOW, keys=FEW)
    assert set(plan.new_secrets) == set(SecretPurpose)
    history = (await check_whole(db, NOW)).ground.history
    assert {kind: len(history.waiting(kind)) for kind in KINDS} == dict.fromkeys(KINDS, 1)
    assert all(history.waiting(kind)[0].published_at == NOW for kind in KINDS)
    assert [event["event"] for event in plan.events if event["kid"] == (await active(db)).kid] == [
        "generated",
        "published",
        "activated",
    ]


async def test_before_the_first_ceremony_there_is_nothing(db: Database) -> None:
    keyring = await keyring_of(db)
    assert (keyring.log, keyring.ground.keys, keyring.ground.history.size) == (None, (), 0)
    assert "id_token ES256" in keyring.missing
    plan = await turn(db, KEK, NOW)
    assert plan.empty


async def test_a_token_survives_a_new_start(installed: Database) -> None:
    first, second = await keyring_of(installed), await keyring_of(installed, NOW + 60)
    for purpose, alg in KINDS - {("encryption", "ECDH-ES")}:
        token = signed(first, Purpose(purpose), {"sub": "a"}, alg)
        assert second.verify_own(token, purpose=Purpose(purpose)) == {"sub": "a"}
    assert first.jwks() == second.jwks()
    assert first.digest("pairwise", b"a") == second.digest("pairwise", b"a")


async def test_private_keys_do_not_stand_in_the_database(installed: Database) -> None:
    for key in await store.find_keys(installed):
        assert key.sealed_private_key is not None
        private = KEK.unseal(key.sealed_private_key, purpose=key.purpose.value, name=key.kid)
        load = DecryptionKey.load if key.purpose is Purpose.ENCRYPTION else SoftwareSigner.load
        assert load(key.algorithm, private).kid == key.kid
        assert private[:16] not in key.sealed_private_key
        assert '"d"' not in key.public_jwk


async def test_a_life_by_the_standing_approval(installed: Database) -> None:
    first, second = await active(installed), await waiting(installed)
    assert (await turn(installed, KEK, DUE - 1)).empty
    await turn(installed, KEK, DUE)
    keyring = await check_whole(installed, DUE)
    assert (await active(installed)).kid == second.kid
    assert keyring.ground.history.keys[first.kid].state is State.RETIRING
    assert first.kid.encode() in keyring.jwks().body
    third = await waiting(installed)
    assert third.published_at == DUE
    over = DUE + policy.RETIRING_LIFETIME
    assert (await turn(installed, KEK, over - 1)).empty
    await turn(installed, KEK, over)
    keyring = await check_whole(installed, over)
    assert keyring.ground.history.keys[first.kid].state is State.RETIRED
    assert first.kid.encode() not in keyring.jwks().body


async def test_a_worker_signs_with_the_new_key_and_believes_the_old_one_for_a_while(
    installed: Database,
) -> None:
    keyring = await keyring_of(installed)
    old = signed(keyring, Purpose.ACCESS_TOKEN, {"sub": "a"})
    assert await refresh_keyring(installed, KEK, keyring, NOW) is keyring
    await turn(installed, KEK, DUE)
    fresh = await refresh_keyring(installed, KEK, keyring, DUE)
    assert fresh.signer(Purpose.ACCESS_TOKEN).kid != keyring.signer(Purpose.ACCESS_TOKEN).kid
    assert fresh.verify_own(old, purpose=Purpose.ACCESS_TOKEN) == {"sub": "a"}
    late = await keyring_of(installed, DUE + policy.RETIRING_LIFETIME)
    with pytest.raises(InvalidToken):
        late.verify_own(old, purpose=Purpose.ACCESS_TOKEN)


async def test_a_retiring_key_is_believed_as_long_as_officers_approved(db: Database) -> None:
    longer = policy.RETIRING_LIFETIME + 86400
    await establish(db, KEK, NOW, keys=FEW, retiring_lifetime=longer)
    old = signed(await keyring_of(db), Purpose.ACCESS_TOKEN, {"sub": "a"})
    await turn(db, KEK, DUE)
    assert (await keyring_of(db, DUE + longer - 1)).verify_own(old, purpose=Purpose.ACCESS_TOKEN)
    with pytest.raises(InvalidToken):
        (await keyring_of(db, DUE + longer)).verify_own(old, purpose=Purpose.ACCESS_TOKEN)


async def test_the_approval_of_rotation_ends(db: Database) -> None:
    await establish(db, KEK, NOW, keys=FEW, until=DUE)
    assert (await turn(db, KEK, DUE)).empty
    await check_whole(db, DUE)
    await act(db, KEK, DUE, rotation(DUE, keys=FEW))
    await turn(db, KEK, DUE)
    assert (await active(db)).activated_at == DUE


async def test_an_early_activation_waits_until_every_portal_can_have_fetched_the_key(
    installed: Database,
) -> None:
    first, second = await active(installed), await waiting(installed)
    early = NOW + policy.FETCHED_SECONDS
    with pytest.raises(InvalidHistory, match="may not have fetched"):
        await act(installed, KEK, early - 1, Activate(second.kid))
    await act(installed, KEK, early, Activate(second.kid))
    assert (await active(installed)).kid == second.kid
    assert (await ground_of(installed)).history.keys[first.kid].state is State.RETIRING
    await check_whole(installed, early)


async def test_a_key_is_made_published_activated_and_retired_by_officers(installed: Database) -> None:
    await act(installed, KEK, NOW + 1, Generate("id_token", "ES256", "software", publish=False))
    made = (await ground_of(installed)).history.waiting(ID_TOKEN)[-1]
    assert made.published_at is None
    assert made.kid.encode() not in (await keyring_of(installed)).jwks().body
    with pytest.raises(InvalidHistory, match="not published"):
        await act(installed, KEK, NOW + 5000, Activate(made.kid))
    await act(installed, KEK, NOW + 2, Publish(made.kid))
    with pytest.raises(InvalidHistory, match="not waiting to be published"):
        await act(installed, KEK, NOW + 3, Publish(made.kid))
    await act(installed, KEK, NOW + 5000, Activate(made.kid))
    assert (await active(installed)).kid == made.kid
    with pytest.raises(InvalidHistory, match="the key is active"):
        await act(installed, KEK, NOW + 5001, Retire(made.kid))
    before = next(
        key for key in (await ground_of(installed)).history.keys.values() if key.state is State.RETIRING
    )
    await act(installed, KEK, NOW + 5002, Retire(before.kid), Export(made.kid))
    await check_whole(installed, NOW + 5002)


async def test_one_document_approves_rotation_and_does_other_things(installed: Database) -> None:
    second = await waiting(installed)
    later = NOW + policy.FETCHED_SECONDS
    await act(
        installed,
        KEK,
        later,
        rotation(later, keys=FEW),
        Activate(second.kid),
        Generate("id_token", "ES256", "software", publish=True),
        Generate("userinfo", "ES256", "software", publish=True),
        Officers(tuple(key.officer for key in OFFICERS[1:])),
    )
    history = (await ground_of(installed)).history
    assert (await active(installed)).kid == second.kid
    assert len(history.waiting(ID_TOKEN)) == len(history.waiting(("userinfo", "ES256"))) == 1
    assert len(history.officers) == 2


async def test_a_revocation_has_the_successor_sign_at_once(installed: Database) -> None:
    keyring = await keyring_of(installed)
    old = signed(keyring, Purpose.ID_TOKEN, {"sub": "a"})
    first, second = await active(installed), await waiting(installed)
    await act(installed, KEK, NOW + 1, Revoke(first.kid, "stolen", NOW))
    fresh = await refresh_keyring(installed, KEK, keyring, NOW + 1)
    assert fresh.signer(Purpose.ID_TOKEN).kid == second.kid
    assert first.kid.encode() not in fresh.jwks().body
    with pytest.raises(InvalidToken, match="revoked"):
        fresh.verify_own(old, purpose=Purpose.ID_TOKEN)
    await check_whole(installed, NOW + 1)
    await turn(installed, KEK, NOW + 21)
    assert len((await ground_of(installed)).history.waiting(ID_TOKEN)) == 1
    with pytest.raises(InvalidHistory, match="revoked before"):
        await act(installed, KEK, NOW + 30, Revoke(first.kid, "stolen", NOW))


async def test_a_revocation_without_a_successor_makes_one(installed: Database) -> None:
    await act(installed, KEK, NOW + 1, Revoke((await waiting(installed)).kid, "stolen", NOW))
    first = await active(installed)
    await act(installed, KEK, NOW + 2, Revoke(first.kid, "stolen", NOW))
    assert (await active(installed)).generated_at == NOW + 2
    await check_whole(installed, NOW + 2)


async def test_active_key_and_successor_are_revoked_at_once_in_either_order(installed: Database) -> None:
    for now, kind in ((NOW + 1, ID_TOKEN), (NOW + 2, ACCESS_TOKEN)):
        pair = [(await active(installed, kind)).kid, (await waiting(installed, kind)).kid]
        kids = pair if kind == ID_TOKEN else pair[::-1]
        await act(installed, KEK, now, *(Revoke(kid, "stolen", NOW) for kid in kids))
        assert (await active(installed, kind)).generated_at == now
        await check_whole(installed, now)


async def test_keys_of_every_state_can_be_revoked(installed: Database) -> None:
    first = await active(installed)
    await turn(installed, KEK, DUE)
    await turn(installed, KEK, DUE + policy.RETIRING_LIFETIME)
    retiring = await active(installed, ACCESS_TOKEN)
    later = DUE + policy.ACTIVE_LIFETIME
    await turn(installed, KEK, later)
    await act(installed, KEK, later, Revoke(first.kid, "stolen", 0), Revoke(retiring.kid, "stolen", 0))
    history = (await check_whole(installed, later)).ground.history
    assert {history.keys[kid].state for kid in (first.kid, retiring.kid)} == {State.REVOKED}


async def test_a_key_cannot_have_been_stolen_in_a_time_to_come(installed: Database) -> None:
    with pytest.raises(InvalidHistory, match="time to come"):
        await act(installed, KEK, NOW + 1, Revoke((await active(installed)).kid, "stolen", NOW * 1000))


@pytest.mark.parametrize(
    "action",
    [
        Publish("nobody"),
        Activate("nobody"),
        Retire("nobody"),
        Revoke("nobody", "stolen", 0),
        Generate("wallet", "ES256", "software", publish=True),
        Generate("id_token", "ML-DSA-44", "software", publish=True),
        Generate("id_token", "ECDH-ES", "software", publish=True),
        Generate("encryption", "ES256", "software", publish=True),
    ],
    ids=repr,
)
async def test_what_cannot_be_done_is_refused_and_changes_nothing(installed: Database, action: Any) -> None:
    before = (await ground_of(installed)).history
    with pytest.raises(InvalidHistory):
        await act(installed, KEK, NOW + 1, action)
    assert (await ground_of(installed)).history == before


async def test_a_key_in_hardware_needs_hardware(installed: Database) -> None:
    with pytest.raises(HardwareMissing):
        await act(installed, KEK, NOW + 1, Generate("id_token", "ES256", "pkcs11", publish=True))


async def test_an_encryption_key_opens_what_was_sent_to_it_until_it_has_retired(installed: Database) -> None:
    first = await active(installed, ("encryption", "ECDH-ES"))
    await turn(installed, KEK, DUE)
    row = next(key for key in await store.find_keys(installed) if key.kid == first.kid)
    assert row.state is State.RETIRING
    assert row.sealed_private_key is not None
    shown = (await check_whole(installed, DUE)).jwks().body
    assert first.kid.encode() not in shown
    await turn(installed, KEK, DUE + policy.RETIRING_LIFETIME)
    row = next(key for key in await store.find_keys(installed) if key.kid == first.kid)
    assert row.sealed_private_key is None
    await check_whole(installed, DUE + policy.RETIRING_LIFETIME)


async def test_another_key_encryption_key_makes_nothing(installed: Database) -> None:
    with pytest.raises(SealBroken, match="another key-encryption key"):
        await turn(installed, FOREIGN_KEK, DUE)
    assert (await turn(installed, KEK, NOW + 1)).empty


async def test_a_lost_secret_is_told_and_never_made_anew(installed: Database) -> None:
    await installed.write(step(delete(sealed_secrets).where(sealed_secrets.c.purpose == "pairwise")))
    plan = await turn(installed, KEK, DUE)
    assert not plan.empty
    assert plan.new_secrets == ()
    (told,) = (await ground_of(installed)).refused
    assert "pairwise has lost its row" in told


async def test_without_its_secret_or_its_entries_the_log_is_not_believed(installed: Database) -> None:
    await installed.write(step(delete(sealed_secrets).where(sealed_secrets.c.purpose == "key_log")))
    with pytest.raises(InvalidLog, match="restore the table sealed_secrets"):
        await ground_of(installed)


async def test_an_emptied_log_is_no_fresh_installation(installed: Database) -> None:
    await installed.write(step(delete(key_log)), step(delete(signing_keys)))
    with pytest.raises(InvalidLog, match="restore the table key_log"):
        await establish(installed, KEK, NOW + 1, keys=FEW)


async def test_what_a_newer_version_keeps_is_passed_over(db: Database) -> None:
    newer = {**FEW, "wallet": ("ES256",), "access_token": ("ES256", "ML-DSA-44")}
    await establish(db, KEK, NOW, keys=newer)
    row = {
        "backend": "software",
        "state": "pending",
        "public_jwk": "{}",
        "sealed_private_key": b"x",
        "created_at": NOW,
    }
    await db.write(
        step(insert(signing_keys).values(kid="a", purpose="wallet", algorithm="ES256", **row)),
        step(insert(signing_keys).values(kid="b", purpose="id_token", algorithm="ML-DSA-44", **row)),
        step(insert(sealed_secrets).values(purpose="newer", sealed=b"x", created_at=NOW)),
    )
    keyring = await check_whole(db, NOW)
    assert await refresh_keyring(db, KEK, keyring, NOW) is keyring
    assert (await turn(db, KEK, NOW + 1)).empty
    await turn(db, KEK, DUE)
    await check_whole(db, DUE)


async def _refused(one: Any) -> bool:
    try:
        await one
    except NothingChanged:
        return True
    return False


async def test_of_eight_first_ceremonies_at_once_one_is_held(database_url: str) -> None:
    async with connections(database_url, 8) as opened:
        grounds = [await load_ground(one, KEK, ISSUER) for one in opened]
        assert all(ground.log is None for ground in grounds)
        refused = await asyncio.gather(*(_refused(establish(one, KEK, NOW, keys=FEW)) for one in opened))
        assert refused.count(False) == 1
        rings: list[Keyring] = [await check_whole(one, NOW) for one in opened]
        assert len({ring.jwks().etag for ring in rings}) == 1
        assert len({ring.digest("csrf", b"a") for ring in rings}) == 1


async def test_of_eight_rotators_at_once_one_wins_and_the_others_see_it(database_url: str) -> None:
    async with connections(database_url, 8) as opened:
        await establish(opened[0], KEK, NOW, keys=FEW)
        second = await waiting(opened[0])
        refused = await asyncio.gather(*(_refused(turn(one, KEK, DUE)) for one in opened))
        assert refused.count(False) >= 1
        history = (await check_whole(opened[0], DUE)).ground.history
        assert sum(key.activated_at == DUE for key in history.keys.values()) == len(KINDS)
        for one in opened:
            assert (await active(one)).kid == second.kid
            assert (await turn(one, KEK, DUE)).empty


async def test_a_plan_is_not_kept_on_a_ground_that_has_moved(installed: Database) -> None:
    stale = Plan(await ground_of(installed), KEK, DUE)
    await turn(installed, KEK, DUE)
    await stale.rotate()
    before = (await ground_of(installed)).history
    with pytest.raises(NothingChanged):
        await installed.write(*steps(stale.statements()))
    assert (await ground_of(installed)).history == before
