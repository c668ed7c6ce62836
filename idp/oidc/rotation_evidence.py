"""What is known of portals and key sets, gathered for the judgement of `rotation_readiness`."""

from __future__ import annotations

from dataclasses import dataclass

from idp.oidc.client import Client
from idp.oidc.client_cache import client_of
from idp.oidc.rotation_readiness import Evidence, Fetched
from idp.store import clients, readiness
from idp.store.database import Database
from keys.history import History
from keys.policy import State


@dataclass(frozen=True, slots=True)
class Stale:
    """A sign that a client lives with old keys; `kind` and `shown` as in `idp.store.readiness.StaleUse`.

    `state` is that of the key now, None for an old set. `last_at` is in epoch seconds.
    """

    client_id: str
    kind: str
    shown: str
    state: State | None
    last_at: int
    uses: int


async def gather(db: Database, now: int) -> Evidence:
    """Everything that the readiness of a key depends on, but for the keys."""
    return Evidence(await _clients(db), await _fetches(db), await readiness.find_activity(db), now)


async def find_stale(db: Database, history: History) -> list[Stale]:
    """Who showed old keys, the latest first."""
    found = []
    for row in await readiness.find_stale_uses(db):
        key = history.keys.get(row["shown"])
        state = None if key is None else key.state
        found.append(Stale(row["client_id"], row["kind"], row["shown"], state, row["last_at"], row["uses"]))
    return found


async def _clients(db: Database) -> list[Client]:
    found: list[Client] = []
    after = ""
    while rows := await clients.page(db, after=after):
        found += [client_of(row) for row in rows]
        after = rows[-1]["client_id"]
    return found


async def _fetches(db: Database) -> list[Fetched]:
    sets = {row["etag"]: frozenset(row["kids"].split()) for row in await readiness.find_sets(db)}
    return [
        Fetched(
            client_id=row["client_id"],
            agent=row["agent"],
            network=row["network"],
            kids=sets.get(row["etag"], frozenset()),
            last_at=row["last_at"],
            count=row["fetches"],
            bad_assertions=row["bad_assertions"],
        )
        for row in await readiness.find_fetches(db)
    ]
