from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.authentication.throttle import GlobalThrottle, known_path, stranger_path
from idp.store.database import Database
from idp.store.throttle import Limit, bucket, refund, subscriber, take, take_all, wait_ms
from tests.support.persons import NOW

limits = st.builds(Limit, interval_ms=st.integers(1, 100_000), burst=st.integers(1, 50))
gaps = st.lists(st.integers(0, 200_000), min_size=1, max_size=200)


@given(limits, gaps)
def test_never_more_than_the_burst_and_the_rate(limit: Limit, pauses: list[int]) -> None:
    now, full_at, allowed = NOW * 1000, None, []
    for pause in pauses:
        now += pause
        taken = take(full_at, now, limit)
        if taken is not None:
            full_at = taken
            allowed.append(now)
    for first in range(len(allowed)):
        span = allowed[-1] - allowed[first]
        assert len(allowed) - first <= limit.burst + span // limit.interval_ms


@given(limits, gaps)
def test_nobody_is_kept_out_for_ever(limit: Limit, pauses: list[int]) -> None:
    now, full_at = NOW * 1000, None
    for pause in pauses:
        now += pause
        taken = take(full_at, now, limit)
        if taken is None:
            assert full_at is not None
            wait = wait_ms(full_at, now, limit)
            assert 0 < wait <= limit.interval_ms
            assert take(full_at, now + wait, limit) is not None
        else:
            full_at = taken


@given(limits, st.integers(1, 10**12))
def test_a_clock_that_was_set_back_keeps_nobody_out(limit: Limit, back_ms: int) -> None:
    now = NOW * 1000
    full_at = take(None, now + back_ms, limit)
    assert full_at is not None
    for _ in range(limit.burst - 1):
        full_at = take(full_at, now + back_ms, limit)
        assert full_at is not None
    if take(full_at, now, limit) is None:
        assert wait_ms(full_at, now, limit) <= limit.credible_ms


@pytest.mark.parametrize(("interval_ms", "burst"), [(0, 1), (1, 0), (-5, 3)])
def test_a_limit_that_allows_nothing_cannot_be_written(interval_ms: int, burst: int) -> None:
    with pytest.raises(ValueError, match="lock people out"):
        Limit(interval_ms, burst)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("local", "local", True),
    ],
)
def test_a_subscriber_is_an_ipv4_address_or_an_ipv6_network(one: str, other: str, *, same: bool) -> None:
    assert (subscriber(one) == subscriber(other)) is same


def test_bucket_keys_tell_paths_apart_and_show_nothing() -> None:
    limit = Limit(1000, 1)
    keys = {
        bucket("a", limit, b"12", b"3").key, bucket("a", limit, b"1", b"23").key, bucket("a", limit, b"123").key,
        bucket("b", limit, b"123").key,
    }  # fmt: skip
    assert len(keys) == 4
    assert not any("203.0.113.7" in one.key for one in stranger_path(b"n" * 32, "203.0.113.7"))


async def test_the_statement_says_what_the_rule_says(db: Database) -> None:
    limit = Limit(interval_ms=1500, burst=3)
    path = [bucket("rule", limit, b"x")]
    now, full_at = NOW * 1000, None
    for pause in [
        0,
        0,
        0,
        0,
        700,
        900,
        0,
        1500,
        1499,
        1,
        1,
        9000,
        0,
        0,
        0,
        0,
        1500,
        0,
        -500,
        -700_000,
        0,
        0,
        0,
    ]:
        now += pause
        expected = take(full_at, now, limit)
        wait = await take_all(db, path, now)
        assert (wait == 0) is (expected is not None)
        if expected is None:
            assert full_at is not None
            assert wait == wait_ms(full_at, now, limit)
        else:
            full_at = expected


async def test_of_many_at_once_only_the_burst_passes(db: Database) -> None:
    path = [bucket("race", Limit(interval_ms=60_000, burst=5), b"x")]
    waits = await asyncio.gather(*(take_all(db, path, NOW * 1000) for _ in range(32)))
    assert waits.count(0) == 5


async def test_a_refused_attempt_takes_from_no_bucket(db: Database) -> None:
    wide, narrow = bucket("wide", Limit(60_000, 2), b"x"), bucket("narrow", Limit(60_000, 1), b"x")
    assert await take_all(db, [wide, narrow], NOW * 1000) == 0
    for _ in range(5):
        assert await take_all(db, [wide, narrow], NOW * 1000) > 0
    assert await take_all(db, [wide], NOW * 1000) == 0


async def test_success_gives_back(db: Database) -> None:
    path = [bucket("refund", Limit(60_000, 1), b"x")]
    for _ in range(5):
        assert await take_all(db, path, NOW * 1000) == 0
        await db.write(*refund(path))


async def test_strangers_cannot_fill_the_path_of_a_known_browser(db: Database) -> None:
    number = b"n" * 32
    while await take_all(db, stranger_path(number, "203.0.113.7"), NOW * 1000) == 0:
        pass
    assert await take_all(db, known_path(number, b"k" * 32), NOW * 1000) == 0


def test_the_workers_bucket_fills_and_empties() -> None:
    throttle = GlobalThrottle(Limit(interval_ms=100, burst=2))
    assert [throttle.take(NOW * 1000) for _ in range(3)] == [0, 0, 100]
    throttle.refund()
    assert throttle.take(NOW * 1000) == 0
    assert throttle.take(NOW * 1000 + 100) == 0
