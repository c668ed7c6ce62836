"""A provider where everybody has an account, on a kind of database, or on SQLite for tests that say nothing of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.databases import fresh_database
from tests.support.population import CITIZENS, Citizen
from tests.support.provider import Ground, Provider, running_provider

on_sqlite = pytest.mark.on_sqlite
"""For a test, or a module of tests, whose ground knows both databases, of which one is enough for what it says."""


@asynccontextmanager
async def provider_on(
    kind: str, folder: Path, ground: Ground, *, citizens: Sequence[Citizen] = CITIZENS, **settings: Any
) -> AsyncIterator[Provider]:
    """A running provider on a kind of database, where these citizens have an account."""
    async with (
        fresh_database(kind, "provider", folder) as database_url,
        fresh_database(kind, "registers", folder) as registers_url,
        running_provider(database_url, registers_url, ground, **settings) as provider,
    ):
        await provider.open_account(*citizens)
        yield provider


@asynccontextmanager
async def provider_on_sqlite(
    folder: Path, ground: Ground, *, citizens: Sequence[Citizen] = CITIZENS, **settings: Any
) -> AsyncIterator[Provider]:
    """The same for tests that say nothing about databases."""
    async with provider_on("sqlite", folder, ground, citizens=citizens, **settings) as provider:
        yield provider
