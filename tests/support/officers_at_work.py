"""Two officers who change the keys of a running service by command, each command in a process of its own."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from keys.ground import Ground as KeyGround
from keys.ground import load_ground
from keys.history import KeyRecord
from keys.seal import KeyEncryptionKey
from tests.support.installation import OFFICERS
from tests.support.provider import Ground
from tests.support.served import ServedProvider


class OfficersAtWork:
    """Two officers at a terminal of their own."""

    def __init__(self, served: ServedProvider, ground: Ground, folder: Path) -> None:
        self.served = served
        self.kek = KeyEncryptionKey.read_file(ground.kek_file)
        self.files = [folder / f"officer-{number}" for number in range(2)]
        for key, file in zip(OFFICERS, self.files, strict=False):
            key.create_file(file, None)

    async def propose(self, *arguments: str) -> str:
        """The first officer's change."""
        by = ("--officer", str(self.files[0]), "--json")
        answer = await asyncio.to_thread(self.served.motcua, "keys", *arguments, *by)
        return str(json.loads(answer)["change"])

    async def approve(self, change: str) -> None:
        """The second officer's approval, by which it is carried out."""
        by = ("--officer", str(self.files[1]), "--yes", "--json")
        answer = await asyncio.to_thread(self.served.motcua, "keys", "approve", change, *by)
        assert json.loads(answer)["carried_out"] is True

    async def ground(self) -> KeyGround:
        """Keys and log as they stand."""
        return await load_ground(self.served.db, self.kek, self.served.issuer)

    async def active(self, kind: tuple[str, str]) -> KeyRecord:
        """What signs."""
        key = (await self.ground()).history.active(kind)
        assert key is not None
        return key

    async def next_key(self, kind: tuple[str, str]) -> str:
        """What will sign."""
        return (await self.ground()).history.waiting(kind)[0].kid
