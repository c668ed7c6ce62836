"""`motcua serve`."""

from __future__ import annotations

import errno
import gc
import logging
import os
import signal
import socket
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import click

from idp.settings import Settings, SettingsError

if TYPE_CHECKING:
    from uvicorn import Config

    from idp.http.edge import Edge

logger = logging.getLogger("motcua.serve")

BACKLOG: Final = 2048  # connections the kernel keeps for us while all workers are busy
MOST_CONNECTIONS: Final = 4096
"""Of one worker, idle ones too; beyond it new requests get 503 at once."""

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than the 60 s of common reverse proxies: who closes first must be the proxy, or it races with a request."""

APPLICATION: Final = "idp.app:create_app"


@click.command()
@click.option(
    "--listen", metavar="HOST:PORT", help="Where to listen; by default IDP_LISTEN or 127.0.0.1:9000."
)
@click.option("--workers", type=click.IntRange(1, 64), help="Worker processes; by default IDP_WORKERS or 1.")
def serve(listen: str | None, workers: int | None) -> None:
    """Run the provider until SIGTERM or Ctrl-C; requests under way are finished.

    Plain HTTP: put a reverse proxy with TLS in front and name it in IDP_TRUSTED_PROXIES.
    """
    from idp.cli.logs import set_up_logs

    # The first process of a container gets no signal that it does not ask for: stop, also before the server listens.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    gc.disable()  # nothing that the start makes is garbage; looking for some costs a tenth of it
    settings = _settings(listen, workers)
    listening = open_socket(settings)
    set_up_logs(settings.log_level)
    logger.info("listening on %s with %d worker(s) as %s", settings.listen, settings.workers, settings.issuer)
    raise SystemExit(_run(settings, listening))


def _settings(listen: str | None, workers: int | None) -> Settings:
    """Settings with the options of the command; also for `create_app`, which reads the environment again."""
    from idp.settings import read_settings

    options = {"IDP_LISTEN": listen, "IDP_WORKERS": None if workers is None else str(workers)}
    os.environ.update({name: value for name, value in options.items() if value is not None})
    return read_settings(os.environ)


def open_socket(settings: Settings) -> socket.socket:
    """The socket that all workers take connections from.

    Raises:
        SettingsError: one sentence, when the address is taken or not ours.
    """
    host, port = settings.listen_address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = {
            errno.EADDRINUSE: "another program listens there already",
            errno.EADDRNOTAVAIL: "the address is not one of this machine's",
            errno.EACCES: "ports below 1024 are for privileged programs",
        }.get(error.errno or 0, os.strerror(error.errno) if error.errno else str(error))
        raise SettingsError(f"Cannot listen on {settings.listen}: {reason}.") from error


def _run(settings: Settings, listening: socket.socket) -> int:
    """The application is built before the fork, so that workers share its memory; it opens nothing until it runs."""
    from uvicorn.importer import import_from_string

    from idp.cli.supervisor import BROKEN_START, Supervisor

    application: Edge[Any] = import_from_string(APPLICATION)()
    # What is there now stays for ever: the collector need not look at it, nor copy the pages that workers share.
    gc.freeze()
    gc.enable()
    if settings.workers > 1:
        return Supervisor(
            settings.workers,
            lambda: run_worker(application, settings, listening, supervised=True),
            shutdown_seconds=settings.shutdown_seconds,
        ).run()
    code = run_worker(application, settings, listening)
    return 1 if code == BROKEN_START else code


def run_worker(
    application: Edge[Any], settings: Settings, listening: socket.socket, *, supervised: bool = False
) -> int:
    """Serve in this process; the exit code. A supervised worker also stops when its supervisor is gone."""
    from uvicorn import Server

    parent = os.getppid()

    class Worker(Server):
        """Drains at the first signal; a second Ctrl-C waits for nobody."""

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            del frame
            self.force_exit = self.should_exit and sig == signal.SIGINT
            self.should_exit = True
            application.drain()

        async def on_tick(self, counter: int) -> bool:
            return await super().on_tick(counter) or (supervised and os.getppid() != parent)

    try:
        Worker(_configuration(application, settings)).run(sockets=[listening])
    except SystemExit as stop:  # the server's way to say that the start failed; the reason is in the log
        return stop.code if isinstance(stop.code, int) else 1
    return 0


def _configuration(application: Edge[Any], settings: Settings) -> Config:
    from uvicorn import Config

    from idp.cli.connections import BoundedConnection

    return Config(
        application,
        loop="uvloop",
        http=BoundedConnection,
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
