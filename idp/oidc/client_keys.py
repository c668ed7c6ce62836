"""The public keys of clients: registered with them, or fetched from their `jwks_uri` (OpenID Connect Core §10).

A fetched set is kept for a while. A signature by a key that it does not hold makes us look again (§10.1.1), but not
more often than now and then: whoever signs nonsense must not make us call a portal as often as he calls us. While a
portal does not answer, its last set serves on for an hour, so that a restart of it stops no login. One fetch at a time
goes to one address, and whoever needs it waits for that one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from idp.oidc.client import Client
from idp.oidc.remote import Fetch, FetchFailed, fetch_json
from keys.jose import InvalidJwkSet, JwkSet, read_jwk_set

logger = logging.getLogger("motcua.client_keys")

FRESH_SECONDS: Final = 600
"""After this long a set is fetched again before it is used: how long a key that a portal takes away is believed."""

LONGEST_SECONDS: Final = 3600
"""As `FRESH_SECONDS`, while the portal does not answer."""

PAUSE_SECONDS: Final = 30  # after a fetch that failed
UNKNOWN_KEY_SECONDS: Final = 10  # between two looks for a key that is not in the set
MOST_BYTES: Final = 64 * 1024
MOST_SETS: Final = 2000
ACCEPT: Final = "application/jwk-set+json, application/json"


class _KeptSet:
    """What is known of one address. Times are the clock's; -inf where there was nothing yet."""

    __slots__ = ("failure", "fetched_at", "fetches", "fetching", "keys", "sought_at", "tried_at")

    def __init__(self) -> None:
        self.keys: JwkSet | None = None
        self.failure = ""
        self.fetched_at = self.tried_at = self.sought_at = float("-inf")
        self.fetches = 0
        self.fetching: asyncio.Task[None] | None = None

    def usable(self, now: float) -> JwkSet | None:
        return self.keys if _within(now - self.fetched_at, LONGEST_SECONDS) else None

    def is_due(self, now: float) -> bool:
        return not _within(now - self.tried_at, PAUSE_SECONDS if self.failure else FRESH_SECONDS)


def _within(age: float, limit: float) -> bool:
    return 0 <= age < limit  # a clock that was put back makes nothing young


def _holds(keys: JwkSet, kid: str) -> bool:
    return any(key.kid == kid for key in keys.keys)


class ClientKeys:
    """The key sets of a worker; the least recently used one goes first."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._clock = clock
        self._sets: OrderedDict[str, _KeptSet] = OrderedDict()

    async def keys_of(self, client: Client) -> JwkSet | None:
        """The client's keys; None where it has registered none, or they cannot be had (see `failure`)."""
        if not client.jwks_uri:
            return client.jwks
        kept = self._kept(client.jwks_uri)
        if kept.is_due(self._clock()):
            await self._update(client.jwks_uri, kept)
        return kept.usable(self._clock())

    async def keys_for(self, client: Client, kid: str | None) -> JwkSet | None:
        """As `keys_of`, for a signature that names a key: looked for again where the set that we have lacks it.

        The set may still lack it. Without `kid` nothing tells that a set is old (Core §10.1.1 asks for one).
        """
        return await self._keys_that(client, lambda keys: kid is None or _holds(keys, kid))

    async def keys_certified(self, client: Client, certificate: bytes) -> JwkSet | None:
        """As `keys_for`, for a certificate (DER) that one of the keys was published with (RFC 8705 §2.2.2)."""
        return await self._keys_that(client, lambda keys: certificate in keys.certificates)

    async def _keys_that(self, client: Client, fit: Callable[[JwkSet], bool]) -> JwkSet | None:
        fetches = self._kept(client.jwks_uri).fetches if client.jwks_uri else 0
        keys = await self.keys_of(client)
        if not client.jwks_uri or keys is None or fit(keys):
            return keys
        kept = self._kept(client.jwks_uri)
        if kept.fetches != fetches:
            return keys  # it is as new as a set can be
        await self._seek(client.jwks_uri, kept)
        return kept.usable(self._clock())

    def failure(self, client: Client) -> str:
        """Why the last fetch gave no keys, as an end of a sentence; empty where it did."""
        kept = self._sets.get(client.jwks_uri)
        return kept.failure if kept is not None else ""

    def _kept(self, uri: str) -> _KeptSet:
        kept = self._sets.get(uri)
        if kept is None:
            kept = self._sets[uri] = _KeptSet()
            if len(self._sets) > MOST_SETS:
                self._sets.popitem(last=False)
        else:
            self._sets.move_to_end(uri)
        return kept

    async def _seek(self, uri: str, kept: _KeptSet) -> None:
        now = self._clock()
        if kept.fetching is None:
            if _within(now - kept.sought_at, UNKNOWN_KEY_SECONDS):
                return
            kept.sought_at = now
        await self._update(uri, kept)

    async def _update(self, uri: str, kept: _KeptSet) -> None:
        """Fetch, or wait for the fetch that is on its way; who gives up waiting stops nobody else's."""
        if kept.fetching is None:
            kept.fetching = asyncio.create_task(self._fetch_into(uri, kept))
        await asyncio.shield(kept.fetching)

    async def _fetch_into(self, uri: str, kept: _KeptSet) -> None:
        kept.fetches += 1
        kept.tried_at = self._clock()
        try:
            kept.keys = await fetch_key_set(self._fetch, uri)
            kept.failure, kept.fetched_at = "", self._clock()
        except FetchFailed as error:
            kept.failure = error.code
        except InvalidJwkSet as error:  # the portal's word: what it published before is no more
            kept.keys, kept.failure = None, str(error)
        finally:
            kept.fetching = None
        if kept.failure:
            logger.info("no keys at %s: %s", uri, kept.failure)


async def fetch_key_set(fetch: Fetch, uri: str) -> JwkSet:
    """The key set (RFC 7517 §5) at an address.

    Raises:
        FetchFailed: there is no JSON object.
        InvalidJwkSet: what is there must not be used.
    """
    document = await fetch_json(fetch, uri, most_bytes=MOST_BYTES, accept=ACCEPT)
    if not isinstance(document, dict):
        raise InvalidJwkSet("A key set is an object with an array `keys`.")
    return read_jwk_set(document)
