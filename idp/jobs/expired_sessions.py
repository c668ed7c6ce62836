"""Ends sessions that have merely expired, so that their portals hear of it like of any other ending.

A session expires after half an hour in which neither the person used it here nor a portal refreshed tokens of it, and
in any case after its day. Nobody may sign on with it from that second; the ending by this job follows within a round.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from idp.audit.events import Kind, record
from idp.context import Context
from idp.store import sessions_watched
from idp.store.database import NothingChanged
from idp.store.sessions_watched import EXPIRED, DueSession

BATCH: Final = 200  # sessions a look
MOST_BATCHES: Final = 200  # looks a round: more sessions than a country ends in a minute
AT_ONCE: Final = 4
"""Writes under way. Each is one session's: a write that locks many rows would wait for requests in a circle."""

PAUSE_SECONDS: Final = 0.05  # between two looks, so that requests are not kept waiting


async def end_expired_sessions(context: Callable[[], Context]) -> None:
    """One round: everything that is due, while it is not without end."""
    for _ in range(MOST_BATCHES):
        now = context()
        due = await sessions_watched.due(now.db, now.now, BATCH)
        await _settle(now, due)
        if len(due) < BATCH:
            return
        await asyncio.sleep(PAUSE_SECONDS)


async def _settle(context: Context, due: Sequence[DueSession]) -> None:
    waiting = iter(due)
    while some := list(islice(waiting, AT_ONCE)):
        await asyncio.gather(*(_settle_one(context, session) for session in some))


async def _settle_one(context: Context, session: DueSession) -> None:
    if session.over_at > context.now:
        await context.db.write(sessions_watched.look_later(session))
        return
    event = record(
        context,
        Kind.SESSION_ENDED,
        account_id=session.account_id,
        session_id=session.session_id,
        reason=EXPIRED,
    )
    try:
        await context.db.write(*sessions_watched.expire(session, context.now), event)
    except NothingChanged:
        return  # used or ended in this moment: the next look sees it as it then stands
