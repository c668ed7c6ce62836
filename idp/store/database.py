"""What every query runs on: one small protocol, two implementations (`sqlite`, `postgresql`).

SQL is authored as SQLAlchemy Core constructs at module level, compiled once for the dialect, and executed by the
driver itself: going through SQLAlchemy's engine costs four times the CPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Executable


class Row(Protocol):
    """A row of either driver: values by column name."""

    def __getitem__(self, key: str, /) -> Any: ...


class NothingChanged(Exception):
    """A required step touched no row; the whole write was rolled back."""


class DatabaseError(Exception):
    """The database could not be reached or opened; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement with its values, part of a write."""

    query: Executable
    values: Mapping[str, object]
    required: bool = False


def step(query: Executable, /, **values: object) -> Step:
    """A statement of a write."""
    return Step(query, values)


def required(query: Executable, /, **values: object) -> Step:
    """A statement that must touch at least one row, or the whole write is undone (`NothingChanged`)."""
    return Step(query, values, required=True)


class Database(Protocol):
    """One database. A read is one statement; a change is one statement or one visible transaction."""

    name: str

    async def fetch_one(self, query: Executable, /, **values: object) -> Row | None:
        """First row of a SELECT, or of one atomic `INSERT|UPDATE|DELETE ... RETURNING`, which commits at once."""

    async def fetch_all(self, query: Executable, /, **values: object) -> Sequence[Row]:
        """All rows, as `fetch_one`."""

    async def write(self, *steps: Step) -> None:
        """Run the steps in order in one transaction.

        Raises:
            NothingChanged: a required step touched nothing; all is rolled back.
        """

    async def append(self, *rows: Step) -> None:
        """Insert fresh rows together; commits shared with other requests' appends, durable when this returns.

        The rows must not depend on rows of other appends; inserts only, no RETURNING.
        """

    async def prepare(self, query: Executable, /) -> None:
        """Have the database parse and plan a statement without running it."""

    async def close(self) -> None:
        """Let running work finish and close every connection."""


async def open_database(url: str, *, pool_size: int = 8, read_only: bool = False) -> Database:
    """Open `sqlite:///path` or `postgresql://...`.

    Raises:
        DatabaseError: one sentence why it cannot be opened.
    """
    if url.startswith("sqlite:///"):
        from idp.store.sqlite import SqliteDatabase  # noqa: PLC0415 - only the driver in use is loaded

        return SqliteDatabase.open(url.removeprefix("sqlite:///"), read_only=read_only)
    from idp.store.postgresql import PostgresDatabase  # noqa: PLC0415 - only the driver in use is loaded

    return await PostgresDatabase.open(url, pool_size=pool_size, read_only=read_only)
