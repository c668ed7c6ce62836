"""Bulk writing on PostgreSQL: COPY in the binary format."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final

import asyncpg
from sqlalchemy import Executable, Table
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.schema import ExecutableDDLElement

from idp.registers.bulk import RegistersUnavailable
from idp.store.compiled import QueryCache
from idp.store.database import Row

_SETTINGS: Final = MappingProxyType(
    {
        # What is written is soon read again: a batch finds its rows by index and never reads a whole register.
        "random_page_cost": "1.1",
        # Compiling a statement would take ten times as long as running it over one batch.
        "jit": "off",
        # A load that a crash cut short is loaded again; nobody waits for its commits.
        "synchronous_commit": "off",
    }
)


class PostgresBulk:
    """See `idp.registers.bulk.Bulk`."""

    name = "postgresql"

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._dialect = asyncpg_dialect.dialect()
        self._queries = QueryCache(self._dialect)

    @classmethod
    async def open(cls, url: str) -> PostgresBulk:
        """Connect; raise `RegistersUnavailable` where that is impossible."""
        try:
            connection = await asyncpg.connect(url, server_settings=dict(_SETTINGS))
        except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise RegistersUnavailable(f"The registers' PostgreSQL cannot be reached: {error}.") from error
        return cls(connection)

    async def run(self, query: Executable, /, **values: object) -> Sequence[Row]:
        """See `Bulk.run`."""
        compiled = self._queries.get(query)
        rows: Sequence[Row] = await self._connection.fetch(compiled.sql, *compiled.arguments(values))
        return rows

    async def change(self, query: Executable, /, **values: object) -> int:
        """See `Bulk.change`; the count stands at the end of the command's tag (`INSERT 0 3`)."""
        compiled = self._queries.get(query)
        tag: str = await self._connection.execute(compiled.sql, *compiled.arguments(values))
        return int(tag.rpartition(" ")[2])

    async def define(self, definition: ExecutableDDLElement) -> None:
        """See `Bulk.define`."""
        await self._connection.execute(str(definition.compile(dialect=self._dialect)))

    async def fill(self, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
        """See `Bulk.fill`; without fresh statistics the planner takes a full table for an empty one."""
        columns = [column.name for column in table.columns]
        await self._connection.copy_records_to_table(table.name, records=rows, columns=columns)
        await self._connection.execute(f"ANALYZE {table.name}")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """See `Bulk.transaction`."""
        async with self._connection.transaction():
            yield

    async def close(self) -> None:
        """See `Bulk.close`."""
        await self._connection.close()
