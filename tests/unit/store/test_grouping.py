"""Jobs that wait are done together, and one bad job harms no other; grouped statements answer as single ones do."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import bindparam, select, update

from idp.store import audit
from idp.store.database import Database, step
from idp.store.grouping import Grouping
from idp.store.schema import throttle_buckets

BUCKETS = 40
ADD = throttle_buckets.insert().values(bucket=bindparam("bucket"), full_at_ms=bindparam("full_at_ms"))
FIND = select(throttle_buckets.c.bucket, throttle_buckets.c.full_at_ms).where(
    throttle_buckets.c.bucket == bindparam("bucket")
)
COUNT = (
    update(throttle_buckets)
    .where(throttle_buckets.c.bucket == bindparam("wanted"))
    .values(full_at_ms=throttle_buckets.c.full_at_ms + 1)
    .returning(throttle_buckets.c.bucket, throttle_buckets.c.full_at_ms)
)


async def fill(db: Database) -> None:
    await asyncio.gather(*(db.append(step(ADD, bucket=f"b{n}", full_at_ms=n)) for n in range(BUCKETS)))


async def test_many_reads_at_once_each_get_their_own_row(db: Database) -> None:
    await fill(db)
    wanted = [f"b{number}" for number in (*range(BUCKETS), 3, 3)] + ["nowhere"]
    rows = await asyncio.gather(*(db.fetch_one(FIND, bucket=bucket) for bucket in wanted))
    assert [row and (row["bucket"], row["full_at_ms"]) for row in rows] == [
        (bucket, int(bucket[1:])) if bucket != "nowhere" else None for bucket in wanted
    ]


async def test_many_updates_of_one_row_at_once_each_count(db: Database) -> None:
    await fill(db)
    rows = await asyncio.gather(*(db.fetch_one(COUNT, wanted="b0") for _ in range(20)))
    assert sorted(row["full_at_ms"] for row in rows if row is not None) == list(range(1, 21))


async def test_many_updates_at_once_each_touch_their_own_row(db: Database) -> None:
    await fill(db)
    wanted = [f"b{number}" for number in reversed(range(BUCKETS))]
    rows = await asyncio.gather(*(db.fetch_one(COUNT, wanted=bucket) for bucket in wanted))
    assert [row and row["bucket"] for row in rows] == wanted


async def test_a_value_the_database_refuses_fails_alone(db: Database) -> None:
    await fill(db)
    asked = ["b1", 7, "b2"]
    found = await asyncio.gather(
        *(db.fetch_one(FIND, bucket=bucket) for bucket in asked), return_exceptions=True
    )
    assert [
        row["full_at_ms"] for row in (found[0], found[2]) if not isinstance(row, BaseException) and row
    ] == [1, 2]


async def test_a_row_that_is_there_already_fails_alone(db: Database) -> None:
    await fill(db)
    rows = [step(ADD, bucket=bucket, full_at_ms=0) for bucket in ("b0", "new-1", "new-2")]
    results = await asyncio.gather(*(db.append(row) for row in rows), return_exceptions=True)
    assert [isinstance(result, Exception) for result in results] == [True, False, False]


async def test_rows_of_several_tables_are_kept_together(db: Database) -> None:
    def event(number: int) -> dict[str, object]:
        empty = dict.fromkeys(column.name for column in audit.ADD.table.columns)
        told = {"at": 1, "kind": "login", "outcome": "ok", "request_id": "r", "network": "n", "details": "{}"}
        return {**empty, **told, "event_id": f"e{number}", "account_id": "a"}

    steps = [(step(ADD, bucket=f"b{n}", full_at_ms=n), step(audit.ADD, **event(n))) for n in range(12)]
    await asyncio.gather(*(db.append(*pair) for pair in steps))
    assert len(await audit.history(db, "a")) == 12
    assert await db.fetch_one(FIND, bucket="b11") is not None


async def test_what_waits_forms_the_next_group() -> None:
    groups: list[list[int]] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(jobs: Sequence[int]) -> Sequence[int]:
        groups.append(list(jobs))
        begun.set()
        await go_on.wait()
        return [job * 2 for job in jobs]

    grouping = Grouping(work)
    first = asyncio.create_task(grouping.do(1))
    await begun.wait()
    rest = [asyncio.create_task(grouping.do(number)) for number in (2, 3, 4)]
    await asyncio.sleep(0)
    go_on.set()
    assert [await first, *[await task for task in rest]] == [2, 4, 6, 8]
    assert groups == [[1], [2, 3, 4]]


async def test_jobs_of_one_key_stand_in_different_groups() -> None:
    groups: list[list[str]] = []

    async def work(jobs: Sequence[str]) -> Sequence[None]:
        groups.append(list(jobs))
        return [None] * len(jobs)

    grouping = Grouping(work, key=lambda job: job[0])
    await asyncio.gather(*(grouping.do(job) for job in ("b1", "a1", "b2", "a2", "b3")))
    assert groups == [["a1", "b1"], ["a2", "b2"], ["b3"]]


async def test_when_the_database_is_away_nobody_is_tried_again() -> None:
    tries = 0

    async def work(jobs: Sequence[int]) -> Sequence[None]:
        nonlocal tries
        tries += 1
        raise ConnectionRefusedError(str(len(jobs)))

    grouping = Grouping(work)
    results = await asyncio.gather(*(grouping.do(number) for number in range(5)), return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionRefusedError] * 5
    assert tries == 1


async def test_finishing_waits_for_what_is_under_way() -> None:
    async def work(jobs: Sequence[int]) -> Sequence[int]:
        await asyncio.sleep(0)
        return jobs

    grouping = Grouping(work)
    job = asyncio.create_task(grouping.do(1))
    await asyncio.sleep(0)
    await grouping.finish()
    assert await job == 1
