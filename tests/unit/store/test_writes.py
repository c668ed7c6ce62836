"""A write is all or nothing on both databases, in whatever form it is sent."""

import asyncio

import pytest
from sqlalchemy import bindparam, select, update

from idp.store.database import Database, NothingChanged, Step, required, step
from idp.store.schema import job_leases, throttle_buckets

ADD = throttle_buckets.insert().values(bucket=bindparam("bucket"), full_at_ms=bindparam("full_at_ms"))
RAISE = (
    update(throttle_buckets)
    .where(throttle_buckets.c.bucket == bindparam("wanted"))
    .values(full_at_ms=throttle_buckets.c.full_at_ms + bindparam("by"))
)
CLAIM = (
    update(job_leases)
    .where(job_leases.c.job == bindparam("claimed"), job_leases.c.holder == "worker")
    .values(holder="other")
    .returning(job_leases.c.job)
)
EMPTY = update(throttle_buckets).where(throttle_buckets.c.full_at_ms == 1).values(full_at_ms=0)
FIND = select(throttle_buckets.c.full_at_ms).where(throttle_buckets.c.bucket == bindparam("bucket"))
LEASE = job_leases.insert().values(job=bindparam("job"), holder="worker", expires_at=0)
LEASES = select(job_leases.c.job)
TAKE = (
    update(job_leases)
    .where(job_leases.c.job == bindparam("taken"), job_leases.c.holder == "worker")
    .values(holder="other")
)


async def _bucket(db: Database, bucket: str) -> int | None:
    row = await db.fetch_one(FIND, bucket=bucket)
    return None if row is None else int(row["full_at_ms"])


async def test_steps_on_several_tables_are_all_done(db: Database) -> None:
    await db.write(step(ADD, bucket="a", full_at_ms=1), step(LEASE, job="purge"))
    assert await _bucket(db, "a") == 1
    assert len(await db.fetch_all(LEASES)) == 1


@pytest.mark.parametrize(
    "missing",
    [required(TAKE, taken="nothing"), required(RAISE, wanted="nowhere", by=1)],
    ids=["another table", "the same table"],
)
async def test_a_required_step_that_finds_nothing_undoes_the_others(db: Database, missing: Step) -> None:
    with pytest.raises(NothingChanged):
        await db.write(step(ADD, bucket="a", full_at_ms=1), missing)
    assert await _bucket(db, "a") is None


async def test_a_step_sees_what_an_earlier_one_did_to_the_same_table(db: Database) -> None:
    await db.write(step(ADD, bucket="a", full_at_ms=1), step(EMPTY))
    assert await _bucket(db, "a") == 0
    await db.write(step(RAISE, wanted="a", by=1), step(RAISE, wanted="a", by=2))
    assert await _bucket(db, "a") == 3


async def test_one_statement_for_two_rows_changes_both(db: Database) -> None:
    await db.write(step(ADD, bucket="a", full_at_ms=1), step(ADD, bucket="b", full_at_ms=2))
    await db.write(required(RAISE, wanted="a", by=10), required(RAISE, wanted="b", by=20))
    assert (await _bucket(db, "a"), await _bucket(db, "b")) == (11, 22)


async def test_of_many_writes_that_need_one_row_exactly_one_is_done(db: Database) -> None:
    await db.write(step(LEASE, job="purge"))

    async def attempt(number: int) -> bool:
        try:
            await db.write(required(TAKE, taken="purge"), step(ADD, bucket=f"winner-{number}", full_at_ms=0))
        except NothingChanged:
            return False
        return True

    won = await asyncio.gather(*(attempt(number) for number in range(32)))
    assert won.count(True) == 1
    kept = [number for number in range(32) if await _bucket(db, f"winner-{number}") is not None]
    assert kept == [won.index(True)]


async def test_writes_at_once_insert_only_where_their_update_found_its_row(db: Database) -> None:
    jobs = [f"job-{number}" for number in range(40)]
    await asyncio.gather(*(db.write(step(LEASE, job=job)) for job in jobs[::2]))
    attempts = [
        db.write(required(CLAIM, claimed=job), step(ADD, bucket=job, full_at_ms=number))
        for number, job in enumerate(jobs)
    ]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    for number, (job, result) in enumerate(zip(jobs, results, strict=True)):
        assert isinstance(result, NothingChanged) == bool(number % 2)
        assert await _bucket(db, job) == (None if number % 2 else number)


async def test_of_many_writes_at_once_for_one_row_one_inserts(db: Database) -> None:
    await db.write(step(LEASE, job="one"))
    attempts = [
        db.write(required(CLAIM, claimed="one"), step(ADD, bucket=f"by-{number}", full_at_ms=1))
        for number in range(32)
    ]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(result is None for result in results) == 1
    kept = [number for number in range(32) if await _bucket(db, f"by-{number}") is not None]
    assert [results[number] for number in kept] == [None]


async def test_an_insert_that_is_refused_undoes_its_own_update_only(db: Database) -> None:
    await db.write(step(LEASE, job="a"), step(ADD, bucket="taken", full_at_ms=7))
    await db.write(step(LEASE, job="b"))
    bad, good = await asyncio.gather(
        db.write(required(CLAIM, claimed="a"), step(ADD, bucket="taken", full_at_ms=1)),
        db.write(required(CLAIM, claimed="b"), step(ADD, bucket="free", full_at_ms=2)),
        return_exceptions=True,
    )
    assert isinstance(bad, Exception)
    assert good is None
    assert (await _bucket(db, "taken"), await _bucket(db, "free")) == (7, 2)
    await db.write(required(CLAIM, claimed="a"))
