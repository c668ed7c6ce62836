"""Copies of a laid-out PostgreSQL database. One that is given back is restored for the next test of this process.

Making a database copies some three hundred files; to empty one takes a fifth of that.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Self

import asyncpg

from tests.support.postgres import PostgresServer, connected

_MOST_BYTES: Final = 2_000_000
"""By so much a copy may have grown: rows that are deleted leave their place behind."""
_OTHERS: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_STRUCTURE: Final = """
SELECT count(*), max(xmin::text::bigint) FROM (
    SELECT xmin FROM pg_class UNION ALL SELECT xmin FROM pg_attribute UNION ALL SELECT xmin FROM pg_attrdef
    UNION ALL SELECT xmin FROM pg_constraint UNION ALL SELECT xmin FROM pg_trigger UNION ALL SELECT xmin FROM pg_proc
) AS catalogue
"""
"""Changes with every change of a table, an index, a rule or a right."""
_TABLES: Final = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
_IN_ANY_ORDER: Final = "SET session_replication_role = replica"
"""Foreign keys and triggers would ask for one."""


@dataclass(frozen=True, slots=True)
class _State:
    """What makes a database as good as new."""

    structure: tuple[Any, ...]
    size: int
    emptying: str
    rows: Mapping[str, bytes]

    @classmethod
    async def of(cls, connection: asyncpg.Connection) -> Self:
        """As this one is now."""
        tables = [table for (table,) in await connection.fetch(_TABLES)]
        emptying = "; ".join([_IN_ANY_ORDER, *(f'DELETE FROM "{table}"' for table in tables)])  # noqa: S608 - ours
        rows = await _rows(connection, tables)
        return cls(await _structure(connection), await _size(connection), emptying, rows)


async def _structure(connection: asyncpg.Connection) -> tuple[Any, ...]:
    return tuple(await connection.fetchrow(_STRUCTURE))


async def _size(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("SELECT pg_database_size(current_database())"))


async def _rows(connection: asyncpg.Connection, tables: Collection[str]) -> Mapping[str, bytes]:
    kept = {}
    for table in tables:
        if await connection.fetchval(f'SELECT EXISTS (SELECT FROM "{table}")'):  # noqa: S608 - a table of ours
            await connection.copy_from_table(table, output=(output := io.BytesIO()), format="binary")
            kept[table] = output.getvalue()
    return kept


@dataclass(slots=True)
class Copies:
    """Those of one template, on one server, for one process."""

    server: PostgresServer
    template: str
    _idle: list[str] = field(default_factory=list)
    _new: _State | None = None

    @asynccontextmanager
    async def one(self) -> AsyncIterator[str]:
        """Address of a copy that nobody else uses until the end of the block."""
        name = self._idle.pop() if self._idle else await self._make()
        yield self.server.url(name)
        if await self._restore(name):
            self._idle.append(name)
        else:
            await self.server.run(f'DROP DATABASE "{name}" WITH (FORCE)')

    async def _make(self) -> str:
        name = f"{self.template}-{uuid.uuid4().hex[:12]}"
        await self.server.run(f'CREATE DATABASE "{name}" TEMPLATE "{self.template}"')
        if self._new is None:
            async with connected(self.server.url(name)) as connection:
                self._new = await _State.of(connection)
        return name

    async def _restore(self, name: str) -> bool:
        """Make it what it was; False if the test has changed more than rows, or left too many."""
        assert self._new
        async with connected(self.server.url(name)) as connection:
            await connection.execute(_OTHERS)
            if await _structure(connection) != self._new.structure:
                return False
            if await _size(connection) > self._new.size + _MOST_BYTES:
                return False
            await connection.execute(self._new.emptying)
            for table, rows in self._new.rows.items():
                await connection.copy_to_table(table, source=io.BytesIO(rows), format="binary")
        return True
