"""`INSERT ... ON CONFLICT`, which PostgreSQL and SQLite write alike.

SQLAlchemy keeps the construct in its dialects; PostgreSQL's compiles for SQLite to the same text, which the tests of
every query on both databases hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import Insert, insert


def upsert(table: Table, values: Mapping[str, Any], *, update: Sequence[str]) -> Insert:
    """Insert a row, or set the `update` columns of the row with the same primary key."""
    statement = insert(table).values(values)
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: statement.excluded[name] for name in update},
    )


def insert_unless_present(table: Table, values: Mapping[str, Any]) -> Insert:
    """Insert a row unless its key is taken; with RETURNING it tells who was first."""
    return insert(table).values(values).on_conflict_do_nothing()
