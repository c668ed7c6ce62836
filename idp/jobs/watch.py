"""What a worker keeps in memory follows the database: clients, keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from idp.store import versions
from idp.store.database import Database

Reload = Callable[[], Awaitable[None]]


class VersionWatch:
    """Reloads what has changed since it was loaded; `reloads` has one entry for each name in `idp.store.versions`.

    `seen` are the versions as they were read before the first loading (`versions.current`).
    """

    def __init__(self, db: Database, reloads: Mapping[str, Reload], seen: Mapping[str, int]) -> None:
        self._db = db
        self._reloads = reloads
        self._seen = dict(seen)
        self._looking = asyncio.Lock()

    async def follow(self) -> None:
        """Look once; of two looks at once the second begins when the first is done.

        The versions are read before the reload: a change in between is reloaded again next time, never missed. A
        version counts as seen only once its reload has succeeded, and one that fails hinders no other.
        """
        async with self._looking:
            await self._follow()

    async def _follow(self) -> None:
        current = await versions.current(self._db)
        failed: list[Exception] = []
        for name, reload in self._reloads.items():
            version = current.get(name, 0)
            if self._seen.get(name, 0) == version:
                continue
            try:
                await reload()
                self._seen[name] = version
            except Exception as error:  # noqa: BLE001 - raised below, after the others had their turn
                failed.append(error)
        if failed:
            raise failed[0]
