"""A worker is ready when its database answers and its keys are there."""

from __future__ import annotations

import json
import os
from typing import Any

from idp.http import health
from keys.keyring import load_keyring
from keys.seal import KeyEncryptionKey
from tests.support.installation import ELLIPTIC, ISSUER, establish


async def test_ready_needs_keys(db: Any) -> None:
    kek = KeyEncryptionKey.of(os.urandom(32))
    before = await health.ready(db, await load_keyring(db, kek, ISSUER, 1_800_000_000))
    await establish(db, kek, 1_800_000_000, keys=ELLIPTIC)
    after = await health.ready(db, await load_keyring(db, kek, ISSUER, 1_800_000_000))
    assert (before.status_code, json.loads(bytes(before.body))["reason"]) == (503, "keys")
    assert after.status_code == 200


async def test_ready_needs_the_database(db: Any, keyring: Any) -> None:
    class Gone:
        async def fetch_all(self, *_: Any, **__: Any) -> Any:
            raise ConnectionRefusedError

    answer = await health.ready(Gone(), keyring)  # type: ignore[arg-type]
    assert (answer.status_code, json.loads(bytes(answer.body))["reason"]) == (503, "database")
    assert health.live().status_code == 200
