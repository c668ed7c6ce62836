"""Fresh, migrated databases for every test: on SQLite and on PostgreSQL, from one parameter.

The tables are laid out once a run in a template; each test gets a copy of it, or one as good as new.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import pytest

from idp.registers.schema import create_registers
from idp.store.database import Database, open_database
from idp.store.migrate import upgrade
from tests.support.ground import alone, shared_ground
from tests.support.postgres import NoPostgres, PostgresServer, running_server
from tests.support.postgres_copies import Copies

KINDS = ("sqlite", pytest.param("postgres", marks=pytest.mark.postgres))


async def _leave_empty(url: str) -> None:
    """An empty file is an empty SQLite database; on PostgreSQL it exists already."""
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).touch()  # noqa: ASYNC240 - a test may wait for its file


_LAYOUTS: Mapping[str, Callable[[str], Awaitable[None]]] = MappingProxyType(
    {"provider": upgrade, "registers": create_registers, "empty": _leave_empty}
)


_COPIES: dict[str, Copies] = {}
"""By the template's name; each process has its own."""


async def _sqlite_template(layout: str) -> Path:
    """Path of the laid-out database file; the first who asks makes it."""
    file = shared_ground() / f"{layout}.db"
    with alone(f"sqlite-{layout}"):
        if not file.exists():
            unfinished = file.with_suffix(".unfinished")
            await _LAYOUTS[layout](f"sqlite:///{unfinished}")
            unfinished.rename(file)
    return file


async def _ensure_postgres_template(server: PostgresServer, layout: str) -> str:
    """Name of the laid-out database on the server; the first who asks makes it."""
    name = f"{shared_ground().name}-{layout}"
    finished = shared_ground() / f"{name}.finished"
    with alone(f"postgres-{layout}"):
        if not finished.exists():
            await server.run(f'CREATE DATABASE "{name}"')
            await _LAYOUTS[layout](server.url(name))
            finished.touch()
    return name


@asynccontextmanager
async def _sqlite_copy(layout: str, folder: Path) -> AsyncIterator[str]:
    file = folder / f"{layout}.db"
    shutil.copyfile(await _sqlite_template(layout), file)
    yield f"sqlite:///{file}"


@asynccontextmanager
async def _postgres_copy(layout: str) -> AsyncIterator[str]:
    try:
        server = running_server()
        template = await _ensure_postgres_template(server, layout)
    except NoPostgres as error:
        pytest.fail(str(error), pytrace=False)
    async with _COPIES.setdefault(template, Copies(server, template)).one() as url:
        yield url


async def drop_postgres_databases() -> None:
    """Leave nothing behind on a server that is not our own."""
    server = running_server()
    for name in await server.databases_of(shared_ground().name):
        await server.run(f'DROP DATABASE "{name}" WITH (FORCE)')


def fresh_database(kind: str, layout: str, folder: Path) -> AbstractAsyncContextManager[str]:
    """Address of a fresh copy of a layout (provider, registers, empty) on a kind of database (sqlite, postgres)."""
    return _postgres_copy(layout) if kind == "postgres" else _sqlite_copy(layout, folder)


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """The kind of database that this run of the test uses."""
    return str(request.param)


@pytest.fixture
async def database_url(database_kind: str, tmp_path: Path) -> AsyncIterator[str]:
    """Address of a fresh, migrated database of the provider."""
    async with fresh_database(database_kind, "provider", tmp_path) as url:
        yield url


@pytest.fixture
async def registers_url(database_kind: str, tmp_path: Path) -> AsyncIterator[str]:
    """Address of fresh, empty registers on the same kind of database."""
    async with fresh_database(database_kind, "registers", tmp_path) as url:
        yield url


@pytest.fixture
async def empty_database_url(database_kind: str, tmp_path: Path) -> AsyncIterator[str]:
    """Address of a database without any table, on the same kind."""
    async with fresh_database(database_kind, "empty", tmp_path) as url:
        yield url


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """The provider's database, open and empty."""
    database = await open_database(database_url)
    yield database
    await database.close()


@asynccontextmanager
async def connections(url: str, count: int) -> AsyncIterator[list[Database]]:
    """One database, opened by several processes as it were."""
    opened = [await open_database(url, pool_size=2) for _ in range(count)]
    yield opened
    for one in opened:
        await one.close()
