"""The provider as an operator runs it: `motcua serve` in processes of its own, on a socket of this machine."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

import httpx2

from idp.store import accounts, versions
from idp.store.database import Database, open_database
from keys.backends.pkcs11 import Pkcs11Token
from keys.keyring import Keyring, load_keyring
from keys.seal import KeyEncryptionKey
from tests.support.browsing import Browser
from tests.support.installation import establish
from tests.support.population import Citizen, lay_out_population
from tests.support.portals import REGISTRATIONS, Portal, Registered, register, register_told
from tests.support.provider import Ground

PATIENCE: Final = 30
"""Seconds until a test gives up."""

_PROGRAM: Final = "from idp.cli.main import main; main()"
_SLOW: Final = httpx2.Timeout(PATIENCE)


def free_ports(count: int) -> tuple[int, ...]:
    """As many different ports, on which nobody listens just now."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return tuple(probe.getsockname()[1] for probe in probes)


def free_port() -> int:
    """A port on which nobody listens just now."""
    return free_ports(1)[0]


@dataclass(slots=True)
class ServedProvider:
    """A provider on a socket; `db` is a connection of the test's own, and so is `keyring`."""

    issuer: str
    port: int
    environment: Mapping[str, str]
    log: Path
    db: Database
    keyring: Keyring
    registered: Mapping[str, Registered]
    process: subprocess.Popen[bytes]
    _http: list[httpx2.AsyncClient] = field(default_factory=list)

    def browser(self) -> Browser:
        """A browser with one connection."""
        browser = Browser(_one_connection(), self.issuer)
        browser.http.timeout = _SLOW
        self._http.append(browser.http)
        return browser

    def portal(self, client_id: str) -> Portal:
        """A client with one connection."""
        http = httpx2.AsyncClient(transport=_one_connection(), base_url=self.issuer, timeout=_SLOW)
        self._http.append(http)
        return Portal(self.registered[client_id], http, self.issuer, time.time)

    async def hang_up(self) -> None:
        """Close all connections of browsers and portals."""
        for client in self._http:
            await client.aclose()

    def motcua(self, *arguments: str) -> str:
        """What a command of the operator prints."""
        ended = subprocess.run(
            [sys.executable, "-c", _PROGRAM, *arguments],
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def workers(self) -> tuple[int, ...]:
        """The worker processes."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return tuple(int(child) for child in children.split())

    @contextmanager
    def only(self, worker: int) -> Iterator[None]:
        """While the others stand still, every new connection is taken by this worker."""
        others = [pid for pid in self.workers() if pid != worker]
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)

    async def open_account(self, verifier: str, *citizens: Citizen) -> None:
        """Level 02 accounts with the password of the verifier."""
        now = int(time.time())
        for citizen in citizens:
            account_id = str(uuid.uuid4())
            await self.db.write(
                accounts.add(account_id, citizen.record_id, "02", now),
                accounts.set_password(account_id, verifier, now),
                accounts.activate(account_id, now),
            )

    async def add_portal(self, client_id: str, uri: str) -> None:
        """A ministry's portal that is told of logouts at an address, registered while the workers serve."""
        registered, kept = register_told(client_id, uri, int(time.time()))
        await self.db.write(kept, versions.changed(versions.CLIENTS))
        self.registered = {**self.registered, client_id: registered}


def _one_connection() -> httpx2.AsyncHTTPTransport:
    return httpx2.AsyncHTTPTransport(
        limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None)
    )


Found: TypeAlias = Callable[[Database, KeyEncryptionKey, str], Awaitable[object]]
"""How the keys of an issuer come into its database."""


async def found_now(db: Database, kek: KeyEncryptionKey, issuer: str) -> None:
    """A first ceremony at this moment."""
    await establish(db, kek, int(time.time()), issuer=issuer)


async def _furnish(
    db: Database, registers_url: str, ground: Ground, issuer: str, found: Found
) -> dict[str, Registered]:
    """Keys, clients and the country, as of now."""
    now = int(time.time())
    await found(db, KeyEncryptionKey.read_file(ground.kek_file), issuer)
    made = [register(metadata, now) for metadata in REGISTRATIONS.values()]
    await db.write(*(kept for _, kept in made))
    registers = await open_database(registers_url)
    await lay_out_population(registers)
    await registers.close()
    return {registered.client_id: registered for registered, _ in made}


def _is_ready(port: int, certificate: Path | None) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    if certificate is not None:
        context = ssl.create_default_context(cafile=certificate)
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=context)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@contextmanager
def serving(
    environment: Mapping[str, str], log: Path, port: int, certificate: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, "serve"], env=environment, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not _is_ready(port, certificate):
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < deadline, log.read_text("utf-8")
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE)


@asynccontextmanager
async def served_provider(
    database_url: str,
    registers_url: str,
    ground: Ground,
    folder: Path,
    *,
    workers: int = 1,
    outbound_networks: str = "",
    found: Found = found_now,
    hardware: Pkcs11Token | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
    tls: tuple[Path, Path] | None = None,
) -> AsyncIterator[ServedProvider]:
    """`motcua serve` on fresh databases, until the end of the block; `settings` are further variables.

    With `tls`, certificate and key, it speaks TLS itself.
    """
    port = free_port()
    issuer = f"http{'' if tls is None else 's'}://127.0.0.1:{port}"
    if tls is not None:
        files = {"IDP_TLS_CERTIFICATE_FILE": str(tls[0]), "IDP_TLS_KEY_FILE": str(tls[1])}
        settings = {**files, **settings}
    variables = {
        "IDP_ISSUER": issuer,
        "IDP_LISTEN": f"127.0.0.1:{port}",
        "IDP_WORKERS": str(workers),
        "IDP_DATABASE_URL": database_url,
        "IDP_REGISTERS_URL": registers_url,
        "IDP_KEK_FILE": str(ground.kek_file),
        "IDP_OUTBOUND_NETWORKS": outbound_networks,
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")} | {
        **variables,
        **settings,
    }
    db, log = await open_database(database_url), folder / "log"
    try:
        registered = await _furnish(db, registers_url, ground, issuer, found)
        kek = KeyEncryptionKey.read_file(ground.kek_file)
        keyring = await load_keyring(db, kek, issuer, int(time.time()), hardware)
        with serving(environment, log, port, None if tls is None else tls[0]) as process:
            served = ServedProvider(issuer, port, environment, log, db, keyring, registered, process)
            yield served
            await served.hang_up()
    finally:
        await db.close()
