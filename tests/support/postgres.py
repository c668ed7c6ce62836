"""A PostgreSQL server for the tests, shared by all processes of a run.

`$TEST_DATABASE_URL` names a server with the right to create databases; else the newest installed binaries start one
of their own, without durability, on a free port of the loopback address and on a socket in the run's folder.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.support.ground import alone, shared_ground

_START_SECONDS = 60
_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "listen_addresses": "127.0.0.1",
}


class NoPostgres(Exception):
    """No server and no binaries: the sentence tells what to install."""


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to one database.

    Raises:
        NoPostgres: nobody answers there.
    """
    try:
        connection = await asyncpg.connect(url)
    except OSError as error:
        raise NoPostgres(f"The PostgreSQL server of the tests does not answer: {error}.") from error
    try:
        yield connection
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server, by the address of its maintenance database."""

    admin_url: str

    def url(self, database: str) -> str:
        """Address of one database on this server."""
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{database}"))

    async def run(self, statement: str) -> None:
        """Run one statement of administration.

        Raises:
            NoPostgres: nobody answers there.
        """
        async with connected(self.admin_url) as connection:
            await connection.execute(statement)

    async def databases_of(self, prefix: str) -> list[str]:
        """The databases whose names begin so."""
        async with connected(self.admin_url) as connection:
            rows = await connection.fetch(
                "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", prefix
            )
            return [name for (name,) in rows]


def find_binaries() -> Path:
    """Folder of the newest installed PostgreSQL programs.

    Raises:
        NoPostgres: there are none.
    """
    debian = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if debian:
        return max(debian, key=lambda path: int(path.parent.name))
    found = shutil.which("initdb")
    if found is None:
        raise NoPostgres(
            "These tests need PostgreSQL: install it (Debian: apt-get install postgresql), "
            "or name a server in TEST_DATABASE_URL."
        )
    return Path(found).resolve().parent


def _server_account() -> str | None:
    """Account to run the server as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _run(program: Path, *arguments: str) -> None:
    """Run a PostgreSQL program to its end, as the server's account."""
    log = shared_ground() / "postgres" / "programs.log"
    with log.open("a", encoding="utf-8") as output:
        done = subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            user=_server_account(),
            timeout=_START_SECONDS,
            check=False,
        )
    if done.returncode != 0:
        raise NoPostgres(f"{program.name} did not succeed: {log.read_text(encoding='utf-8')[-2000:]}")


def _start() -> str:
    """Make a cluster and start a server on it; the address of its maintenance database."""
    binaries = find_binaries()
    home = shared_ground() / "postgres"
    home.mkdir()
    account = _server_account()
    if account is not None:
        shutil.chown(home, account)
    data = home / "data"
    _run(
        binaries / "initdb",
        "-A",
        "trust",
        "-U",
        "motcua",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
        "-D",
        str(data),
    )
    port = _free_port()
    options = _OPTIONS | {"port": str(port), "unix_socket_directories": str(home)}
    command_line = " ".join(f"-c {name}={value}" for name, value in options.items())
    log = home / "server.log"
    waiting = ("-w", "-t", str(_START_SECONDS))
    _run(binaries / "pg_ctl", "start", *waiting, "-D", str(data), "-l", str(log), "-o", command_line)
    return f"postgresql://motcua@127.0.0.1:{port}/postgres"


def running_server() -> PostgresServer:
    """The run's server; the first who asks starts it.

    Raises:
        NoPostgres: there is none and none can be started.
    """
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        return PostgresServer(given)
    with alone("postgres"):
        address = shared_ground() / "postgres.url"
        if not address.exists():
            address.write_text(_start(), encoding="utf-8")
        return PostgresServer(address.read_text(encoding="utf-8"))


def stop_server() -> None:
    """Stop the run's own server, if one was started."""
    data = shared_ground() / "postgres" / "data"
    if (data / "postmaster.pid").exists():
        _run(find_binaries() / "pg_ctl", "stop", "-m", "immediate", "-w", "-D", str(data))
