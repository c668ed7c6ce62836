"""Keys in the database: made once, one active of a kind, on both databases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

import pytest
from sqlalchemy import delete, func, insert, select, update

from idp.store.database import Database, open_database, step
from keys import policy, store
from keys.backends.software import SoftwareSigner
from keys.jose import InvalidToken
from keys.keyring import load_keyring, refresh_keyring
from keys.policy import Purpose, SecretPurpose, State
from keys.seal import KeyEncryptionKey, SealBroken
from tests.support.installation import establish

NOW = 1_800_000_000
KEK = KeyEncryptionKey.of(b"k" * 32)
KINDS = {(purpose, alg) for purpose, algorithms in policy.SIGNING_KEYS.items() for alg in algorithms}
ROW = {
    "kid": "kid-1",
    "purpose": "id_token",
    "algorithm": "ES256",
    "state": "active",
    "public_jwk": "{}",
    "sealed_private_key": b"sealed",
    "created_at": NOW,
    "activated_at": NOW,
}


async def _keep(db: Database, **changes: object) -> None:
    row = {**ROW, **changes}
    await db.fetch_one(insert(store.signing_keys).values(row).returning(store.signing_keys.c.kid))


async def _count(db: Database) -> int:
    row = await db.fetch_one(select(func.count().label("rows")).select_from(store.signing_keys))
    assert row is not None
    return int(row["rows"])


def _kinds(keys: Iterable[store.StoredKey]) -> list[tuple[Purpose, str]]:
    return [(key.purpose, key.algorithm) for key in keys if key.state is State.ACTIVE]


async def test_everything_that_policy_demands_is_made_once(db: Database) -> None:
    made = await establish(db, KEK, NOW)
    assert len(made.kids) == len(KINDS)
    assert set(made.secrets) == set(SecretPurpose)
    assert sorted(_kinds(await store.find_keys(db))) == sorted(KINDS)
    assert not (await establish(db, KEK, NOW + 1)).kept
    assert await _count(db) == len(KINDS)


async def test_a_token_survives_a_new_start(db: Database) -> None:
    await establish(db, KEK, NOW)
    first, second = await load_keyring(db, KEK, NOW), await load_keyring(db, KEK, NOW + 60)
    for purpose, alg in KINDS:
        token = await first.issue(purpose, {"sub": "a"}, alg)
        assert second.verify_own(token, purpose=purpose) == {"sub": "a"}
    assert first.jwks() == second.jwks()
    assert first.digest("pairwise", b"a") == second.digest("pairwise", b"a")


async def test_two_starts_at_once_agree_on_one_set(db: Database, database_url: str) -> None:
    other = await open_database(database_url)
    one, two = await asyncio.gather(establish(db, KEK, NOW), establish(other, KEK, NOW))
    keys = await store.find_keys(db)
    assert sorted(_kinds(keys)) == sorted(KINDS)
    assert {*one.kids, *two.kids} == {key.kid for key in keys}
    assert len(one.kids) + len(two.kids) == len(KINDS)
    assert sorted([*one.secrets, *two.secrets]) == sorted(SecretPurpose)
    rings = [await load_keyring(db, KEK, NOW), await load_keyring(other, KEK, NOW)]
    assert rings[0].jwks() == rings[1].jwks()
    assert rings[0].digest("csrf", b"a") == rings[1].digest("csrf", b"a")
    await other.close()


async def test_another_key_encryption_key_makes_nothing(db: Database) -> None:
    await establish(db, KEK, NOW)
    await db.write(step(delete(store.signing_keys).where(store.signing_keys.c.purpose == "audit")))
    with pytest.raises(SealBroken, match="another key-encryption key"):
        await establish(db, KeyEncryptionKey.of(b"x" * 32), NOW)
    assert await _count(db) == len(KINDS) - 1


async def test_private_keys_do_not_stand_in_the_database(db: Database) -> None:
    await establish(db, KEK, NOW)
    for key in await store.find_keys(db):
        assert key.sealed_private_key is not None
        private = KEK.unseal(key.sealed_private_key, purpose=key.purpose.value, name=key.kid)
        assert SoftwareSigner.load(key.algorithm, private).kid == key.kid
        assert private[:16] not in key.sealed_private_key
        assert not {"d", "p", "q", "dp", "dq", "qi"} & json.loads(key.public_jwk).keys()


async def test_a_worker_sees_a_revocation_and_believes_nothing_of_that_key(db: Database) -> None:
    await establish(db, KEK, NOW)
    keyring = await load_keyring(db, KEK, NOW)
    token = await keyring.issue(Purpose.ACCESS_TOKEN, {"sub": "a"})
    assert keyring.verify_own(token, purpose=Purpose.ACCESS_TOKEN)
    assert await refresh_keyring(db, KEK, keyring, NOW) is keyring
    kid = keyring.signer(Purpose.ACCESS_TOKEN).kid
    revoke = (
        update(store.signing_keys)
        .where(store.signing_keys.c.kid == kid)
        .values(state="revoked", revoked_at=NOW, sealed_private_key=None)
    )
    await db.write(step(revoke))
    fresh = await refresh_keyring(db, KEK, keyring, NOW)
    with pytest.raises(InvalidToken):
        fresh.verify_own(token, purpose=Purpose.ACCESS_TOKEN)
    assert kid.encode() not in fresh.jwks().body
    assert len((await establish(db, KEK, NOW)).kids) == 1


async def test_there_is_one_active_key_of_a_purpose_and_algorithm(db: Database) -> None:
    await _keep(db)
    with pytest.raises(Exception, match=r"(?i)unique"):
        await _keep(db, kid="kid-2")
    await _keep(db, kid="kid-3", algorithm="RS256")
    await _keep(db, kid="kid-4", purpose="access_token")
    await _keep(db, kid="kid-5", state="pending")
    await _keep(db, kid="kid-6", state="pending")
    await _keep(db, kid="kid-7", state="retiring", retiring_at=NOW, sealed_private_key=None)
    assert await _count(db) == 6


@pytest.mark.parametrize(
    "impossible",
    [
        {"state": "lost"},
        {"state": "active", "activated_at": None},
        {"state": "retiring", "sealed_private_key": None},
        {"state": "retired", "sealed_private_key": None},
        {"state": "revoked", "sealed_private_key": None},
        {"state": "active", "revoked_at": NOW},
        {"state": "retiring", "retiring_at": NOW},
        {"state": "retired", "retired_at": NOW},
        {"state": "revoked", "revoked_at": NOW},
    ],
    ids=lambda changes: ",".join(f"{name}={value}" for name, value in changes.items()),
)
async def test_the_database_forbids_the_impossible(db: Database, impossible: dict[str, object]) -> None:
    with pytest.raises(Exception, match=r"(?i)check"):
        await _keep(db, **impossible)
    assert await _count(db) == 0


async def test_what_a_newer_version_keeps_is_passed_over(db: Database) -> None:
    await establish(db, KEK, NOW)
    await _keep(db, kid="new-purpose", purpose="wallet")
    await _keep(db, kid="new-algorithm", algorithm="ML-DSA-44")
    await db.fetch_one(
        insert(store.sealed_secrets)
        .values(purpose="newer", sealed=b"x", created_at=NOW)
        .returning(store.sealed_secrets.c.purpose)
    )
    keyring = await load_keyring(db, KEK, NOW)
    assert len(keyring.states) == len(KINDS)
    assert await refresh_keyring(db, KEK, keyring, NOW) is keyring
    assert not (await establish(db, KEK, NOW)).kept
