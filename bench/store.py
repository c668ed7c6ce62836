"""The PostgreSQL server of the measurement: its own data folder, every commit on the disk before it counts."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import asyncpg

from bench.processes import BenchError, Command, Process, free_port

USUAL_PORT: Final = 5490
_START_SECONDS: Final = 30
_SETTINGS: Final = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "256MB",
    "listen_addresses": "127.0.0.1",
}
"""Durable, and otherwise as PostgreSQL comes."""


class Store:
    """A running server; `address` leads to one of its databases."""

    def __init__(self, folder: Path, cores: Iterable[int]) -> None:
        binaries, account = _binaries(), _account()
        data = folder / "postgres"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        if account is not None:
            shutil.chown(data, account)
        _initialise(binaries, data, account)
        self._port = free_port(USUAL_PORT)
        options = _SETTINGS | {"port": str(self._port), "unix_socket_directories": ""}
        arguments = [str(binaries / "postgres"), "-D", str(data)]
        for name, value in options.items():
            arguments += ["-c", f"{name}={value}"]
        self._log = folder / "postgres.log"
        self.process = Process(Command(arguments, {}, Path("/"), account), cores, self._log)
        self._wait()

    def address(self, database: str) -> str:
        """The address of a database on this server."""
        return f"postgresql://motcua@127.0.0.1:{self._port}/{database}"

    def create(self, database: str) -> str:
        """Make a database, empty; its address."""
        asyncio.run(self._administer(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)"))
        asyncio.run(self._administer(f"CREATE DATABASE {database}"))
        return self.address(database)

    def tidy(self) -> None:
        """Leave no work behind that would be charged to whoever is measured next."""
        asyncio.run(self._administer("CHECKPOINT"))

    def stop(self) -> None:
        """Stop the server; SIGINT is its "fast" shutdown."""
        self.process.stop(signal.SIGINT)

    async def _administer(self, statement: str) -> None:
        connection = await asyncpg.connect(self.address("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and not self.process.ended:
            try:
                self.tidy()
            except (OSError, asyncpg.PostgresError):
                time.sleep(0.1)
            else:
                return
        self.stop()
        raise BenchError(f"PostgreSQL did not start; its own words are in {self._log}.")


def _binaries() -> Path:
    """Folder of the newest installed PostgreSQL programs."""
    debian = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if debian:
        return max(debian, key=lambda path: int(path.parent.name))
    found = shutil.which("initdb")
    if found is None:
        raise BenchError("The measurement needs PostgreSQL: install it (Debian: apt-get install postgresql).")
    return Path(found).resolve().parent


def _account() -> str | None:
    """Account to run the server as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    return "postgres" if "postgres" in {entry.pw_name for entry in pwd.getpwall()} else "nobody"


def _initialise(binaries: Path, data: Path, account: str | None) -> None:
    arguments = ["-A", "trust", "-U", "motcua", "-E", "UTF8", "--locale=C", "-D", str(data)]
    done = subprocess.run(
        [binaries / "initdb", *arguments], capture_output=True, text=True, user=account, cwd="/", check=False
    )
    if done.returncode != 0:
        raise BenchError(f"initdb did not succeed: {done.stderr.strip()[-1000:]}")
