from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from idp.store.database import Database, open_database
from tests.unit.registers.country import load_here, write_country


@pytest.fixture
async def country(registers_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    """The registers with the small country in them, open as the provider opens them."""
    await load_here(write_country(tmp_path), registers_url)
    database = await open_database(registers_url, pool_size=2, read_only=True)
    yield database
    await database.close()
