"""Ends the sessions of people who died, are missing, or whose card was locked or has expired, by the registers.

Such a person gets nothing from that second: every use asks the registers. This job makes their sessions end as well and
their portals hear of it. It walks over all sessions that have not ended whenever a load has come further or a new day
has begun, and once in a while in any case: for a session that was opened in the moment of the change, and for registers
that are written in another way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from idp.audit.events import Kind, record
from idp.context import Context
from idp.registers.calendar import today
from idp.registers.standing import Standing
from idp.registers.standings import LoadMark, find_mark, find_standings
from idp.store import sessions, sessions_watched
from idp.store.database import NothingChanged
from idp.store.sessions_watched import REGISTER, START, OpenSession, Place

BATCH: Final = 200  # sessions a look
MOST_BATCHES: Final = 2000  # looks a round; the walk goes on from there in the next
PAUSE_SECONDS: Final = 0.02  # between two looks, so that requests are not kept waiting
LONGEST_REST: Final = 300
"""Seconds after which a walk begins also where nothing seems to have changed."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk over all open sessions: what the registers had come to when it began, and how far it has come."""

    mark: LoadMark
    day: date
    began_at: int
    place: Place = START


class RegisterWatch:
    """The walks of one worker. What it remembers only spares it work: a worker that knows nothing begins a walk."""

    def __init__(self, context: Callable[[], Context]) -> None:
        self._context = context
        self._under_way: Walk | None = None
        self._last: Walk | None = None

    async def look(self) -> None:
        """One round: go on with the walk under way, or begin one if it is time for it."""
        if self._under_way is None:
            self._under_way = await self._next_walk()
        for _ in range(MOST_BATCHES):
            if self._under_way is None:
                return
            await self._go_on(self._under_way)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _next_walk(self) -> Walk | None:
        context = self._context()
        # Read before the first session: a change in between is walked for again, never missed.
        walk = Walk(await find_mark(context.registers), today(context.now), context.now)
        last = self._last
        if last is not None and (last.mark, last.day) == (walk.mark, walk.day):
            return walk if walk.began_at - last.began_at >= LONGEST_REST else None
        return walk

    async def _go_on(self, walk: Walk) -> None:
        context = self._context()
        some = await sessions_watched.open_after(context.db, walk.place, BATCH)
        await end_by_register(context, some)
        if len(some) == BATCH:
            self._under_way = replace(walk, place=some[-1].place)
        else:
            self._last, self._under_way = walk, None


async def end_by_register(context: Context, some: Sequence[OpenSession]) -> None:
    """End every session of the people among these who may not use their account now.

    A record that the register does not hold ends nothing: records are never taken out of it, so it is the register that
    is not whole, and until it is again its people get nothing anyway.
    """
    records = {session.account_id: session.register_record_id for session in some}
    standings = await find_standings(context.registers, records.values(), today(context.now))
    for account_id, reason in _stopped(records, standings):
        await _end_all(context, account_id, reason)


def _stopped(records: dict[str, str], standings: dict[str, Standing]) -> Collection[tuple[str, Standing]]:
    found = ((account_id, standings.get(record_id)) for account_id, record_id in records.items())
    return [(account_id, one) for account_id, one in found if one is not None and one is not Standing.OK]


async def _end_all(context: Context, account_id: str, reason: Standing) -> None:
    ended = sessions.end_others(account_id, "", REGISTER, context.now, needed=True)
    event = record(
        context,
        Kind.SESSION_ENDED,
        account_id=account_id,
        reason=REGISTER,
        standing=reason.value,
        all=True,
    )
    try:
        await context.db.write(*ended, event)
    except NothingChanged:
        return  # all of them have been ended in this moment
