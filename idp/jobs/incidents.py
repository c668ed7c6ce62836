"""Draws the consequences of revoked keys to their end, stretch by stretch (`idp.store.incidents`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from idp.audit.events import Kind, record
from idp.context import Context
from idp.store import incidents, logout_outbox
from idp.store.database import NothingChanged, Step
from idp.store.incidents import Incident

PAUSE_SECONDS: Final = 0.05  # between two stretches, so that requests are not kept waiting


async def end_incidents(context: Callable[[], Context]) -> None:
    """Go on with every incident until it is finished or has to wait."""
    for incident in await incidents.unfinished(context().db):
        await end_incident(context, incident.incident_id)


async def end_incident(context: Callable[[], Context], incident_id: str) -> Incident | None:
    """Go on with one incident; how far it has come, None where there is no such."""
    while True:
        now = context()
        incident = await incidents.find(now.db, incident_id)
        steps = () if incident is None else incidents.go_on(incident, now.now)
        if incident is None or not steps:
            return incident
        if incident.is_over:
            steps = (*steps, await _ended(now, incident))
        try:
            await now.db.write(*steps)
        except NothingChanged:
            return incident  # another worker goes on with it
        await asyncio.sleep(PAUSE_SECONDS)


async def _ended(context: Context, incident: Incident) -> Step:
    return record(
        context,
        Kind.INCIDENT_ENDED,
        incident=incident.incident_id,
        reason=incident.reason,
        grants_revoked=incident.grants_revoked,
        logouts_queued=await logout_outbox.count_of_cause(context.db, incident.incident_id),
    )
