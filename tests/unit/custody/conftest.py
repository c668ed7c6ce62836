"""Keys of an installation some time after its first ceremony, and what its service shows of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import pytest

from idp.store.database import Database, open_database
from keys.keyring import Keyring, load_keyring
from keys.lifecycle import Plan
from keys.seal import KeyEncryptionKey
from tests.support.custody import installed
from tests.support.databases import fresh_database
from tests.support.installation import ELLIPTIC, ISSUER, establish, turn
from tests.support.shown_keys import ShownKeys

__all__ = ["Settled", "installed", "settled", "shown"]

NOW: Final = 1_795_305_600
LATER: Final = NOW + 90 * 24 * 3600
KEK: Final = KeyEncryptionKey.of(b"k" * 32)


@dataclass(frozen=True, slots=True)
class Settled:
    """Each kind has an active key and a pending one, and since a moment a retiring one."""

    db: Database
    keyring: Keyring

    async def next_entries(self, at: int) -> tuple[bytes, ...]:
        """The log after the rotation of a later day, which nobody has kept."""
        plan = Plan(self.keyring.ground, KEK, at)
        await plan.rotate()
        return (*self.keyring.ground.entries, *plan.entries)


@pytest.fixture(scope="session")
async def settled(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settled]:
    """An installation that nobody changes."""
    async with fresh_database("sqlite", "provider", tmp_path_factory.mktemp("settled")) as url:
        db = await open_database(url)
        await establish(db, KEK, NOW, keys=ELLIPTIC)
        await turn(db, KEK, LATER)
        yield Settled(db, await load_keyring(db, KEK, ISSUER, LATER))
        await db.close()


@pytest.fixture
def shown(settled: Settled) -> ShownKeys:
    """What the service shows."""
    return ShownKeys.of(settled.keyring)
