"""A provider with a portal that is told of logouts, and a worker's delivery whenever a test asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

import pytest

from idp.http.outbound import Outbound
from idp.jobs import schedule
from idp.jobs.backchannel_logout import deliver_logouts
from idp.jobs.delivery import Deliverer
from idp.jobs.expired_sessions import end_expired_sessions
from idp.jobs.register_watch import RegisterWatch
from idp.oidc.client_cache import ClientCache
from idp.oidc.client_keys import ClientKeys
from idp.store import logout_outbox
from tests.support.browsing import Browser
from tests.support.population import CITIZENS
from tests.support.portals import Tokens, register_told
from tests.support.provider import Ground, Provider, running_provider
from tests.support.receiving_portal import ReceivingPortal, receiving_portal

LOOPBACK = ("127.0.0.0/8",)
NEVER = 1_000_000
BYE = "https://ministry.example/bye"


@pytest.fixture(scope="session", autouse=True)
def unwatched_sessions() -> Iterator[None]:
    """In this process sessions expire, and follow the registers, when a test says so; not beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schedule, "EXPIRY_SECONDS", NEVER)
        patch.setattr(schedule, "REGISTER_SECONDS", NEVER)
        yield


async def add_portal(provider: Provider, client_id: str, uri: str, **more: Any) -> None:
    """A ministry's portal that is told of logouts at an address."""
    registered, kept = register_told(client_id, uri, int(provider.clock()), **more)
    await provider.db.write(kept)
    provider.registered[client_id] = registered


def deliverer(provider: Provider, *, networks: Sequence[str] = LOOPBACK) -> Deliverer:
    """What a worker delivers with, that remembers nothing yet."""
    outbound = Outbound(networks)
    keys = ClientKeys(outbound.get, provider.clock)
    return Deliverer(provider.context, ClientCache(provider.db), keys, outbound)


async def deliver(provider: Provider, *, networks: Sequence[str] = LOOPBACK) -> None:
    """One round of one worker."""
    await deliver_logouts(deliverer(provider, networks=networks))


async def logout(browser: Browser, tokens: Tokens) -> None:
    """The portal sends the person to the end session endpoint."""
    query = {"id_token_hint": tokens.id_token, "post_logout_redirect_uri": BYE}
    visit = await browser.open(f"/logout?{urlencode(query)}")
    assert visit.address == BYE


async def expire(provider: Provider) -> None:
    """One round of the job that ends what has expired."""
    await end_expired_sessions(provider.context)


async def follow_registers(provider: Provider) -> None:
    """One round of a worker that knows nothing yet of the registers."""
    await RegisterWatch(provider.context).look()


async def queued(provider: Provider) -> Sequence[Any]:
    """What stands in the outbox."""
    return await logout_outbox.page(provider.db)


@pytest.fixture
async def receiver() -> AsyncIterator[ReceivingPortal]:
    """The endpoint of the portal `told`."""
    async with receiving_portal() as running:
        yield running


@pytest.fixture
async def telling_provider(
    database_url: str,
    registers_url: str,
    provider_ground: Ground,
    receiver: ReceivingPortal,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Provider]:
    """A provider with the portal `told`; its own jobs wait, so that each test says when one delivers."""
    monkeypatch.setattr(schedule, "LOGOUT_SECONDS", NEVER)
    monkeypatch.setattr(schedule, "INCIDENT_SECONDS", NEVER)
    async with running_provider(
        database_url, registers_url, provider_ground, outbound_networks=LOOPBACK
    ) as provider:
        await provider.open_account(*CITIZENS)
        await add_portal(provider, "told", receiver.uri, backchannel_logout_session_required=True)
        yield provider
