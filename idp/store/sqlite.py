"""SQLite in WAL mode: one writer thread with group commit, one reader thread, both fed by the event loop.

Several worker processes may share the file: each writer takes the lock with BEGIN IMMEDIATE and waits its turn.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeAlias

from sqlalchemy import Executable
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from idp.store.compiled import CompiledQuery, QueryCache
from idp.store.database import DatabaseError, NothingChanged, Row, Step

BUSY_TIMEOUT_SECONDS = 20
LARGEST_GROUP = 64  # requests that share one commit: bounded so that the first of them does not wait long

Work: TypeAlias = Callable[[sqlite3.Connection], Any]
Job: TypeAlias = tuple[Work, asyncio.Future[Any]]
Result: TypeAlias = tuple[asyncio.Future[Any], Any, BaseException | None]


def connect(path: str, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection with the settings every reader and writer of ours uses."""
    if read_only:
        connection = sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None,
            check_same_thread=False,
        )  # fmt: skip
    else:
        connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode=WAL")
    connection.row_factory = sqlite3.Row
    # FULL: a commit is on the disk when it returns; NORMAL may lose the last ones at a power cut.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


class _Worker(threading.Thread):
    """A thread that owns one connection; `None` in its queue ends it."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._connection = connection
        self._queue: SimpleQueue[Job | None] = SimpleQueue()

    async def run_work(self, work: Work) -> Any:
        """Hand work to the thread and wait for its result."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.put((work, future))
        return await future

    def check(self) -> None:
        """Read once, before the thread starts, so that a broken file is told at the door."""
        self._connection.execute("PRAGMA schema_version").fetchone()

    def stop(self) -> None:
        self._queue.put(None)
        self.join()

    def run(self) -> None:
        while (group := self._take()) is not None:
            _deliver(self._perform(group))
        self._connection.close()

    def _take(self) -> list[Job] | None:
        job = self._queue.get()
        return None if job is None else [job]

    def _perform(self, group: list[Job]) -> list[Result]:
        return [_attempt(self._connection, job) for job in group]


class _Writer(_Worker):
    """Commits all that waits as one group: the disk is asked once for many requests."""

    _ended = False

    def _take(self) -> list[Job] | None:
        if self._ended:
            return None
        first = self._queue.get()
        if first is None:
            return None
        group = [first]
        while len(group) < LARGEST_GROUP and not self._queue.empty():
            job = self._queue.get()
            if job is None:
                self._ended = True
                break
            group.append(job)
        return group

    def _perform(self, group: list[Job]) -> list[Result]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            results = [self._in_savepoint(job) for job in group]
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            return [(future, None, error) for _, future in group]
        return results

    def _in_savepoint(self, job: Job) -> Result:
        self._connection.execute("SAVEPOINT job")
        result = _attempt(self._connection, job)
        if result[2] is not None:
            self._connection.execute("ROLLBACK TO job")
        self._connection.execute("RELEASE job")
        return result


def _attempt(connection: sqlite3.Connection, job: Job) -> Result:
    work, future = job
    try:
        return future, work(connection), None
    except Exception as error:  # noqa: BLE001 - handed to the waiting request, never swallowed
        return future, None, error


def _deliver(results: list[Result]) -> None:
    loops: dict[asyncio.AbstractEventLoop, list[Result]] = {}
    for result in results:
        loops.setdefault(result[0].get_loop(), []).append(result)
    for loop, mine in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, mine)


def _settle(results: list[Result]) -> None:
    for future, value, error in results:
        if future.cancelled():
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


class SqliteDatabase:
    """The embedded database; see `idp.store.database.Database`."""

    name = "sqlite"

    def __init__(self, reader: _Worker, writer: _Worker | None) -> None:
        self._queries = QueryCache(sqlite_dialect(paramstyle="qmark"))
        self._reader = reader
        self._writer = writer

    @classmethod
    def open(cls, path: str, *, read_only: bool = False) -> SqliteDatabase:
        """Open the file; it is created where the folder exists and writing is asked for."""
        folder = Path(path).parent
        if not folder.is_dir():
            raise DatabaseError(f"The folder {folder} of the database does not exist.")
        try:
            writer = None if read_only else _Writer(connect(path), "sqlite-writer")
            reader = _Worker(connect(path, read_only=True), "sqlite-reader")
            reader.check()
        except sqlite3.Error as error:
            raise DatabaseError(f"The database {path} cannot be opened: {error}.") from error
        for worker in filter(None, (reader, writer)):
            worker.start()
        return cls(reader, writer)

    async def fetch_one(self, query: Executable, /, **values: object) -> Row | None:
        """See `Database.fetch_one`."""
        rows = await self.fetch_all(query, **values)
        return rows[0] if rows else None

    async def fetch_all(self, query: Executable, /, **values: object) -> Sequence[Row]:
        """See `Database.fetch_all`."""
        compiled = self._queries.get(query)
        arguments = compiled.arguments(values)
        worker = self._reader if compiled.reads else self._writing()
        rows: Sequence[Row] = await worker.run_work(lambda c: c.execute(compiled.sql, arguments).fetchall())
        return rows

    async def write(self, *steps: Step) -> None:
        """See `Database.write`."""
        prepared = [self._prepare(step) for step in steps]
        await self._writing().run_work(lambda c: _run_steps(c, prepared))

    async def append(self, *rows: Step) -> None:
        """See `Database.append`; group commit is the writer's nature."""
        await self.write(*rows)

    async def prepare(self, query: Executable, /) -> None:
        """See `Database.prepare`."""
        compiled = self._queries.get(query)
        nothing = [None] * len(compiled.names)
        await self._reader.run_work(lambda c: c.execute(f"EXPLAIN {compiled.sql}", nothing).fetchall())

    async def close(self) -> None:
        """See `Database.close`."""
        for worker in filter(None, (self._reader, self._writer)):
            await asyncio.to_thread(worker.stop)

    def _prepare(self, step: Step) -> tuple[CompiledQuery, list[object], bool]:
        compiled = self._queries.get(step.query)
        return compiled, compiled.arguments(step.values), step.required

    def _writing(self) -> _Worker:
        if self._writer is None:
            raise DatabaseError("This database was opened for reading only.")
        return self._writer


def _run_steps(connection: sqlite3.Connection, steps: list[tuple[CompiledQuery, list[object], bool]]) -> None:
    for compiled, arguments, is_required in steps:
        cursor = connection.execute(compiled.sql, arguments)
        touched = len(cursor.fetchall()) if compiled.returns else cursor.rowcount
        if is_required and touched < 1:
            raise NothingChanged
