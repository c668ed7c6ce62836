"""Keys that a hardware module cannot make live in memory and rotate beside those in the module."""

from __future__ import annotations

import pytest

from idp.store.database import Database
from keys.backends.pkcs11 import Pkcs11Token
from keys.ground import load_ground
from keys.keyring import load_keyring
from keys.policy import Purpose, State
from keys.seal import KeyEncryptionKey
from tests.support.installation import ISSUER, establish, turn

NOW = 1_800_000_000
DAY = 24 * 3600
KEK = KeyEncryptionKey.of(b"k" * 32)
KINDS = {"id_token": ("ES256", "ML-DSA-65"), "access_token": ("ES256",), "encryption": ("ECDH-ES",)}
IN_MEMORY = {"id_token": ("ML-DSA-65",), "encryption": ("ECDH-ES",)}

pytestmark = [pytest.mark.hsm]


async def backends(db: Database) -> dict[tuple[str, str], set[str]]:
    """Where the keys of each kind live that sign or wait."""
    found: dict[tuple[str, str], set[str]] = {}
    for key in (await load_ground(db, KEK, ISSUER)).history.keys.values():
        if key.state in {State.PENDING, State.ACTIVE}:
            found.setdefault(key.kind, set()).add(key.backend)
    return found


async def test_each_kind_lives_where_it_can_and_stays_there(db: Database, hsm_token: Pkcs11Token) -> None:
    await establish(db, KEK, NOW, hardware=hsm_token, backend="pkcs11", keys=KINDS, in_memory=IN_MEMORY)
    expected = {
        ("id_token", "ES256"): {"pkcs11"},
        ("id_token", "ML-DSA-65"): {"software"},
        ("access_token", "ES256"): {"pkcs11"},
        ("encryption", "ECDH-ES"): {"software"},
    }
    assert await backends(db) == expected
    before = await load_keyring(db, KEK, ISSUER, NOW, hsm_token)
    assert before.missing == ()
    await turn(db, KEK, NOW + 90 * DAY, hardware=hsm_token)
    assert await backends(db) == expected
    after = await load_keyring(db, KEK, ISSUER, NOW + 90 * DAY, hsm_token)
    for alg in ("ES256", "ML-DSA-65"):
        assert after.signer(Purpose.ID_TOKEN, alg).kid != before.signer(Purpose.ID_TOKEN, alg).kid
