"""Brings a database to the schema of this release; Alembic is loaded only here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, MetaData, Table, Text, create_engine, pool, select
from sqlalchemy.exc import SQLAlchemyError

import keys.store
from idp.store import (
    backchannel_schema,
    device_schema,
    person_schema,
    pushed_schema,
    readiness_schema,
    registration_schema,
)
from idp.store.database import Database, DatabaseError
from idp.store.schema_parts import metadata

HEAD: Final = "0013"  # the newest migration; a test holds that it is
SCHEMAS = (
    backchannel_schema,
    device_schema,
    person_schema,
    pushed_schema,
    registration_schema,
)  # loaded, so that `metadata` holds their tables
TARGET = (metadata, readiness_schema.metadata, keys.store.metadata)
SCRIPTS = Path(__file__).resolve().parent.parent.parent / "migrations"

_version = Table("alembic_version", MetaData(), Column("version_num", Text, primary_key=True))
VERSION = select(_version.c.version_num)


async def upgrade(url: str) -> None:
    """Apply every migration that is missing.

    Raises:
        DatabaseError: one sentence, when the database cannot be reached or changed.
    """
    try:
        if url.startswith("sqlite:///"):
            _upgrade_sqlite(url)
        else:
            await _upgrade_postgresql(url)
    except (SQLAlchemyError, OSError) as error:
        raise DatabaseError(f"The database could not be migrated: {error}") from error


def _upgrade_sqlite(url: str) -> None:
    with create_engine(url, poolclass=pool.NullPool).connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        _run(connection)
        connection.commit()


async def _upgrade_postgresql(url: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - greenlet is not needed to serve

    driver_url = url.replace("postgresql://", "postgresql+asyncpg://", 1)
    async with create_async_engine(driver_url, poolclass=pool.NullPool).connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()


def _run(connection: Any) -> None:
    from alembic import command  # noqa: PLC0415 - migrations only
    from alembic.config import Config  # noqa: PLC0415 - migrations only

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def version(db: Database) -> str | None:
    """The migration a database is at; None where there is none."""
    try:
        row = await db.fetch_one(VERSION)
    except Exception:  # noqa: BLE001 - each driver has its own error for a table that is not there
        return None
    return None if row is None else str(row["version_num"])
