"""What workers noticed about key sets goes into the database, and what they look up for it comes out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from idp.errors import InvalidClient
from idp.oidc.client_cache import ClientCache
from idp.oidc.client_keys import ClientKeys
from idp.oidc.key_set_addresses import AddressBook
from idp.oidc.key_sightings import Batch, Fetcher, Sightings
from idp.oidc.signed_fetch import prove_fetcher
from idp.store import clients as stored_clients
from idp.store import readiness
from idp.store.database import Database, Step

logger = logging.getLogger("motcua.readiness")

LAST_ROUND_SECONDS: Final = 2
MOST_TOLD: Final = 10  # different mistakes in assertions that one round writes into our log


async def keep_sightings(
    db: Database, sightings: Sightings, clients: ClientCache, keys: ClientKeys, *, jwks_uri: str
) -> None:
    """Prove the signed fetches and add all counts to those of the other workers, in one write."""
    batch = sightings.take()
    if not batch:
        return
    try:
        await _prove_fetchers(batch, clients, keys, jwks_uri)
        await _forget_strangers(batch, clients)
        await db.write(*_steps(batch))
    except Exception:
        sightings.give_back(batch)
        raise
    if not batch.sets.keys() <= sightings.known_sets:
        sightings.known_sets = frozenset(row["etag"] for row in await readiness.find_sets(db))


async def keep_last_sightings(keep: Callable[[], Awaitable[None]]) -> None:
    """What was noticed since the last round is written when the worker stops; where that fails it is lost."""
    try:
        async with asyncio.timeout(LAST_ROUND_SECONDS):
            await keep()
    except Exception:
        logger.exception("the last sightings are lost")


async def read_addresses(db: Database) -> AddressBook:
    """The addresses that the enabled clients fetch from."""
    return AddressBook(await stored_clients.key_set_addresses(db))


async def _prove_fetchers(batch: Batch, clients: ClientCache, keys: ClientKeys, jwks_uri: str) -> None:
    told: set[str] = set()
    while batch.signed:
        fetch = batch.signed[-1]
        try:
            client_id = await prove_fetcher(
                fetch.unverified_assertion, clients, keys, jwks_uri=jwks_uri, now=fetch.at
            )
        except InvalidClient as error:
            batch.count_fetch(fetch.fetcher, fetch.etag, fetch.at, bad_assertion=True)
            if error.description not in told and len(told) < MOST_TOLD:
                told.add(error.description)
                logger.info("a fetch of the key set from %s: %s", fetch.fetcher.network, error.description)
        else:
            proven = Fetcher(client_id, fetch.fetcher.agent, fetch.fetcher.network, fetch.fetcher.held)
            batch.count_fetch(proven, fetch.etag, fetch.at)
        batch.signed.pop()
        await asyncio.sleep(0)  # requests go before


async def _forget_strangers(batch: Batch, clients: ClientCache) -> None:
    """A token by a revoked key may have been made by anybody and name any client: only registered ones are kept."""
    for use in list(batch.stale.counts()):
        if await clients.find(use.client_id) is None:
            batch.stale.forget(use)


def _steps(batch: Batch) -> list[Step]:
    """In one order in every worker, so that two of them never wait for each other in a circle."""
    return [
        *(readiness.add_set(one.etag, one.kids, one.first_at) for _, one in sorted(batch.sets.items())),
        *(
            readiness.add_fetch(*one)
            for one in sorted(batch.fetches.counts().items(), key=lambda pair: pair[0])
        ),
        *(
            readiness.add_stale_use(*one)
            for one in sorted(batch.stale.counts().items(), key=lambda pair: pair[0])
        ),
        *(readiness.add_activity(*one) for one in sorted(batch.active.items())),
    ]
