"""Lays the tables out in empty databases."""

from __future__ import annotations

import importlib
import importlib.util

from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import create_async_engine

from idp.store.migrate import upgrade


def _metadata(module: str) -> list[MetaData]:
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return []
    return [importlib.import_module(module).metadata] if found else []


async def _create_all(url: str, modules: tuple[str, ...]) -> None:
    if url.startswith("sqlite:"):
        from sqlalchemy import create_engine  # noqa: PLC0415

        engine = create_engine(url)
        for module in modules:
            for metadata in _metadata(module):
                metadata.create_all(engine)
        engine.dispose()
        return
    async_engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
    async with async_engine.begin() as connection:
        for module in modules:
            for metadata in _metadata(module):
                await connection.run_sync(metadata.create_all)
    await async_engine.dispose()


async def lay_out_provider(url: str) -> None:
    """The provider's tables, as `motcua migrate` makes them."""
    await upgrade(url)


async def lay_out_registers(url: str) -> None:
    """The tables of the population and business registers, empty."""
    await _create_all(url, ("idp.registers.schema",))
