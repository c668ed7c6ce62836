"""The origins of all single-page applications in memory: a browser's first question names no client."""

from __future__ import annotations

from idp.store import clients
from idp.store.database import Database


class BrowserOrigins:
    """Read from the store once, forgotten when the version counter of clients moves."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: frozenset[str] | None = None
        self._generation = 0

    async def knows(self, origin: str) -> bool:
        """Whether a browser client that is not disabled is registered with this origin, character by character."""
        if not origin:
            return False
        known = self._known
        if known is None:
            known = await self._read()
        return origin in known

    def forget(self) -> None:
        """Something changed: read them anew when they are next needed."""
        self._known = None
        self._generation += 1

    async def _read(self) -> frozenset[str]:
        generation = self._generation
        known = await clients.browser_origins(self._db)
        if generation == self._generation:  # else it may be older than the change that made us forget
            self._known = known
        return known
