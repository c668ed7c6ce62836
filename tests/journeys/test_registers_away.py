"""The registers go away in the middle of a login, and come back: nobody has to begin again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Executable

import idp.app
from idp.store.database import Database, Row, Step, open_database
from tests.support.ciba import COUNTER, Counter
from tests.support.population import HOA
from tests.support.provider import Ground, running_provider


@dataclass(slots=True)
class Line:
    """The way to the registers, which may be cut."""

    cut: bool = False


@dataclass(slots=True)
class RegistersOverLine:
    """Registers that are reached as long as the line is there."""

    inner: Database
    line: Line
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.inner.name

    def _reach(self) -> None:
        if self.line.cut:
            raise ConnectionRefusedError("the registers do not answer")

    async def fetch_one(self, query: Executable, /, **values: object) -> Row | None:
        self._reach()
        return await self.inner.fetch_one(query, **values)

    async def fetch_all(self, query: Executable, /, **values: object) -> Sequence[Row]:
        self._reach()
        return await self.inner.fetch_all(query, **values)

    async def write(self, *steps: Step) -> None:
        await self.inner.write(*steps)

    async def append(self, *rows: Step) -> None:
        await self.inner.append(*rows)

    async def prepare(self, query: Executable, /) -> None:
        await self.inner.prepare(query)

    async def close(self) -> None:
        await self.inner.close()


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    line = Line()

    async def open_over_line(url: str, *, pool_size: int = 8, read_only: bool = False) -> Database:
        inner = await open_database(url, pool_size=pool_size, read_only=read_only)
        return RegistersOverLine(inner, line) if read_only else inner

    monkeypatch.setattr(idp.app, "open_database", open_over_line)
    return line


async def test_a_code_is_not_used_up_while_the_registers_are_away(
    line: Line, database_url: str, registers_url: str, provider_ground: Ground
) -> None:
    async with running_provider(database_url, registers_url, provider_ground) as provider:
        await provider.open_account(HOA)
        portal = provider.portal("dossiers")
        asked, visit = await provider.enter("dossiers", HOA)
        line.cut = True
        for _ in range(2):
            away = await portal.redeem(asked, visit.code)
            assert (away.status_code, away.json()["error"]) == (503, "temporarily_unavailable")
        line.cut = False
        tokens = await portal.read(await portal.redeem(asked, visit.code))
        assert (await portal.introspect(tokens.access_token))["active"] is True
        replayed = await portal.redeem(asked, visit.code)
        assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_grant")
        assert (await portal.introspect(tokens.access_token))["active"] is False


async def test_a_wrong_request_uses_the_code_up_all_the_same(
    line: Line, database_url: str, registers_url: str, provider_ground: Ground
) -> None:
    async with running_provider(database_url, registers_url, provider_ground) as provider:
        await provider.open_account(HOA)
        portal = provider.portal("dossiers")
        asked, visit = await provider.enter("dossiers", HOA)
        line.cut = True
        wrong = await portal.redeem(asked, visit.code, code_verifier="x" * 43)
        assert wrong.json()["error"] == "invalid_grant"
        line.cut = False
        assert (await portal.redeem(asked, visit.code)).json()["error"] == "invalid_grant"


async def test_a_portal_asks_somebody_elsewhere_while_the_registers_are_away(
    line: Line, database_url: str, registers_url: str, provider_ground: Ground
) -> None:
    """Nobody is looked up for it, so it can learn of nobody (CIBA Core §15)."""
    async with running_provider(database_url, registers_url, provider_ground) as provider:
        counter = await Counter.register(provider, COUNTER)
        line.cut = True
        assert (await counter.ask_for()).auth_req_id
