"""What a worker notices of its callers' keys: who fetches the key set, and who still shows an old key.

Noticing costs a request no statement and no signature: everything is counted in memory, within bounds that strangers
cannot move, and a job writes it down every few seconds (`idp.jobs.sightings`).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import orjson

from idp.oidc.key_set_addresses import AddressBook
from idp.store.readiness import Fetch, Seen, StaleUse
from keys.keyring import PreparedJwks

MOST_FETCHERS: Final = 1024
"""Different fetchers between two flushes; who comes after them is counted as `OTHERS`."""
MOST_STALE: Final = 1024
MOST_SIGNED: Final = 256
"""Signed fetches between two flushes: so many signatures are checked at the most (40 ms of a core)."""
MOST_SIGNED_OF_NETWORK: Final = 16
"""Of them, how many from one network: a stranger leaves room for others."""
OTHERS: Final = "others"
ACTIVE_SECONDS: Final = 3600
"""A client's use is noted this often."""

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Who asks for the key set, as far as the request itself tells. `client_id` is known by the address, or empty."""

    client_id: str
    agent: str
    network: str
    held: tuple[str, ...] = ()
    """Entity tags of `If-None-Match`, without quotes: sets that the caller has had."""


@dataclass(frozen=True, slots=True)
class SignedFetch:
    """A fetch whose query holds an assertion. Nothing of it is proven yet."""

    fetcher: Fetcher
    unverified_assertion: str = field(repr=False)
    etag: str
    at: int


@dataclass(frozen=True, slots=True)
class KeySet:
    """A set that was given out; `etag` without its quotes."""

    etag: str
    kids: tuple[str, ...]
    first_at: int


class Tally(Generic[K]):
    """Counts by key; `most` different ones."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: dict[K, Seen] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, key: K, seen: Seen, *, instead: K | None = None) -> None:
        """Count; where there is no room, under `instead`, or not at all."""
        known = self._seen.get(key)
        if known is not None:
            known.add(seen)
        elif len(self._seen) < self._most:
            self._seen[key] = seen
        elif instead is not None:
            self._seen.setdefault(instead, Seen(seen.first_at, seen.last_at)).add(seen)

    def counts(self) -> Mapping[K, Seen]:
        """Everything that was counted."""
        return self._seen

    def forget(self, key: K) -> None:
        """Count this no more."""
        self._seen.pop(key, None)


@dataclass(slots=True)
class Batch:
    """What was noticed since the last flush."""

    sets: dict[str, KeySet] = field(default_factory=dict)
    fetches: Tally[Fetch] = field(default_factory=lambda: Tally(MOST_FETCHERS))
    signed: list[SignedFetch] = field(default_factory=list)
    stale: Tally[StaleUse] = field(default_factory=lambda: Tally(MOST_STALE))
    active: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.sets or len(self.fetches) or self.signed or len(self.stale) or self.active)

    def count_fetch(self, fetcher: Fetcher, etag: str, at: int, *, bad_assertion: bool = False) -> None:
        """Count one fetch of a set; what a client held before is noted too."""
        seen = Seen(at, at, 1, int(bad_assertion))
        if fetcher.client_id:
            self.fetches.add(
                Fetch(fetcher.client_id, "", "", etag), seen, instead=Fetch("", OTHERS, "", etag)
            )
            for held in fetcher.held:
                self.stale.add(StaleUse(fetcher.client_id, "key_set", held), Seen(at, at, 1))
            return
        whole = Fetch("", fetcher.agent, fetcher.network, etag)
        self.fetches.add(whole, seen, instead=Fetch("", OTHERS, "", etag))

    def merge(self, older: Batch) -> None:
        """Take over what another batch holds, as far as there is room."""
        for etag, key_set in older.sets.items():
            self.sets.setdefault(etag, key_set)
        for fetch, seen in older.fetches.counts().items():
            self.fetches.add(fetch, seen, instead=Fetch("", OTHERS, "", fetch.etag))
        for use, seen in older.stale.counts().items():
            self.stale.add(use, seen)
        self.signed += older.signed[: MOST_SIGNED - len(self.signed)]
        self.active = older.active | self.active


class Sightings:
    """One worker's. `addresses` and `known_sets` (entity tags without quotes) are replaced as a whole."""

    def __init__(self, addresses: AddressBook | None = None) -> None:
        self.addresses = addresses or AddressBook()
        self.known_sets: frozenset[str] = frozenset()
        self._batch = Batch()
        self._signed_of: dict[str, int] = {}
        self._active_at: dict[str, int] = {}
        self._prepared: PreparedJwks | None = None
        self._current = KeySet("", (), 0)

    def fetched(self, prepared: PreparedJwks, fetcher: Fetcher, assertion: str, now: int) -> None:
        """Somebody was given the key set, or told that they have it. `assertion` is empty for an unsigned query."""
        key_set = self._key_set(prepared, now)
        self._batch.sets.setdefault(key_set.etag, key_set)
        if assertion and self._has_room(fetcher.network):
            self._batch.signed.append(SignedFetch(fetcher, assertion, key_set.etag, now))
            return
        self._batch.count_fetch(fetcher, key_set.etag, now)

    def old_sets(self, etags: tuple[str, ...], prepared: PreparedJwks) -> tuple[str, ...]:
        """Of the entity tags that a caller sent, those of earlier sets of ours."""
        current = prepared.etag.strip('"')
        return tuple(etag for etag in etags if etag in self.known_sets and etag != current)

    def showed_stale_key(self, client_id: str, kind: str, kid: str, now: int) -> None:
        """A client presented a token whose key signs no more."""
        self._batch.stale.add(StaleUse(client_id, kind, kid), Seen(now, now, 1))

    def used(self, client_id: str, now: int) -> None:
        """A registered client is in use; noted once an hour."""
        if now - self._active_at.get(client_id, 0) >= ACTIVE_SECONDS:
            self._active_at[client_id] = now
            self._batch.active[client_id] = now

    def take(self) -> Batch:
        """Everything since the last time."""
        taken, self._batch = self._batch, Batch()
        self._signed_of = {}
        return taken

    def give_back(self, batch: Batch) -> None:
        """What could not be written waits for the next flush."""
        self._batch.merge(batch)

    def _key_set(self, prepared: PreparedJwks, now: int) -> KeySet:
        """What stands in a set; read once for each set."""
        if prepared is not self._prepared:
            kids = tuple(key["kid"] for key in orjson.loads(prepared.body)["keys"])
            self._prepared, self._current = prepared, KeySet(prepared.etag.strip('"'), kids, now)
        return self._current

    def _has_room(self, network: str) -> bool:
        """Whether one more signature may wait to be checked."""
        waiting = self._signed_of.get(network, 0)
        if waiting >= MOST_SIGNED_OF_NETWORK or len(self._batch.signed) >= MOST_SIGNED:
            return False
        self._signed_of[network] = waiting + 1
        return True
