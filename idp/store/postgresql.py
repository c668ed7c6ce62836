"""PostgreSQL through asyncpg, with statements of several requests sent as one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import asyncpg
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect

from idp.store import postgresql_groups as groups
from idp.store.compiled import CompiledQuery, QueryCache
from idp.store.database import DatabaseError, NothingChanged, Row, Step
from idp.store.grouping import Grouping
from idp.store.postgresql_pool import ConnectionPool

COMMAND_TIMEOUT_SECONDS: Final = 30
READS_AT_ONCE: Final = 2
"""Groups of one read under way: while one is answered the next is on its way."""

_SERVER: Final = {
    "jit": "off",  # every statement of ours is short
    "application_name": "motcua",
    # Every statement of ours finds its rows by an index. A plan made while a table was nearly empty is kept, and must
    # not read all of it when it has grown.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}

Arguments: TypeAlias = list[object]
Shape: TypeAlias = tuple[tuple[int, bool], ...]
Fetch: TypeAlias = Callable[[Arguments], Awaitable[Row | None]]


class PostgresDatabase:
    """One pool of connections; see `idp.store.database.Database`."""

    name = "postgresql"

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._queries = QueryCache(asyncpg_dialect.dialect())
        self._fetches: dict[int, Fetch] = {}
        self._finishing: list[Callable[[], Awaitable[None]]] = []
        self._appends: Grouping[Sequence[Step], None] = Grouping(self._append_all)
        self._inserts: dict[tuple[int, ...], str | None] = {}
        self._writes: dict[Shape, str | None] = {}
        self._grouped_writes: dict[Shape, Grouping[list[Arguments], bool] | None] = {}

    @classmethod
    async def open(cls, url: str, *, pool_size: int = 8, read_only: bool = False) -> PostgresDatabase:
        """Open a pool of at most so many connections."""
        server = _SERVER | ({"default_transaction_read_only": "on"} if read_only else {})
        connect = partial(
            asyncpg.connect, url, command_timeout=COMMAND_TIMEOUT_SECONDS, server_settings=server
        )
        try:
            pool = await ConnectionPool.open(connect, pool_size)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            raise DatabaseError(f"The PostgreSQL database cannot be opened: {error}.") from error
        return cls(pool)

    async def fetch_one(self, query: Executable, /, **values: object) -> Row | None:
        """See `Database.fetch_one`."""
        compiled = self._queries.get(query)
        fetch = self._fetches.get(id(compiled))
        if fetch is None:
            fetch = self._fetches[id(compiled)] = self._fetch_of(compiled)
        return await fetch(compiled.arguments(values))

    async def fetch_all(self, query: Executable, /, **values: object) -> Sequence[Row]:
        """See `Database.fetch_all`."""
        compiled = self._queries.get(query)
        async with self._pool.use() as connection:
            rows: Sequence[Row] = await connection.fetch(compiled.sql, *compiled.arguments(values))
        return rows

    async def write(self, *steps: Step) -> None:
        """See `Database.write`.

        With other writes of its shape as one statement where the first step decides about plain inserts; alone as one
        statement where the steps do not see each other; else a transaction of several.
        """
        grouping = self._grouping_of(steps) if len(steps) > 1 else None
        if grouping is not None:
            if not await grouping.do(
                [self._queries.get(step.query).arguments(step.values) for step in steps]
            ):
                raise NothingChanged
            return
        await self._write_alone(steps)

    async def _write_alone(self, steps: Sequence[Step]) -> None:
        merged = self._merged(steps) if len(steps) > 1 else None
        async with self._pool.use() as connection:
            if merged is None:
                async with connection.transaction():
                    for step in steps:
                        await self._run(connection, step)
                return
            arguments = [
                value for step in steps for value in self._queries.get(step.query).arguments(step.values)
            ]
            try:
                await connection.fetchrow(merged, *arguments)
            except asyncpg.DivisionByZeroError as nothing:
                raise NothingChanged from nothing

    def _grouping_of(self, steps: Sequence[Step]) -> Grouping[list[Arguments], bool] | None:
        """The queue of writes of this shape, if they can be done together."""
        shape = _shape_of(steps)
        if shape not in self._grouped_writes:
            compiled = [self._queries.get(step.query) for step in steps]
            apart = len({groups.table_of(one) for one in compiled}) == len(compiled)
            grouped = groups.grouped_write(compiled, [step.required for step in steps]) if apart else None
            self._grouped_writes[shape] = None if grouped is None else self._writing_together(grouped)
        return self._grouped_writes[shape]

    def _writing_together(self, grouped: groups.GroupedChange) -> Grouping[list[Arguments], bool]:
        work = partial(self._write_group, grouped.sql)
        together: Grouping[list[Arguments], bool] = Grouping(work, key=lambda write: grouped.key(write[0]))
        self._finishing.append(together.finish)
        return together

    async def _write_group(self, sql: str, writes: Sequence[list[Arguments]]) -> Sequence[bool]:
        columns = (column for step in zip(*writes, strict=True) for column in groups.arrays(step))
        async with self._pool.use() as connection:
            rows = await connection.fetch(sql, *columns)
        return [found is not None for found in groups.by_position(rows, len(writes))]

    def _merged(self, steps: Sequence[Step]) -> str | None:
        """The steps as one statement, if each touches rows of its own."""
        compiled = [self._queries.get(step.query) for step in steps]
        if not _is_apart(compiled, steps):
            return None
        shape = _shape_of(steps)
        if shape not in self._writes:
            self._writes[shape] = groups.merged_write(compiled, [step.required for step in steps])
        return self._writes[shape]

    async def append(self, *rows: Step) -> None:
        """See `Database.append`."""
        await self._appends.do(rows)

    async def prepare(self, query: Executable, /) -> None:
        """See `Database.prepare`; the form for groups as well, where there is one."""
        compiled = self._queries.get(query)
        change = groups.grouped_change(compiled)
        forms = (
            compiled.sql,
            groups.grouped_read(compiled),
            groups.grouped_insert([compiled]),
            None if change is None else change.sql,
        )
        async with self._pool.use() as connection:
            for form in forms:
                if form is not None:
                    await connection.prepare(form)

    async def close(self) -> None:
        """See `Database.close`."""
        await self._appends.finish()
        for finish in self._finishing:
            await finish()
        await self._pool.close()

    def _fetch_of(self, compiled: CompiledQuery) -> Fetch:
        """How the first row of a query is fetched: with others of its kind where that is possible."""
        read = groups.grouped_read(compiled)
        if read is not None:
            work = partial(self._fetch_group, compiled, read)
            return self._grouping(Grouping(work, at_once=READS_AT_ONCE))
        change = groups.grouped_change(compiled)
        if change is not None:
            work = partial(self._fetch_group, compiled, change.sql)
            return self._grouping(Grouping(work, key=change.key))
        return partial(self._fetch_alone, compiled)

    def _grouping(self, grouping: Grouping[Arguments, Row | None]) -> Fetch:
        self._finishing.append(grouping.finish)
        return grouping.do

    async def _fetch_alone(self, compiled: CompiledQuery, arguments: Arguments) -> Row | None:
        async with self._pool.use() as connection:
            row: Row | None = await connection.fetchrow(compiled.sql, *arguments)
        return row

    async def _fetch_group(
        self, compiled: CompiledQuery, grouped: str, group: Sequence[Arguments]
    ) -> Sequence[Row | None]:
        if len(group) == 1:
            return [await self._fetch_alone(compiled, group[0])]
        async with self._pool.use() as connection:
            rows = await connection.fetch(grouped, *groups.arrays(group))
        return groups.by_position(rows, len(group))

    async def _run(self, connection: Any, step: Step) -> None:
        compiled = self._queries.get(step.query)
        tag = await connection.execute(compiled.sql, *compiled.arguments(step.values))
        if step.required and _rows_touched(tag) < 1:
            raise NothingChanged

    async def _append_all(self, group: Sequence[Sequence[Step]]) -> Sequence[None]:
        """Insert the rows of several requests, atomic together."""
        by_query: dict[int, list[Step]] = {}
        for step in (step for rows in group for step in rows):
            by_query.setdefault(id(step.query), []).append(step)
        kinds = [by_query[number] for number in sorted(by_query)]
        queries = [self._queries.get(same[0].query) for same in kinds]
        rows = [
            [compiled.arguments(step.values) for step in same]
            for compiled, same in zip(queries, kinds, strict=True)
        ]
        await self._insert(queries, rows)
        return [None] * len(group)

    async def _insert(self, queries: Sequence[CompiledQuery], rows: Sequence[list[Arguments]]) -> None:
        async with self._pool.use() as connection:
            if len(rows) == 1 and len(rows[0]) == 1:
                await connection.execute(queries[0].sql, *rows[0][0])
                return
            names = tuple(map(id, queries))
            if names not in self._inserts:
                self._inserts[names] = groups.grouped_insert(queries)
            together = self._inserts[names]
            if together is not None:
                columns = (column for same in rows for column in groups.arrays(same))
                await connection.execute(together, *columns)
                return
            async with connection.transaction():
                for compiled, same in zip(queries, rows, strict=True):
                    await connection.executemany(compiled.sql, same)


def _shape_of(steps: Sequence[Step]) -> Shape:
    return tuple((id(step.query), step.required) for step in steps)


def _is_apart(compiled: Sequence[CompiledQuery], steps: Sequence[Step]) -> bool:
    """Whether no two steps can touch one row: other tables, or one statement for names with nothing in common."""
    seen: dict[str, tuple[CompiledQuery, set[str | bytes]]] = {}
    for one, step in zip(compiled, steps, strict=True):
        table = groups.table_of(one)
        names = {value for value in step.values.values() if isinstance(value, (str, bytes))}
        if not table:
            return False
        if table in seen:
            other, taken = seen[table]
            if other is not one or names & taken:
                return False
            names |= taken
        seen[table] = (one, names)
    return True


def _rows_touched(tag: str) -> int:
    """The count in a command tag such as `UPDATE 3` or `INSERT 0 1`."""
    count = tag.rpartition(" ")[2]
    return int(count) if count.isdecimal() else 0
