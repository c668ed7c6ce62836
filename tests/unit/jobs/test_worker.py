"""Jobs are done beside the requests: by one worker where they must, through every failure, and never past the end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from idp.jobs.schedule import Job
from idp.jobs.worker import running_jobs
from idp.store import leases

SOON = 0.005


async def test_a_job_is_done_again_and_again(db: Any) -> None:
    times: list[int] = []
    thrice = asyncio.Event()

    async def work(now: int) -> None:
        times.append(now)
        if len(times) == 3:
            thrice.set()

    async with running_jobs(db, [Job("count", SOON, work)], clock=lambda: 1_800_000_000):
        await asyncio.wait_for(thrice.wait(), 10)
    assert times[:3] == [1_800_000_000] * 3


async def test_a_failure_is_logged_and_does_not_stop_the_job(
    db: Any, caplog: pytest.LogCaptureFixture
) -> None:
    rounds = 0
    recovered = asyncio.Event()

    async def work(_: int) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise ConnectionError("the database is away")
        recovered.set()

    async with running_jobs(db, [Job("fragile", SOON, work)]):
        await asyncio.wait_for(recovered.wait(), 10)
    assert "job fragile failed" in caplog.text


async def test_nothing_is_done_after_the_end(db: Any) -> None:
    rounds = 0

    async def work(_: int) -> None:
        nonlocal rounds
        rounds += 1

    async with running_jobs(db, [Job("count", SOON, work)]):
        pass
    done = rounds
    await asyncio.sleep(0)
    assert rounds == done
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "job-count"]


async def test_of_two_workers_one_does_an_exclusive_job(db: Any) -> None:
    who: set[str] = set()
    rounds = asyncio.Semaphore(0)

    def job(name: str) -> Job:
        async def work(_: int) -> None:
            who.add(name)
            rounds.release()

        return Job("alone", SOON, work, exclusive=True)

    async with running_jobs(db, [job("one")]), running_jobs(db, [job("two")]):
        for _ in range(5):
            await asyncio.wait_for(rounds.acquire(), 10)
    assert len(who) == 1


async def test_a_lease_is_kept_by_its_holder_and_falls_to_others_when_it_ends(db: Any) -> None:
    assert await leases.take(db, "purge", holder="a", now=100, lifetime=60)
    assert not await leases.take(db, "purge", holder="b", now=159, lifetime=60)
    assert await leases.take(db, "purge", holder="a", now=159, lifetime=60)
    assert not await leases.take(db, "purge", holder="b", now=160, lifetime=60)
    assert await leases.take(db, "purge", holder="b", now=219, lifetime=60)
    assert not await leases.take(db, "purge", holder="a", now=220, lifetime=60)
    assert await leases.take(db, "other", holder="a", now=220, lifetime=60)


async def test_of_many_who_ask_at_once_one_gets_the_lease(db: Any) -> None:
    asked = [leases.take(db, "purge", holder=str(number), now=100, lifetime=60) for number in range(16)]
    assert sum(await asyncio.gather(*asked)) == 1
