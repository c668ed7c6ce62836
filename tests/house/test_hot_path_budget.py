"""What the busiest requests may cost: statements on either database, and signatures. A country sends millions a day."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from sqlalchemy import Executable

import idp.app
from idp.store.database import Database, Row, Step, open_database
from keys.backends.software import SoftwareSigner
from tests.support.browsing import Browser
from tests.support.fapi import FAPI2, SIGNING, FapiPortal
from tests.support.population import HOA, HOA_BINH, KHANG
from tests.support.portals import Asked, Tokens
from tests.support.provider import Ground, Provider, running_provider


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request asks for.

    `appends` are inserts of fresh rows that share their commit with other requests'; `writes` are the steps of one
    write of this request alone.
    """

    reads: int = 0
    appends: int = 0
    writes: int = 0
    registers: int = 0
    signatures: int = 0


BUDGET = {
    "authorization request with a session": Cost(reads=1, appends=1, registers=1),
    "the same, for an organisation": Cost(reads=1, appends=1, registers=2),
    "code": Cost(reads=2, appends=1, registers=1, signatures=2),
    "code, with a refresh token": Cost(reads=2, appends=1, registers=1, signatures=2),
    "refresh": Cost(reads=2, writes=2, registers=1, signatures=2),
    "client credentials, by assertion": Cost(reads=1, appends=1, signatures=1),
    "UserInfo": Cost(reads=1, appends=1, registers=1),
    "UserInfo, with how the person can be reached": Cost(reads=2, appends=1, registers=1),
    "UserInfo, for an organisation, signed": Cost(reads=1, appends=1, registers=2, signatures=1),
    "introspection of a person's token": Cost(reads=1, registers=1),
    "introspection of a machine's token": Cost(reads=1),
    "discovery": Cost(),
    "keys": Cost(),
}
"""`reads` counts single statements, a burn (UPDATE ... RETURNING) among them."""

BOUND: Final = {
    "pushed request": Cost(reads=2, appends=1),
    "authorization request, pushed, with a session": Cost(reads=2, writes=3, registers=1),
    "the same, answered in a JWT": Cost(reads=2, writes=3, registers=1, signatures=1),
    "code": Cost(reads=4, appends=1, registers=1, signatures=2),
    "refresh, not rotated": Cost(reads=4, appends=1, registers=1, signatures=2),
    "UserInfo": Cost(reads=2, appends=1, registers=1),
}
"""The same of a portal of the profile `fapi2`. Its assertion and its proof are used up by two statements at once."""


class Meter:
    """Counts what passes; reset before each measured request."""

    def __init__(self) -> None:
        self.cost = Cost()

    def count(self, kind: str, number: int = 1) -> None:
        """Note some more of one kind."""
        self.cost = replace(self.cost, **{kind: getattr(self.cost, kind) + number})


class MeteredDatabase:
    """A database that counts; `registers` marks every statement as one of the registers."""

    def __init__(self, inner: Database, meter: Meter, *, registers: bool) -> None:
        self.name = inner.name
        self._inner = inner
        self._meter = meter
        self._registers = registers

    def _count(self, kind: str, number: int = 1) -> None:
        task = asyncio.current_task()
        if task is not None and task.get_name().startswith("job-"):
            return  # the worker's own jobs go on beside the requests
        self._meter.count("registers" if self._registers else kind, number)

    async def fetch_one(self, query: Executable, /, **values: object) -> Row | None:
        self._count("reads")
        return await self._inner.fetch_one(query, **values)

    async def fetch_all(self, query: Executable, /, **values: object) -> Sequence[Row]:
        self._count("reads")
        return await self._inner.fetch_all(query, **values)

    async def write(self, *steps: Step) -> None:
        self._count("writes", len(steps))
        await self._inner.write(*steps)

    async def append(self, *rows: Step) -> None:
        self._count("appends")
        await self._inner.append(*rows)

    async def prepare(self, query: Executable, /) -> None:
        await self._inner.prepare(query)

    async def close(self) -> None:
        await self._inner.close()


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Meter:
    meter = Meter()

    async def open_metered(url: str, *, pool_size: int = 8, read_only: bool = False) -> Database:
        inner = await open_database(url, pool_size=pool_size, read_only=read_only)
        return MeteredDatabase(inner, meter, registers=read_only)

    sign: Callable[..., Awaitable[bytes]] = SoftwareSigner.sign

    async def sign_metered(signer: SoftwareSigner, signing_input: bytes) -> bytes:
        meter.count("signatures")
        return await sign(signer, signing_input)

    monkeypatch.setattr(idp.app, "open_database", open_metered)
    monkeypatch.setattr(SoftwareSigner, "sign", sign_metered)
    return meter


@pytest.fixture
async def metered_provider(
    meter: Meter, database_url: str, registers_url: str, provider_ground: Ground
) -> AsyncIterator[Provider]:
    async with running_provider(database_url, registers_url, provider_ground) as provider:
        await provider.open_account(HOA, KHANG)
        yield provider


async def _cost(meter: Meter, request: Callable[[], Awaitable[Any]]) -> Cost:
    """Of a request like one that was made before: what is cached is cached."""
    await request()
    meter.cost = Cost()
    await request()
    return meter.cost


async def _settled(provider: Provider, browser: Browser, client_id: str, choice: str) -> Tokens:
    """Tokens of somebody who has a session and acts for `choice`."""
    asked, visit = await provider.portal(client_id).send(browser)
    visit = await provider.sign_in(visit, KHANG)
    visit = await provider.settle(await visit.submit(acting_for=choice))
    return await provider.portal(client_id).tokens(asked, visit)


async def _code_cost(provider: Provider, meter: Meter, browser: Browser, client_id: str) -> Cost:
    portal = provider.portal(client_id)

    async def fresh() -> tuple[Asked, str]:
        asked, visit = await portal.send(browser)
        return asked, visit.code

    await portal.redeem(*await fresh())
    asked, code = await fresh()
    meter.cost = Cost()
    await portal.redeem(asked, code)
    return meter.cost


async def _refresh_cost(provider: Provider, meter: Meter, tokens: Tokens) -> Cost:
    portal = provider.portal("dossiers")
    successor = (await portal.refresh(tokens.refresh_token)).json()["refresh_token"]
    meter.cost = Cost()
    assert (await portal.refresh(successor)).status_code == 200
    return meter.cost


async def test_the_busiest_requests_cost_what_the_table_says(
    metered_provider: Provider, meter: Meter
) -> None:
    provider, hoa, khang = metered_provider, metered_provider.browser(), metered_provider.browser()
    ministry, enterprise, dossiers = (
        provider.portal(client_id) for client_id in ("ministry", "enterprise", "dossiers")
    )
    machine, api = provider.portal("machine-es256"), provider.portal("api")
    tokens = await provider.tokens("ministry", HOA, hoa)
    refreshable = await provider.tokens("dossiers", HOA, hoa)
    reached = await provider.tokens("hospital", HOA, hoa, scope="openid phone email")
    organised = await _settled(provider, khang, "enterprise", HOA_BINH.record_id)

    async def machine_token() -> str:
        response = await machine.post("/token", grant_type="client_credentials")
        return str(response.json()["access_token"])

    own = await machine_token()
    measured = {
        "authorization request with a session": await _cost(meter, lambda: ministry.send(hoa)),
        "the same, for an organisation": await _cost(meter, lambda: enterprise.send(khang)),
        "code, with a refresh token": await _code_cost(provider, meter, hoa, "dossiers"),
        "code": await _code_cost(provider, meter, await _entered(provider, "legacy-basic"), "legacy-basic"),
        "refresh": await _refresh_cost(provider, meter, refreshable),
        "client credentials, by assertion": await _cost(meter, machine_token),
        "UserInfo": await _cost(meter, lambda: ministry.userinfo(tokens.access_token)),
        "UserInfo, with how the person can be reached": await _cost(
            meter, lambda: ministry.userinfo(reached.access_token)
        ),
        "UserInfo, for an organisation, signed": await _cost(
            meter, lambda: enterprise.userinfo(organised.access_token)
        ),
        "introspection of a person's token": await _cost(
            meter, lambda: dossiers.introspect(refreshable.access_token)
        ),
        "introspection of a machine's token": await _cost(meter, lambda: api.introspect(own)),
        "discovery": await _cost(meter, lambda: provider.http().get("/.well-known/openid-configuration")),
        "keys": await _cost(meter, lambda: provider.http().get("/jwks")),
    }
    assert measured == BUDGET


async def test_the_same_with_proofs(metered_provider: Provider, meter: Meter) -> None:
    provider, hoa = metered_provider, metered_provider.browser()
    described = {**FAPI2, "grant_types": ["authorization_code", "refresh_token"]}
    portal = await FapiPortal.register(provider, described)
    tokens = await portal.tokens(*await portal.enter(provider, HOA, hoa))
    pushed, other = await portal.push(), await portal.push()
    await hoa.open(other.address(provider.settings.issuer))
    meter.cost = Cost()
    visit = await hoa.open(pushed.address(provider.settings.issuer))
    measured = {"authorization request, pushed, with a session": meter.cost}
    meter.cost = Cost()
    await portal.redeem(pushed.asked, visit.code)
    measured |= {
        "code": meter.cost,
        "the same, answered in a JWT": await _signed_cost(provider, meter, hoa),
        "pushed request": await _cost(meter, portal.push),
        "refresh, not rotated": await _cost(meter, lambda: portal.refresh(tokens.refresh_token)),
        "UserInfo": await _cost(meter, lambda: portal.userinfo(tokens.access_token)),
    }
    assert measured == BOUND


async def _signed_cost(provider: Provider, meter: Meter, browser: Browser) -> Cost:
    signing = await FapiPortal.register(provider, SIGNING)
    await signing.enter(provider, HOA, browser)
    pushed = await signing.push()
    meter.cost = Cost()
    assert set((await browser.open(pushed.address(provider.settings.issuer))).given) == {"response"}
    return meter.cost


async def _entered(provider: Provider, client_id: str) -> Browser:
    browser = provider.browser()
    await provider.enter(client_id, HOA, browser)
    return browser
