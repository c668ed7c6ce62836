"""The migrations lead to exactly the schema that the queries are written against, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.ext.asyncio import create_async_engine

from idp.store.migrate import HEAD, SCRIPTS, TARGET, upgrade

T = TypeVar("T")
Schema = dict[str, dict[str, Any]]
_ALEMBICS_OWN = "alembic_version"


def schema_of(connection: Connection) -> Schema:
    """What the database itself says that it holds: columns, keys, checks, indexes, comments."""
    found = inspect(connection)
    return {name: _table_of(found, name) for name in found.get_table_names() if name != _ALEMBICS_OWN}


def _table_of(found: Inspector, name: str) -> dict[str, Any]:
    comments = found.dialect.supports_comments
    return {
        "columns": {one["name"]: _said(one) for one in found.get_columns(name)},
        "primary key": found.get_pk_constraint(name),
        "foreign keys": _sorted(found.get_foreign_keys(name)),
        "checks": _sorted(found.get_check_constraints(name)),
        "unique": _sorted(found.get_unique_constraints(name)),
        "indexes": _sorted(found.get_indexes(name)),
        "comment": found.get_table_comment(name) if comments else None,
    }


def _sorted(constraints: list[Any]) -> list[str]:
    return sorted(_said(one) for one in constraints)


def _said(part: Any) -> str:
    """A part as text; types and expressions by what they say."""
    return json.dumps(part, default=str, sort_keys=True)


def create_tables(connection: Connection) -> None:
    """The schema as the code declares it."""
    for metadata in TARGET:
        metadata.create_all(connection)
    connection.commit()


async def _within(url: str, act: Callable[[Connection], T]) -> T:
    if url.startswith("sqlite:"):
        with create_engine(url).connect() as connection:
            return act(connection)
    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.connect() as asynchronous:
        result = await asynchronous.run_sync(act)
    await engine.dispose()
    return result


def test_the_history_is_one_line_to_its_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_the_migrated_schema_is_the_one_in_the_code(database_url: str, empty_database_url: str) -> None:
    await _within(empty_database_url, create_tables)
    declared = await _within(empty_database_url, schema_of)
    migrated = await _within(database_url, schema_of)
    assert migrated.keys() == declared.keys()
    for table, parts in declared.items():
        for part, value in parts.items():
            assert migrated[table][part] == value, f"{part} of {table}"


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    before = await _within(database_url, schema_of)
    await upgrade(database_url)
    assert await _within(database_url, schema_of) == before
