"""A queue whose jobs are done together: what waits while a group is under way forms the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Final, Generic, TypeVar

from idp.store.outages import is_outage

LARGEST_GROUP: Final = 128

J = TypeVar("J")
R = TypeVar("R")
Job = tuple[J, "asyncio.Future[R]"]


class Grouping(Generic[J, R]):
    """Jobs of one kind. `work` does a group of them and gives their results in the same order.

    At most `at_once` groups are under way. Jobs of one `key` never stand in one group, and a group is in the order of
    its keys, so that groups which lock rows do not wait for each other in a circle.
    """

    def __init__(
        self,
        work: Callable[[Sequence[J]], Awaitable[Sequence[R]]],
        *,
        at_once: int = 1,
        key: Callable[[J], Hashable] | None = None,
    ) -> None:
        self._work = work
        self._at_once = at_once
        self._key = key
        self._waiting: list[Job[J, R]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def do(self, job: J) -> R:
        """Have a job done with others."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, future))
        if len(self._under_way) < self._at_once:
            self._under_way.add(asyncio.create_task(self._work_off()))
        return await future

    async def finish(self) -> None:
        """Wait until nothing waits any more."""
        while self._under_way:
            await asyncio.gather(*self._under_way)

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                await self._do_group(self._next_group())
        finally:
            # No other code runs between the last look and this: what comes now starts a group of its own.
            self._under_way = {task for task in self._under_way if task is not asyncio.current_task()}

    def _next_group(self) -> list[Job[J, R]]:
        if self._key is None or len(self._waiting) == 1:
            group, self._waiting = self._waiting[:LARGEST_GROUP], self._waiting[LARGEST_GROUP:]
            return group
        first: dict[Hashable, Job[J, R]] = {}
        later: list[Job[J, R]] = []
        for job in self._waiting:
            key = self._key(job[0])
            if key in first or len(first) == LARGEST_GROUP:
                later.append(job)
            else:
                first[key] = job
        self._waiting = later
        return [first[key] for key in sorted(first, key=repr)]

    async def _do_group(self, group: Sequence[Job[J, R]]) -> None:
        try:
            results = await self._work([job for job, _ in group])
        except Exception as error:  # noqa: BLE001 - one bad job must not fail the others: each is tried alone
            if len(group) > 1 and not _concerns_all(error):
                for job in group:
                    await self._do_group([job])
                return
            _fail(group, error)
        except BaseException:  # we are being stopped; nobody may be left waiting
            for _, future in group:
                future.cancel()
            raise
        else:
            _deliver(group, results)


def _fail(group: Sequence[Job[J, R]], error: Exception) -> None:
    for _, future in group:
        if not future.cancelled():
            future.set_exception(error)


def _deliver(group: Sequence[Job[J, R]], results: Sequence[R]) -> None:
    for (_, future), result in zip(group, results, strict=True):
        if not future.cancelled():
            future.set_result(result)


def _concerns_all(error: Exception) -> bool:
    """Whether the database is away, so that trying each alone is in vain; a deadlock may pass."""
    return is_outage(error) and not str(getattr(error, "sqlstate", "") or "").startswith("40")
