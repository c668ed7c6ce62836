"""PostgreSQL through asyncpg, with appends of several requests sent as one statement."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect

from idp.store.compiled import QueryCache
from idp.store.database import DatabaseError, NothingChanged, Row, Step

COMMAND_TIMEOUT_SECONDS = 30
LARGEST_GROUP = 128  # appends that share one commit


async def _no_reset(_connection: object) -> None:
    """Nothing we do leaves session state behind; the driver's reset query would cost a round trip each time."""


class PostgresDatabase:
    """One pool of connections; see `idp.store.database.Database`."""

    name = "postgresql"

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._queries = QueryCache(asyncpg_dialect.dialect())
        self._waiting: list[tuple[tuple[Step, ...], asyncio.Future[None]]] = []
        self._flush: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, url: str, *, pool_size: int = 8, read_only: bool = False) -> PostgresDatabase:
        """Open a pool; the server's JIT is off because every statement of ours is short."""
        server = {"jit": "off", "application_name": "motcua"}
        if read_only:
            server["default_transaction_read_only"] = "on"
        try:
            pool = await asyncpg.create_pool(
                url, min_size=1, max_size=pool_size, command_timeout=COMMAND_TIMEOUT_SECONDS,
                server_settings=server, reset=_no_reset,
            )  # fmt: skip
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise DatabaseError(f"The PostgreSQL database cannot be opened: {error}.") from error
        return cls(pool)

    async def fetch_one(self, query: Executable, /, **values: object) -> Row | None:
        """See `Database.fetch_one`."""
        compiled = self._queries.get(query)
        async with self._pool.acquire() as connection:
            row: Row | None = await connection.fetchrow(compiled.sql, *compiled.arguments(values))
        return row

    async def fetch_all(self, query: Executable, /, **values: object) -> Sequence[Row]:
        """See `Database.fetch_all`."""
        compiled = self._queries.get(query)
        async with self._pool.acquire() as connection:
            rows: Sequence[Row] = await connection.fetch(compiled.sql, *compiled.arguments(values))
        return rows

    async def write(self, *steps: Step) -> list[Sequence[Row]]:
        """See `Database.write`."""
        async with self._pool.acquire() as connection, connection.transaction():
            return [await self._run(connection, step) for step in steps]

    async def append(self, *rows: Step) -> None:
        """See `Database.append`: what waits while a group is being written forms the next group."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, future))
        if self._flush is None:
            self._flush = asyncio.create_task(self._flush_groups())
        await future

    async def prepare(self, query: Executable, /) -> None:
        """See `Database.prepare`."""
        async with self._pool.acquire() as connection:
            await connection.prepare(self._queries.get(query).sql)

    async def close(self) -> None:
        """See `Database.close`."""
        if self._flush is not None:
            await self._flush
        await self._pool.close()

    async def _run(self, connection: Any, step: Step) -> Sequence[Row]:
        compiled = self._queries.get(step.query)
        arguments = compiled.arguments(step.values)
        if compiled.returns:
            rows: Sequence[Row] = await connection.fetch(compiled.sql, *arguments)
            touched = len(rows)
        else:
            rows = ()
            touched = _rows_touched(await connection.execute(compiled.sql, *arguments))
        if step.required and touched < 1:
            raise NothingChanged
        return rows

    async def _flush_groups(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:LARGEST_GROUP], self._waiting[LARGEST_GROUP:]
            await self._write_group(group)
        self._flush = None

    async def _write_group(self, group: list[tuple[tuple[Step, ...], asyncio.Future[None]]]) -> None:
        try:
            await self._insert([step for rows, _ in group for step in rows])
        except Exception as error:  # noqa: BLE001 - one bad row must not fail the others: each is tried alone
            if len(group) == 1:
                _settle(group[0][1], error)
                return
            for job in group:
                await self._write_group([job])
            return
        for _, future in group:
            _settle(future, None)

    async def _insert(self, steps: Sequence[Step]) -> None:
        by_query: dict[int, list[Step]] = {}
        for step in steps:
            by_query.setdefault(id(step.query), []).append(step)
        async with self._pool.acquire() as connection:
            if len(by_query) == 1:
                await self._insert_many(connection, steps)  # executemany is atomic by itself
                return
            async with connection.transaction():
                for same in by_query.values():
                    await self._insert_many(connection, same)

    async def _insert_many(self, connection: Any, steps: Sequence[Step]) -> None:
        compiled = self._queries.get(steps[0].query)
        if len(steps) == 1:
            await connection.execute(compiled.sql, *compiled.arguments(steps[0].values))
        else:
            await connection.executemany(compiled.sql, [compiled.arguments(step.values) for step in steps])


def _rows_touched(tag: str) -> int:
    """The count in a command tag such as `UPDATE 3` or `INSERT 0 1`."""
    count = tag.rpartition(" ")[2]
    return int(count) if count.isdecimal() else 0


def _settle(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
