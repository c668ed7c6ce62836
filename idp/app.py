"""The composition root: everything is built and connected here, and nowhere else."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

from idp.authentication.hashing import PasswordHasher
from idp.authentication.throttle import GlobalThrottle
from idp.endpoints.metadata import make_documents
from idp.endpoints.routes import ROUTES
from idp.endpoints.surroundings import Shared, Surroundings
from idp.http.accepted_certificates import AcceptedCertificates
from idp.http.access_log import AccessLog, BufferedAccessLog
from idp.http.cookies import Cookies
from idp.http.edge import Arrival, Edge
from idp.http.outbound import Outbound
from idp.jobs.accepted_certificates import RegisteredCertificates
from idp.jobs.delivery import Deliverer
from idp.jobs.key_rotation import KeysOfWorker
from idp.jobs.schedule import jobs_of_worker
from idp.jobs.sightings import keep_last_sightings, keep_sightings, read_addresses
from idp.jobs.watch import VersionWatch
from idp.jobs.worker import running_jobs
from idp.oidc.browser_origins import BrowserOrigins
from idp.oidc.client_authorities import read_authorities
from idp.oidc.client_cache import ClientCache
from idp.oidc.client_keys import ClientKeys
from idp.oidc.discovery import endpoint
from idp.oidc.key_sightings import Sightings
from idp.oidc.stale_tokens import StaleTokens
from idp.pages.render import Pages
from idp.settings import Settings, read_settings
from idp.store import versions
from idp.store.database import Database, open_database
from keys.authorities import Authorities
from keys.keyring import Keyring

Clock: TypeAlias = Callable[[], float]


def create_app() -> Edge[Surroundings]:
    """The ASGI application of the settings in the environment."""
    return build(read_settings(os.environ))


def build(
    settings: Settings, *, access_log: AccessLog | None = None, clock: Clock = time.time
) -> Edge[Surroundings]:
    """The ASGI application; databases and keys are opened when it starts to run, in each worker for itself."""
    ready = _Ready(
        Pages.load(help_line=settings.help_line), read_authorities(settings), AcceptedCertificates()
    )
    return Edge(
        ROUTES,
        settings=settings,
        pages=ready.pages,
        access_log=BufferedAccessLog() if access_log is None else access_log,
        open_service=lambda: _open(settings, ready, clock),
        clock=clock,
        accepted=ready.accepted,
    )


@dataclass(frozen=True, slots=True)
class _Ready:
    """What is made once, before workers are forked, which then share its memory."""

    pages: Pages
    authorities: Authorities
    accepted: AcceptedCertificates


@asynccontextmanager
async def _open(
    settings: Settings, ready: _Ready, clock: Clock
) -> AsyncIterator[Callable[[Arrival], Surroundings]]:
    keys = await KeysOfWorker.of(settings)
    db = await open_database(settings.database_url, pool_size=settings.database_pool)
    registers = await open_database(settings.registers_url, pool_size=settings.database_pool, read_only=True)
    seen = await versions.current(db)  # first: a change while the rest is loaded must not be missed
    keyring = await keys.load(db, int(clock()))
    outbound = Outbound(settings.outbound_networks)
    shared = await _share(
        settings, ready, keyring, db=db, registers=registers, outbound=outbound, clock=clock
    )
    certificates = RegisteredCertificates(db, shared.clients, shared.client_keys, ready.accepted)
    watch, follow = _following(shared, keys, certificates, clock, seen)

    async def rotate(now: int) -> None:
        await keys.rotate(shared.context_of_job(now))

    async def write_sightings() -> None:
        await keep_sightings(
            db,
            shared.sightings,
            shared.clients,
            shared.client_keys,
            jwks_uri=endpoint(settings.issuer, "jwks_uri"),
        )

    deliverer = Deliverer(
        lambda: shared.context_of_job(int(clock())),
        shared.clients,
        shared.client_keys,
        outbound,
        watch.follow,
    )
    try:
        jobs = jobs_of_worker(
            db,
            follow=follow,
            keep_sightings=write_sightings,
            accept_certificates=certificates.accept,
            deliverer=deliverer,
            rotate=rotate,
        )
        async with running_jobs(db, jobs, clock=clock):
            yield shared.surroundings
        await keep_last_sightings(write_sightings)
    finally:
        shared.hasher.close()
        await keys.close()
        await registers.close()
        await db.close()


async def _share(
    settings: Settings,
    ready: _Ready,
    keyring: Keyring,
    *,
    db: Database,
    registers: Database,
    outbound: Outbound,
    clock: Clock,
) -> Shared:
    return Shared(
        settings=settings,
        db=db,
        registers=registers,
        keyring=keyring,
        clients=ClientCache(db),
        origins=BrowserOrigins(db),
        client_keys=ClientKeys(outbound.get, clock),
        fetch=outbound.get,
        authorities=ready.authorities,
        hasher=PasswordHasher(),
        throttle=GlobalThrottle(),
        pages=ready.pages,
        cookies=Cookies(secure=settings.secure),
        documents=make_documents(settings, keyring),
        sightings=Sightings(await read_addresses(db)),
        stale_tokens=StaleTokens(),
    )


def _following(
    shared: Shared,
    keys: KeysOfWorker,
    certificates: RegisteredCertificates,
    clock: Clock,
    seen: Mapping[str, int],
) -> tuple[VersionWatch, Callable[[int], Awaitable[None]]]:
    """What keeps keys and clients in memory as they stand in the database, and the job that does so."""
    reloading = asyncio.Lock()  # of two at once, the one that has seen less must not come last

    async def reload_keys() -> None:
        async with reloading:
            shared.keyring = await keys.refresh(shared.db, shared.keyring, int(clock()))
            shared.documents = make_documents(shared.settings, shared.keyring)

    async def forget_clients() -> None:
        shared.clients.forget()
        shared.origins.forget()
        certificates.forget()
        shared.sightings.addresses = await read_addresses(shared.db)

    watch = VersionWatch(shared.db, {versions.KEYS: reload_keys, versions.CLIENTS: forget_clients}, seen)

    async def follow(now: int) -> None:
        await watch.follow()
        if shared.keyring.is_over(now):
            await reload_keys()

    return watch, follow
