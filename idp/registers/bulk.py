"""Whole files into a database: a connection of its own, with the fastest way in that each driver has.

The provider's requests go through `idp.store.database`; this serves the operator's loads and the laying out
of the tables. Two implementations: `bulk_sqlite`, `bulk_postgresql`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from sqlalchemy import Executable, Table
from sqlalchemy.schema import ExecutableDDLElement

from idp.store.database import DatabaseError, Row


class RegistersUnavailable(DatabaseError):
    """The registers' database cannot be used; the message is one sentence for the operator."""


class Bulk(Protocol):
    """One connection that writes much at a time."""

    name: str

    async def run(self, query: Executable, /, **values: object) -> Sequence[Row]:
        """Run one statement; the rows that it returns."""

    async def change(self, query: Executable, /, **values: object) -> int:
        """Run one statement that returns no rows; the number of rows it touched."""

    async def define(self, definition: ExecutableDDLElement) -> None:
        """Run one definition; those that the dialect does not know are left out."""

    async def fill(self, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
        """Append rows, whose values stand in the order of the table's columns."""

    def transaction(self) -> AbstractAsyncContextManager[None]:
        """All or nothing; on SQLite the writer's lock is taken at once."""

    async def close(self) -> None:
        """Close the connection."""


async def open_bulk(url: str) -> Bulk:
    """Open `sqlite:///path` (made with its folder where missing) or `postgresql://...`.

    Raises `RegistersUnavailable`, in one sentence.
    """
    if url.startswith("sqlite:///"):
        from idp.registers.bulk_sqlite import SqliteBulk  # noqa: PLC0415 - only the driver in use is loaded

        return SqliteBulk.open(url.removeprefix("sqlite:///"))
    from idp.registers.bulk_postgresql import PostgresBulk  # noqa: PLC0415 - only the driver in use is loaded

    return await PostgresBulk.open(url)
