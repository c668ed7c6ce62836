"""Of `motcua check`: which clients come to their end."""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Final

from idp.cli.findings import Finding, Verdict
from idp.settings import Settings

LEGACY_WARN_DAYS: Final = 60
"""Before its last day the owner of a legacy client must have been spoken to, and has to have something new at hand."""


async def check_clients(settings: Settings) -> Finding:
    """No client that is in use stops unnoticed at the end of its profile."""
    from idp.oidc.client import Client
    from idp.oidc.client_cache import client_of
    from idp.registers.calendar import today
    from idp.store import clients
    from idp.store.database import open_database

    ending: list[Client] = []
    number, after = 0, ""
    db = await open_database(settings.database_url, pool_size=1, read_only=True)
    try:
        while rows := await clients.page(db, after=after):
            number, after = number + len(rows), rows[-1]["client_id"]
            read = (client_of(row) for row in rows if row["disabled_at"] is None)
            ending += [client for client in read if client.legacy_until]
    finally:
        await db.close()
    soon = today(int(time.time())) + timedelta(days=LEGACY_WARN_DAYS)
    stopping = [client for client in ending if date.fromisoformat(client.legacy_until) <= soon]
    summary = f"{number} registered, {len(ending)} of them legacy"
    if not stopping:
        return Finding("clients", Verdict.OK, summary)
    named = ", ".join(f"{client.client_id} ({client.legacy_until})" for client in stopping[:5])
    advice = f"Coming to their last day, or over: {named}. Speak to their owners; see `motcua clients list`."
    return Finding("clients", Verdict.WARN, summary, advice)
