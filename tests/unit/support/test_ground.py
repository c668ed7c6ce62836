"""The tests' own ground holds: the network is closed, the databases are fresh, the browser stays at home."""

from __future__ import annotations

import asyncio
import socket

import pytest
from playwright.async_api import Error, Page
from sqlalchemy import bindparam, insert, select

from idp.registers.schema import people
from idp.store.database import Database, open_database
from idp.store.schema import versions
from tests.support.network import NetworkClosed

_KEEP = insert(versions).values(name=bindparam("name"), version=bindparam("version"))
_FIND = select(versions.c.name).where(versions.c.name == bindparam("name"))


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.org"])
def test_a_test_cannot_leave_the_machine(host: str) -> None:
    with pytest.raises(NetworkClosed):
        socket.create_connection((host, 443), timeout=1)


async def test_an_asynchronous_test_cannot_leave_the_machine() -> None:
    with pytest.raises(NetworkClosed):
        await asyncio.open_connection("192.0.2.1", 443)


async def test_a_test_speaks_to_this_machine() -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("turn", [1, 2])
async def test_every_test_has_a_database_of_its_own(db: Database, turn: int) -> None:
    assert await db.fetch_one(_FIND, name="mine") is None
    await db.fetch_one(_KEEP, name="mine", version=turn)
    assert await db.fetch_one(_FIND, name="mine") is not None


def test_a_plain_test_may_run_its_own_loop(database_url: str) -> None:
    async def address() -> str:
        return database_url

    assert asyncio.run(address()) == database_url


async def test_the_browser_stays_at_home(page: Page) -> None:
    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        await page.goto("http://example.org/")


async def test_the_registers_are_laid_out_and_empty(registers_url: str) -> None:
    registers = await open_database(registers_url)
    assert await registers.fetch_all(select(people.c.record_id)) == []
    await registers.close()
