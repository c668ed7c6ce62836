"""A queued logout is taken by one, given back when its taker dies, and never changed by a taker thought dead."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from idp.store import accounts, clients, logout_outbox, purge, sessions
from idp.store.database import NothingChanged
from idp.store.logout_outbox import Logout
from idp.store.schema import clients as clients_table
from tests.support.persons import open_session

NOW = 1_795_305_600
ACCOUNT = "account-1"
LEASE = 60


async def session(db: Any, session_id: str, *client_ids: str, account_id: str = ACCOUNT) -> None:
    """An open session in which clients take part."""
    await db.write(
        open_session(session_id, account_id),
        *(sessions.join_client(session_id, client_id, None, NOW) for client_id in client_ids),
    )


@pytest.fixture
async def told(db: Any) -> Any:
    """A database with two portals that are told, one that is not, and one that is told but disabled."""
    await db.write(
        accounts.add(ACCOUNT, "p-1", "02", NOW),
        accounts.add("account-2", "p-2", "02", NOW),
        *(
            clients.add(
                client_id,
                orjson.dumps({"backchannel_logout_uri": uri} if uri else {}).decode(),
                secret_digest=None,
                now=NOW,
            )
            for client_id, uri in (
                ("one", "https://one.example/logout"),
                ("two", "https://two.example/logout"),
                ("deaf", ""),
                ("off", "https://off.example/logout"),
            )
        ),
    )
    await db.fetch_all(clients.DISABLE.returning(clients_table.c.client_id), client="off", now=NOW)
    return db


async def queued(db: Any) -> list[tuple[str, str]]:
    """Session and client of every row."""
    return sorted((row["session_id"], row["client_id"]) for row in await logout_outbox.page(db))


async def take(db: Any, now: int = NOW, client_id: str = "one") -> list[Logout]:
    return await logout_outbox.take(db, client_id, now=now, until=now + LEASE, most=8)


async def test_ending_a_session_queues_its_portals_that_are_told(told: Any) -> None:
    await session(told, "s1", "one", "two", "deaf", "off")
    await session(told, "s2", "one")
    await told.write(*sessions.end("s1", ACCOUNT, "logout", NOW + 5))
    assert await queued(told) == [("s1", "one"), ("s1", "two")]


async def test_a_session_that_has_ended_is_not_queued_again(told: Any) -> None:
    await session(told, "s1", "one")
    await told.write(*sessions.end("s1", ACCOUNT, "logout", NOW))
    with pytest.raises(NothingChanged):
        await told.write(*sessions.end("s1", ACCOUNT, "person", NOW))
    await told.write(*sessions.end("s1", ACCOUNT, "replaced", NOW, needed=False))
    assert await queued(told) == [("s1", "one")]


async def test_a_session_of_another_account_is_neither_ended_nor_queued(told: Any) -> None:
    await session(told, "s1", "one", account_id="account-2")
    with pytest.raises(NothingChanged):
        await told.write(*sessions.end("s1", ACCOUNT, "person", NOW))
    assert await queued(told) == []


async def test_ending_the_others_leaves_the_kept_one_and_those_that_ended_before(told: Any) -> None:
    for name in ("s1", "s2", "s3", "s4"):
        await session(told, name, "one", "two")
    await session(told, "other", "one", account_id="account-2")
    await told.write(*sessions.end("s4", ACCOUNT, "logout", NOW))
    before = await queued(told)
    await told.write(*sessions.end_others(ACCOUNT, "s1", "person", NOW + 1))
    added = sorted(set(await queued(told)) - set(before))
    assert added == [("s2", "one"), ("s2", "two"), ("s3", "one"), ("s3", "two")]


async def test_what_undoes_the_ending_undoes_the_queue(told: Any) -> None:
    await session(told, "s1", "one")
    with pytest.raises(NothingChanged):
        await told.write(*sessions.end("s1", ACCOUNT, "logout", NOW), accounts.unlock(ACCOUNT))
    assert await queued(told) == []
    assert await sessions.owner(told, "s1") == ACCOUNT


@pytest.fixture
async def one_queued(told: Any) -> Any:
    """A database with one row in the outbox."""
    await session(told, "s1", "one")
    await told.write(*sessions.end("s1", ACCOUNT, "logout", NOW))
    return told


async def test_of_many_takers_one_gets_it(one_queued: Any) -> None:
    assert await logout_outbox.clients_with_due(one_queued, NOW) == ["one"]
    taken = await asyncio.gather(*(take(one_queued) for _ in range(12)))
    assert sorted(map(len, taken)) == [0] * 11 + [1]
    assert await logout_outbox.clients_with_due(one_queued, NOW) == []


async def test_many_rows_are_shared_out_without_a_rest(told: Any) -> None:
    for number in range(40):
        await session(told, f"s{number}", "one")
    await told.write(*sessions.end_others(ACCOUNT, "", "staff", NOW))
    taken = await asyncio.gather(*(take(told) for _ in range(8)))
    while more := await take(told):
        taken.append(more)
    found = [one.session_id for batch in taken for one in batch]
    assert sorted(found) == sorted(f"s{number}" for number in range(40))
    assert max(map(len, taken)) <= 8


async def test_a_taker_that_died_gives_it_back(one_queued: Any) -> None:
    (first,) = await take(one_queued)
    assert await take(one_queued, NOW + LEASE - 1) == []
    (second,) = await take(one_queued, NOW + LEASE)
    assert (first.attempts, second.attempts) == (1, 2)


@pytest.mark.parametrize("act", ["deliver", "postpone", "give_up"])
async def test_a_taker_thought_dead_changes_nothing(one_queued: Any, act: str) -> None:
    (first,) = await take(one_queued)
    (second,) = await take(one_queued, NOW + LEASE)
    steps = {
        "deliver": lambda one: logout_outbox.deliver(one, NOW + LEASE),
        "postpone": lambda one: logout_outbox.postpone(one, "timeout", NOW + LEASE + 5),
        "give_up": lambda one: logout_outbox.give_up(one, "timeout"),
    }
    with pytest.raises(NothingChanged):
        await one_queued.write(steps[act](first))
    await one_queued.write(steps[act](second))
    (row,) = await logout_outbox.page(one_queued)
    assert row["state"] == {"deliver": "delivered", "postpone": "waiting", "give_up": "failed"}[act]


async def test_what_was_given_up_can_be_begun_anew(one_queued: Any) -> None:
    (taken,) = await take(one_queued)
    await one_queued.write(logout_outbox.give_up(taken, "status_500"))
    assert await logout_outbox.count_failed(one_queued, "") == 1
    assert await logout_outbox.count_failed(one_queued, "two") == 0
    with pytest.raises(NothingChanged):
        await one_queued.write(logout_outbox.retry("two", NOW))
    await one_queued.write(logout_outbox.retry("one", NOW + 9))
    (again,) = await take(one_queued, NOW + 9)
    assert again.attempts == 1


async def test_the_page_is_by_state_and_client(told: Any) -> None:
    await session(told, "s1", "one", "two")
    await told.write(*sessions.end("s1", ACCOUNT, "logout", NOW))
    (taken,) = await take(told)
    await told.write(logout_outbox.deliver(taken, NOW))

    async def seen(**chosen: Any) -> list[str]:
        return [row["client_id"] for row in await logout_outbox.page(told, **chosen)]

    assert await seen() == ["one", "two"]
    assert await seen(state="delivered") == ["one"]
    assert await seen(state="waiting") == ["two"]
    assert await seen(state="failed") == []
    assert await seen(client_id="two") == ["two"]
    assert await seen(most=1) == ["one"]


async def test_old_rows_go_and_what_waits_stays(told: Any) -> None:
    await session(told, "s1", "one", "two")
    await told.write(*sessions.end("s1", ACCOUNT, "logout", NOW))
    (taken,) = await take(told)
    await told.write(logout_outbox.deliver(taken, NOW))
    await purge.purge(told, NOW + logout_outbox.KEPT_SECONDS)
    assert len(await queued(told)) == 2
    await purge.purge(told, NOW + logout_outbox.KEPT_SECONDS + purge.KEPT_AFTER_EXPIRY + 1)
    assert await queued(told) == [("s1", "two")]
