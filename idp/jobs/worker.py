"""Runs the jobs beside the requests of one worker process."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from idp.jobs.schedule import Job
from idp.store import leases
from idp.store.database import Database

logger = logging.getLogger("motcua.jobs")

LEASE_ROUNDS: Final = 3
"""A worker that has been silent for this many rounds of an exclusive job loses it to another."""

LONGEST_ROUND: Final = 300  # seconds; also part of the lease, so that a slow round is not done twice
STOP_SECONDS: Final = 2
"""How long a round may go on when the process stops; every job may be broken off and begun again."""


@dataclass(frozen=True, slots=True)
class _Worker:
    db: Database
    holder: str
    clock: Callable[[], float]
    stopping: asyncio.Event


@asynccontextmanager
async def running_jobs(
    db: Database, jobs: Sequence[Job], *, clock: Callable[[], float] = time.time
) -> AsyncIterator[None]:
    """The span in which the jobs are done; leaves within `STOP_SECONDS`."""
    worker = _Worker(db, secrets.token_hex(8), clock, asyncio.Event())
    tasks = [asyncio.create_task(_repeat(worker, job), name=f"job-{job.name}") for job in jobs]
    try:
        yield
    finally:
        worker.stopping.set()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


async def _repeat(worker: _Worker, job: Job) -> None:
    # Workers start together; a random first pause keeps them from asking together ever after.
    pause = random.uniform(0, job.every)  # noqa: S311 - spreads load, guards nothing
    while not await _stopped_within(worker.stopping, pause):
        await _round(worker, job)
        pause = job.every


async def _stopped_within(stopping: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _round(worker: _Worker, job: Job) -> None:
    """Do a job once. A failure is logged and does not stop the next round."""
    now = int(worker.clock())
    try:
        async with asyncio.timeout(LONGEST_ROUND):
            if not job.exclusive or await _take(worker, job, now):
                await job.work(now)
    except Exception:
        logger.exception("job %s failed", job.name)


async def _take(worker: _Worker, job: Job, now: int) -> bool:
    lifetime = int(job.every * LEASE_ROUNDS) + LONGEST_ROUND
    return await leases.take(worker.db, job.name, holder=worker.holder, now=now, lifetime=lifetime)
