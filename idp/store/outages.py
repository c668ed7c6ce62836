"""Which failures of the drivers mean "not now", and which that the database was never set up."""

from __future__ import annotations

import sqlite3
from typing import Final

from idp.store.database import DatabaseError

# PostgreSQL appendix A: connection exception, transaction rollback (deadlock, serialization failure),
# insufficient resources, operator intervention.
_PASSING_SQLSTATES: Final = ("08", "40", "53", "57")
_UNDEFINED_TABLE: Final = "42P01"
_PASSING_SQLITE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY,
    }
)  # fmt: skip


def is_outage(error: BaseException) -> bool:
    """Whether a database is down or overloaded, so that trying again later makes sense."""
    if isinstance(error, (DatabaseError, ConnectionError, TimeoutError)):
        return True
    if isinstance(error, sqlite3.OperationalError):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING_SQLITE
    state = _sqlstate(error)
    if state:
        return state.startswith(_PASSING_SQLSTATES)
    # asyncpg's own complaint that its connection or pool is gone has no SQLSTATE.
    return type(error).__name__ == "InterfaceError" and type(error).__module__.startswith("asyncpg")


def is_missing_table(error: BaseException) -> bool:
    """Whether a table is not there: the migrations have not run."""
    if isinstance(error, sqlite3.OperationalError):
        return str(error).startswith("no such table")
    return _sqlstate(error) == _UNDEFINED_TABLE


def _sqlstate(error: BaseException) -> str:
    state = getattr(error, "sqlstate", None)
    return state if isinstance(state, str) else ""
