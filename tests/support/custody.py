"""A custodian on a database with few keys, and questions that tests of custody ask again and again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from sqlalchemy import select

from idp.context import Context
from idp.custody.custodian import Custodian
from idp.settings import Settings
from idp.store.database import Database
from keys import policy
from keys.actions import Revoke
from keys.backends.software import SoftwareSigner
from keys.encryption import DecryptionKey
from keys.ground import Ground, load_ground
from keys.history import KeyRecord
from keys.keyring import Keyring, load_keyring
from keys.policy import State
from keys.seal import KeyEncryptionKey
from keys.tables import key_approvals, key_changes, key_log, sealed_secrets, signing_keys
from tests.support.installation import ISSUER, act, bare_keyring, establish, turn

NOW: Final = 1_800_000_000
KEK: Final = KeyEncryptionKey.of(b"k" * 32)
FOREIGN_KEK: Final = KeyEncryptionKey.of(b"x" * 32)
FEW: Final = {"id_token": ("ES256", "EdDSA"), "access_token": ("ES256",), "encryption": ("ECDH-ES",)}
"""Enough for a service that signs, seals, and can be proven quickly."""
KINDS: Final = {(purpose, alg) for purpose, algorithms in FEW.items() for alg in algorithms}
DUE: Final = NOW + policy.ACTIVE_LIFETIME
ID_TOKEN: Final = ("id_token", "ES256")
ACCESS_TOKEN: Final = ("access_token", "ES256")

_TABLES: Final = (signing_keys, sealed_secrets, key_log, key_changes, key_approvals)


def custodian(db: Database, now: int = NOW, keyring: Keyring | None = None) -> Custodian:
    """One who has seen nothing of the log yet, unless a keyring is given."""
    context = Context(
        settings=Settings(issuer=ISSUER, kek_file=Path("unused")),
        db=db,
        registers=db,
        keyring=keyring or bare_keyring([], [], KEK, now),
        now=now,
        request_id="request-1",
        address="203.0.113.7",
        network="203.0.113.0/24",
    )
    return Custodian(context, KEK)


def at(one: Custodian, now: int) -> Custodian:
    """The same custodian at another time."""
    return replace(one, context=replace(one.context, now=now))


async def ground_of(db: Database, before: Ground | None = None) -> Ground:
    """What stands in the database, proven."""
    return await load_ground(db, KEK, ISSUER, before)


async def keyring_of(db: Database, now: int = NOW) -> Keyring:
    """The keyring that a worker would load."""
    return await load_keyring(db, KEK, ISSUER, now)


async def active(db: Database, kind: tuple[str, str] = ID_TOKEN) -> KeyRecord:
    """The active key of a kind."""
    key = (await ground_of(db)).history.active(kind)
    assert key is not None
    return key


async def waiting(db: Database, kind: tuple[str, str] = ID_TOKEN) -> KeyRecord:
    """The successor that waits."""
    return (await ground_of(db)).history.waiting(kind)[0]


async def rows_of(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that the database has about keys."""
    found = {}
    for table in _TABLES:
        rows = await db.fetch_all(select(table))
        names = [column.name for column in table.columns]
        found[table.name] = sorted((tuple(row[name] for name in names) for row in rows), key=repr)
    return found


async def check_whole(db: Database, now: int) -> Keyring:
    """Nothing is refused, and one key of each kind is active: in the log, in the rows, and in the keyring."""
    keyring = await keyring_of(db, now)
    ground = keyring.ground
    assert ground.refused == ()
    signing = [key.kind for key in ground.history.keys.values() if key.state is State.ACTIVE]
    rows = [(key.purpose.value, key.algorithm) for key in ground.keys if key.state is State.ACTIVE]
    assert sorted(signing) == sorted(rows) == sorted(KINDS)
    assert not set(keyring.missing) & {" ".join(kind) for kind in KINDS}
    return keyring


async def live(db: Database) -> None:
    """Have an installation with retiring, active, pending and revoked keys, one second after `DUE`."""
    await establish(db, KEK, NOW, keys=FEW)
    await turn(db, KEK, DUE)
    await act(db, KEK, DUE + 1, Revoke((await active(db, ACCESS_TOKEN)).kid, "stolen", 0))
    await turn(db, KEK, DUE + 1)


@pytest.fixture
async def installed(db: Database) -> Database:
    """An installation after its first ceremony."""
    await establish(db, KEK, NOW, keys=FEW)
    return db


@pytest.fixture
async def seasoned(db: Database) -> Database:
    """An installation with a life behind it: see `live`."""
    await live(db)
    return db


def forged_row(signer: SoftwareSigner, state: str, sealed: bytes | None, **changes: Any) -> dict[str, Any]:
    """A row of `signing_keys` that nobody approved."""
    return {
        "kid": signer.kid,
        "purpose": "id_token",
        "algorithm": "ES256",
        "backend": "software",
        "state": state,
        "public_jwk": orjson.dumps(signer.public_jwk()).decode(),
        "sealed_private_key": sealed,
        "created_at": NOW,
        "published_at": NOW,
        "activated_at": NOW,
        **changes,
    }


def generated_entry(
    key: SoftwareSigner | DecryptionKey, at: int, by: str, purpose: str = "id_token"
) -> dict[str, Any]:
    """The entry of the log that a key in memory was made."""
    return {
        "type": "generated",
        "at": at,
        "kid": key.kid,
        "purpose": purpose,
        "alg": key.alg,
        "jwk": key.public_jwk(),
        "backend": "software",
        "by": by,
    }
