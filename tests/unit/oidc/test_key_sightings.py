"""What a worker notices of its callers stays within bounds, whatever strangers send."""

from __future__ import annotations

import sys

import orjson

from idp.oidc import key_sightings
from idp.oidc.key_sightings import ACTIVE_SECONDS, OTHERS, Fetcher, Sightings
from idp.store.readiness import Fetch, Seen, StaleUse
from keys.keyring import PreparedJwks

NOW = 1_800_000_000
OLD = PreparedJwks(orjson.dumps({"keys": [{"kid": "a"}]}), '"old"', 900)
NEW = PreparedJwks(orjson.dumps({"keys": [{"kid": "a"}, {"kid": "b"}]}), '"new"', 900)
PORTAL = Fetcher("portal", "Java", "203.0.113.0/24")


def stranger(number: int = 0) -> Fetcher:
    return Fetcher("", f"agent-{number}", f"10.{number >> 8 & 255}.{number & 255}.0/24")


def test_fetches_are_counted_by_set() -> None:
    sightings = Sightings()
    for prepared, at in ((OLD, NOW), (OLD, NOW + 5), (NEW, NOW + 9)):
        sightings.fetched(prepared, PORTAL, "", at)
    batch = sightings.take()
    assert {etag: one.kids for etag, one in batch.sets.items()} == {"old": ("a",), "new": ("a", "b")}
    assert batch.fetches.counts() == {
        Fetch("portal", "", "", "old"): Seen(NOW, NOW + 5, 2),
        Fetch("portal", "", "", "new"): Seen(NOW + 9, NOW + 9, 1),
    }
    assert not sightings.take()


def test_a_hundred_thousand_agents_take_no_more_memory_than_a_thousand() -> None:
    sightings = Sightings()
    for number in range(100_000):
        sightings.fetched(NEW, stranger(number), "", NOW)
    counts = sightings.take().fetches.counts()
    assert len(counts) == key_sightings.MOST_FETCHERS + 1
    assert counts[Fetch("", OTHERS, "", "new")].count == 100_000 - key_sightings.MOST_FETCHERS
    assert sum(seen.count for seen in counts.values()) == 100_000
    assert sum(map(sys.getsizeof, counts)) < 200_000


def test_signatures_wait_within_bounds_and_a_network_leaves_room_for_others() -> None:
    sightings = Sightings()
    for _ in range(1000):
        sightings.fetched(NEW, stranger(1), "x", NOW)
    sightings.fetched(NEW, PORTAL, "y", NOW)
    for number in range(1000):
        sightings.fetched(NEW, stranger(number), "z", NOW)
    batch = sightings.take()
    assert len(batch.signed) == key_sightings.MOST_SIGNED
    waiting = [one.fetcher.network for one in batch.signed]
    assert waiting.count(stranger(1).network) == key_sightings.MOST_SIGNED_OF_NETWORK
    assert PORTAL.network in waiting
    assert sum(seen.count for seen in batch.fetches.counts().values()) == 2001 - key_sightings.MOST_SIGNED


def test_what_could_not_be_written_waits_within_the_same_bounds() -> None:
    sightings = Sightings()
    for round_ in range(5):
        for number in range(2000):
            sightings.fetched(NEW, stranger(round_ * 2000 + number), "x" * (number % 2), NOW + round_)
        sightings.showed_stale_key("portal", "access_token", "a", NOW + round_)
        sightings.give_back(sightings.take())
    batch = sightings.take()
    assert len(batch.fetches) <= key_sightings.MOST_FETCHERS + 1
    assert len(batch.signed) == key_sightings.MOST_SIGNED
    assert batch.stale.counts() == {StaleUse("portal", "access_token", "a"): Seen(NOW, NOW + 4, 5)}


def test_stale_tokens_are_counted_within_bounds() -> None:
    sightings = Sightings()
    for number in range(10_000):
        sightings.showed_stale_key(f"client-{number}", "access_token", "a", NOW)
    assert len(sightings.take().stale) == key_sightings.MOST_STALE


def test_an_old_set_that_a_client_still_had_is_noted_and_a_strangers_is_not() -> None:
    sightings = Sightings()
    sightings.known_sets = frozenset({"old", "new"})
    held = sightings.old_sets(("invented", "old", "new"), NEW)
    assert held == ("old",)
    sightings.fetched(NEW, Fetcher("portal", "Java", "203.0.113.0/24", held), "", NOW)
    sightings.fetched(NEW, Fetcher("", "Java", "203.0.113.0/24", held), "", NOW)
    assert list(sightings.take().stale.counts()) == [StaleUse("portal", "key_set", "old")]


def test_use_is_noted_once_an_hour() -> None:
    sightings = Sightings()
    for seconds in (0, 1, ACTIVE_SECONDS - 1):
        sightings.used("portal", NOW + seconds)
    assert sightings.take().active == {"portal": NOW}
    sightings.used("portal", NOW + 5)
    assert not sightings.take()
    sightings.used("portal", NOW + ACTIVE_SECONDS)
    assert sightings.take().active == {"portal": NOW + ACTIVE_SECONDS}
