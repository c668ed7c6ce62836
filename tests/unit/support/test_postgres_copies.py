"""A database that a test gives back is as good as new, or it is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import asyncpg
import pytest

from tests.support.ground import shared_ground
from tests.support.postgres import connected, running_server
from tests.support.postgres_copies import Copies

pytestmark = pytest.mark.postgres

TABLES: Final = """
CREATE TABLE families (name text PRIMARY KEY);
CREATE TABLE people (name text PRIMARY KEY, family text NOT NULL REFERENCES families, seen timestamptz);
INSERT INTO families VALUES ('Nguyễn'), ('Trần');
INSERT INTO people VALUES ('Hoa', 'Nguyễn', '2026-01-01T00:00:00Z');
"""
CONTENTS: Final = (
    "SELECT people.*, families.* FROM people FULL JOIN families ON family = families.name ORDER BY 1, 4"
)


@pytest.fixture
async def copies() -> AsyncIterator[Copies]:
    server, template = running_server(), f"{shared_ground().name}-copied"
    await server.run(f'CREATE DATABASE "{template}"')
    async with connected(server.url(template)) as connection:
        await connection.execute(TABLES)
    yield Copies(server, template)
    for name in await server.databases_of(template):
        await server.run(f'DROP DATABASE "{name}" WITH (FORCE)')


async def _contents(url: str) -> list[tuple[object, ...]]:
    async with connected(url) as connection:
        return [tuple(row) for row in await connection.fetch(CONTENTS)]


@pytest.mark.parametrize(
    "left",
    [
        "DELETE FROM people; DELETE FROM families",
        "INSERT INTO families VALUES ('Lê')",
        "UPDATE people SET family = 'Trần', seen = NULL",
    ],
)
async def test_rows_are_what_they_were(copies: Copies, left: str) -> None:
    async with copies.one() as url, connected(url) as connection:
        before = await _contents(url)
        await connection.execute(left)
        assert await _contents(url) != before
    async with copies.one() as again:
        assert again == url
        assert await _contents(again) == before


@pytest.mark.parametrize(
    "left",
    [
        "DROP TABLE people",
        "CREATE TABLE more (name text)",
        "ALTER TABLE people DROP COLUMN seen",
        "ALTER TABLE people ALTER seen SET DEFAULT now()",
        "ALTER TABLE people DROP CONSTRAINT people_family_fkey",
        "CREATE INDEX by_family ON people (family)",
        "GRANT SELECT ON people TO public",
        "INSERT INTO families SELECT md5(random()::text) FROM generate_series(1, 30000)",
    ],
)
async def test_what_is_not_as_good_as_new_is_gone(copies: Copies, left: str) -> None:
    async with copies.one() as url:
        before = await _contents(url)
        async with connected(url) as connection:
            await connection.execute(left)
    async with copies.one() as other:
        assert other != url
        assert await _contents(other) == before


async def test_who_stays_connected_is_sent_away(copies: Copies) -> None:
    async with copies.one() as url:
        stays = await asyncpg.connect(url)
        await stays.execute("BEGIN; LOCK TABLE people")
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await stays.execute("SELECT 1")
    async with copies.one() as again:
        assert again == url
        assert len(await _contents(again)) == 2


async def test_two_at_once_have_one_each(copies: Copies) -> None:
    async with copies.one() as one, copies.one() as other:
        assert one != other
