"""A provider for tests that say nothing about databases: on SQLite only."""

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
async def provider_on_sqlite(
    folder: Path, ground: Ground, *, citizens: Sequence[Citizen] = CITIZENS, **settings: Any
) -> AsyncIterator[Provider]:
    """A running provider where these citizens have an account."""
    async with (
        fresh_database("sqlite", "provider", folder) as database_url,
        fresh_database("sqlite", "registers", folder) as registers_url,
        running_provider(database_url, registers_url, ground, **settings) as provider,
    ):
        await provider.open_account(*citizens)
        yield provider
