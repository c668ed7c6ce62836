"""Bulk writing on SQLite: WAL, large cache, many rows a statement."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Executable, Insert, Table
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.schema import ExecutableDDLElement, SetColumnComment, SetTableComment

from idp.registers.bulk import RegistersUnavailable
from idp.store.compiled import QueryCache
from idp.store.database import Row
from idp.store.sqlite import connect

_SETTINGS: Final = (
    "PRAGMA synchronous=NORMAL",  # an interrupted load goes on from what the file holds
    "PRAGMA cache_size=-65536",  # 64 MiB: the upper levels of the indexes stay in memory
    "PRAGMA temp_store=MEMORY",
    "PRAGMA wal_autocheckpoint=8000",
)


class SqliteBulk:
    """See `idp.registers.bulk.Bulk`."""

    name = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._dialect = sqlite_dialect(paramstyle="qmark")
        self._queries = QueryCache(self._dialect)
        self._inserts: dict[str, Insert] = {}

    @classmethod
    def open(cls, path: str) -> SqliteBulk:
        """Open the file for bulk writing; raise `RegistersUnavailable` where that is impossible."""
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            connection = connect(path)
            for setting in _SETTINGS:
                connection.execute(setting)
        except (sqlite3.Error, OSError) as error:
            raise RegistersUnavailable(f"The registers {path} cannot be opened: {error}.") from error
        return cls(connection)

    async def run(self, query: Executable, /, **values: object) -> Sequence[Row]:
        """See `Bulk.run`."""
        compiled = self._queries.get(query)
        rows: list[sqlite3.Row] = self._connection.execute(
            compiled.sql, compiled.arguments(values)
        ).fetchall()
        return rows

    async def change(self, query: Executable, /, **values: object) -> int:
        """See `Bulk.change`."""
        compiled = self._queries.get(query)
        return self._connection.execute(compiled.sql, compiled.arguments(values)).rowcount

    async def define(self, definition: ExecutableDDLElement) -> None:
        """See `Bulk.define`; SQLite keeps no comments."""
        if not isinstance(definition, SetColumnComment | SetTableComment):
            self._connection.execute(str(definition.compile(dialect=self._dialect)))

    async def fill(self, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
        """See `Bulk.fill`."""
        insert = self._inserts.setdefault(table.name, table.insert())
        self._connection.executemany(self._queries.get(insert).sql, rows)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """See `Bulk.transaction`."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    async def close(self) -> None:
        """See `Bulk.close`; gathers statistics, so that the planner knows the tables."""
        self._connection.execute("PRAGMA optimize")
        self._connection.close()
