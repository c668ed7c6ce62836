"""A provider for tables of the protocol that say nothing about databases: on SQLite only, one for a whole file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.databases import fresh_database
from tests.support.population import CITIZENS
from tests.support.provider import Ground, Provider, running_provider


@asynccontextmanager
async def provider_on_sqlite(folder: Path, ground: Ground, **settings: Any) -> AsyncIterator[Provider]:
    """A running provider where every citizen has an account."""
    async with (
        fresh_database("sqlite", "provider", folder) as database_url,
        fresh_database("sqlite", "registers", folder) as registers_url,
        running_provider(database_url, registers_url, ground, **settings) as provider,
    ):
        await provider.open_account(*CITIZENS)
        yield provider
