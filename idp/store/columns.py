"""Shorthands for constructs that name every column once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, Insert, Table, bindparam, insert


def insert_all(table: Table, *omitted: str) -> Insert:
    """INSERT with a value named after each column, but for those left to NULL."""
    return insert(table).values(bound(table, *omitted))


def bound(table: Table, *omitted: str) -> dict[str, BindParameter[Any]]:
    """Column names with parameters of the same name."""
    return {column.name: bindparam(column.name) for column in table.columns if column.name not in omitted}
