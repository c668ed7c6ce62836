"""Connections to PostgreSQL, opened when they are needed and kept.

The driver's own pool costs as much as the query: each use of a connection passes a proxy, a queue, a shielded task and
two timers. Ours hands out the connection itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

import asyncpg

from idp.store.database import NothingChanged

CLOSE_SECONDS = 10


class ConnectionPool:
    """At most `size` connections; `connect` opens one. The one used last is given first: its caches are warm."""

    def __init__(self, connect: Callable[[], Awaitable[Any]], size: int) -> None:
        self._connect = connect
        self._free: list[Any] = []
        self._room = asyncio.Semaphore(size)
        self._size = size

    @classmethod
    async def open(cls, connect: Callable[[], Awaitable[Any]], size: int) -> ConnectionPool:
        """A pool with one connection, so that a wrong address is told at once."""
        pool = cls(connect, size)
        pool._free.append(await connect())
        return pool

    def use(self) -> Lease:
        """`async with pool.use() as connection`: one connection, for one statement or transaction."""
        return Lease(self)

    async def take(self) -> Any:
        """A connection that is alive; waits while all are in use."""
        await self._room.acquire()
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
        try:
            return await self._connect()
        except BaseException:
            self._room.release()
            raise

    def give_back(self, connection: Any, *, sound: bool) -> None:
        """Keep a connection for the next; one in an unknown state is closed instead."""
        if sound and not connection.is_in_transaction():
            self._free.append(connection)
        else:
            connection.terminate()
        self._room.release()

    async def close(self) -> None:
        """Wait for what runs, then close every connection."""
        async with asyncio.timeout(CLOSE_SECONDS):
            for _ in range(self._size):
                await self._room.acquire()
        for connection in self._free:
            await connection.close(timeout=CLOSE_SECONDS)
        self._free.clear()


class Lease:
    """A connection while it is in use. After an error that the server reported it can go on; after others it cannot."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._connection: Any = None

    async def __aenter__(self) -> Any:
        self._connection = await self._pool.take()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.give_back(self._connection, sound=kind is None or _is_answer(error))


def _is_answer(error: BaseException | None) -> bool:
    """Whether the protocol is at rest: the server refused a statement, or the statement was never sent."""
    return isinstance(error, (asyncpg.PostgresError, asyncpg.DataError, NothingChanged))
