"""What the tables of keys allow and forbid, on both databases and as this room declares them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import create_engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from idp.store.database import Database, step
from keys import store
from keys.tables import key_approvals, key_changes, key_log, sealed_secrets, signing_keys

NOW = 1_800_000_000
ROW = {
    "kid": "kid-1",
    "purpose": "id_token",
    "algorithm": "ES256",
    "backend": "software",
    "state": "active",
    "public_jwk": "{}",
    "sealed_private_key": b"sealed",
    "created_at": NOW,
    "published_at": NOW,
    "activated_at": NOW,
}


async def _keep(db: Database, **changes: object) -> None:
    await db.write(step(insert(signing_keys).values({**ROW, **changes})))


async def _count(db: Database, table: Any = signing_keys) -> int:
    return int((await db.fetch_all(select(func.count().label("rows")).select_from(table)))[0]["rows"])


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
        {"backend": "elsewhere"},
        {"state": "active", "activated_at": None},
        {"state": "active", "published_at": None},
        {"state": "active", "sealed_private_key": None},
        {"state": "pending", "sealed_private_key": None},
        {"state": "active", "backend": "pkcs11"},
        {"state": "active", "backend": "certified", "sealed_private_key": None},
        {"state": "retiring", "sealed_private_key": None},
        {"state": "retired", "sealed_private_key": None},
        {"state": "revoked", "sealed_private_key": None},
        {"state": "active", "revoked_at": NOW},
        {"state": "retiring", "retiring_at": NOW},
        {"state": "retiring", "retiring_at": NOW, "purpose": "encryption", "sealed_private_key": None},
        {"state": "retired", "retired_at": NOW},
        {"state": "retired", "retired_at": NOW, "purpose": "encryption"},
        {"state": "revoked", "revoked_at": NOW},
    ],
    ids=lambda changes: ",".join(f"{name}={value}" for name, value in changes.items()),
)
async def test_the_database_forbids_the_impossible(db: Database, impossible: dict[str, object]) -> None:
    with pytest.raises(Exception, match=r"(?i)check"):
        await _keep(db, **impossible)
    assert await _count(db) == 0


@pytest.mark.parametrize(
    "possible",
    [
        {"state": "pending", "published_at": None, "activated_at": None},
        {"state": "active", "backend": "pkcs11", "sealed_private_key": None},
        {"state": "active", "backend": "certified"},
        {"state": "retiring", "retiring_at": NOW, "sealed_private_key": None},
        {"state": "retiring", "retiring_at": NOW, "purpose": "encryption", "algorithm": "ECDH-ES"},
        {"state": "retired", "retired_at": NOW, "sealed_private_key": None},
        {"state": "revoked", "revoked_at": NOW, "sealed_private_key": None},
    ],
    ids=lambda changes: ",".join(f"{name}={value}" for name, value in changes.items()),
)
async def test_the_database_allows_every_state_of_a_key(db: Database, possible: dict[str, object]) -> None:
    await _keep(db, **possible)
    assert await _count(db) == 1


async def test_a_position_of_the_log_is_taken_once(db: Database) -> None:
    first, second = (store.append_entry(0, entry, "note") for entry in (b"a", b"b"))
    await db.write(step(first.query, **first.values))
    await db.write(step(second.query, **second.values))
    assert (await store.find_log(db)).entries == (b"a",)
    with pytest.raises(Exception, match=r"(?i)check"):
        await db.write(step(insert(key_log).values(position=-1, entry=b"x")))


async def test_an_approval_belongs_to_a_change_and_each_officer_has_one(db: Database) -> None:
    approval = {"change_id": "c", "officer": "a", "signature": "s", "approved_at": NOW}
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await db.write(step(insert(key_approvals).values(approval)))
    change = {"change_id": "c", "document": b"{}", "proposed_at": NOW, "expires_at": NOW + 1}
    await db.write(step(insert(key_changes).values(change)), step(insert(key_approvals).values(approval)))
    with pytest.raises(Exception, match=r"(?i)unique"):
        await db.write(step(insert(key_approvals).values({**approval, "signature": "t"})))
    assert await _count(db, key_approvals) == 1


async def test_a_secret_that_is_there_is_never_replaced(db: Database) -> None:
    await db.write(step(insert(sealed_secrets).values(purpose="pairwise", sealed=b"first", created_at=NOW)))
    (there,) = await store.find_secrets(db)
    statement = store.add_secret(store.StoredSecret(there.purpose, b"second"), NOW)
    await db.write(step(statement.query, **statement.values))
    assert [secret.sealed for secret in await store.find_secrets(db)] == [b"first"]


def test_two_active_keys_of_a_kind_cannot_be_kept_without_any_migration() -> None:
    engine = create_engine("sqlite://")
    store.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(signing_keys).values(ROW))
        connection.execute(insert(signing_keys).values({**ROW, "kid": "b", "algorithm": "RS256"}))
        with pytest.raises(IntegrityError, match="UNIQUE"):
            connection.execute(insert(signing_keys).values({**ROW, "kid": "c"}))
    engine.dispose()
