"""Whether this worker lives, and whether it can serve.

`/health/live` says that the process answers: an orchestrator restarts what does not. `/health/ready` says that what we
need is there: a balancer sends requests elsewhere while it is not. The registers are left out on purpose: they are the
same for every worker, so a balancer could do nothing about their absence, and what does not ask them goes on. So is
a hardware module that does not answer: what it would sign is refused with 503 and `Retry-After`, while the key set,
UserInfo, introspection and the pages go on; `motcua keys verify` and the log tell of it.
"""

from __future__ import annotations

import asyncio
from typing import Final

from idp.http import responses
from idp.http.responses import Answer
from idp.store import versions
from idp.store.database import Database
from idp.store.outages import is_outage
from keys.keyring import Keyring

LIVE: Final = "/health/live"
READY: Final = "/health/ready"
DATABASE_SECONDS: Final = 2


def live() -> Answer:
    """The process answers."""
    return responses.json({"status": "ok"})


async def ready(db: Database, keyring: Keyring) -> Answer:
    """503 with the reason without a database or without an active key; the edge adds the reason `stopping`."""
    reason = await _missing(db, keyring)
    return responses.json({"status": "ok"}) if reason is None else not_ready(reason)


def not_ready(reason: str) -> Answer:
    """Send your requests elsewhere for now."""
    return responses.json(
        {"status": "unavailable", "reason": reason}, status=503, headers={"retry-after": "5"}
    )


async def _missing(db: Database, keyring: Keyring) -> str | None:
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            await versions.current(db)
    except Exception as error:
        if is_outage(error):
            return "database"
        raise
    return "keys" if keyring.missing else None
