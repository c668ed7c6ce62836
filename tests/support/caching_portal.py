"""A portal that follows the cache rules of the key set, and nothing else."""

from __future__ import annotations

import re
import time
from typing import Final

import jwt

from tests.support.portals import Portal

_MAX_AGE: Final = re.compile(r"max-age=(\d+)")


class CachingPortal(Portal):
    """It keeps the key set for its `max-age`, and then asks whether it has changed (RFC 9111 §4.2, §4.3).

    A token by a key that it has not fetched is a failure: there are portals that never look again before their time.
    """

    _keys: jwt.PyJWKSet | None = None
    _etag = ""
    _fresh_until = 0.0

    fetches = 0
    unchanged = 0
    """How many of the fetches were answered by 304."""

    async def key_set(self) -> jwt.PyJWKSet:
        """The keys as they were fetched last, or anew when their time is over."""
        if self._keys is None or time.monotonic() >= self._fresh_until:
            self._keys = await self._fetched()
        return self._keys

    def age(self) -> None:
        """As if the key set's time were over."""
        self._fresh_until = 0.0

    async def _fetched(self) -> jwt.PyJWKSet:
        asked_at = time.monotonic()
        headers = {"if-none-match": self._etag} if self._etag else {}
        response = await self.http.get("/jwks", headers=headers)
        self.fetches += 1
        found = _MAX_AGE.search(response.headers["cache-control"])
        assert found is not None, response.headers
        self._fresh_until = asked_at + int(found[1])
        if response.status_code == 304 and self._keys is not None:
            self.unchanged += 1
            return self._keys
        assert response.status_code == 200, response.text
        self._etag = response.headers["etag"]
        return jwt.PyJWKSet.from_dict(response.json())
