"""`motcua serve`."""

from __future__ import annotations

import gc
import logging
import os
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from idp.settings import Settings

if TYPE_CHECKING:
    from idp.cli.listeners import Listener
    from idp.http.edge import Edge

logger = logging.getLogger("motcua.serve")

APPLICATION: Final = "idp.app:create_app"


@click.command()
@click.option(
    "--listen", metavar="HOST:PORT", help="Where to listen; by default IDP_LISTEN or 127.0.0.1:9000."
)
@click.option("--workers", type=click.IntRange(1, 64), help="Worker processes; by default IDP_WORKERS or 1.")
def serve(listen: str | None, workers: int | None) -> None:
    """Run the provider until SIGTERM or Ctrl-C; requests under way are finished.

    Plain HTTP: put a reverse proxy with TLS in front and name it in IDP_TRUSTED_PROXIES. With IDP_TLS_CERTIFICATE_FILE
    and IDP_TLS_KEY_FILE it speaks TLS itself.
    """
    from idp.cli.listeners import open_listeners
    from idp.cli.logs import set_up_logs

    # The first process of a container gets no signal that it does not ask for: stop, also before the server listens.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    gc.disable()  # nothing that the start makes is garbage; looking for some costs a tenth of it
    settings = _settings(listen, workers)
    listeners = open_listeners(settings)
    set_up_logs(settings.log_level)
    addresses = " and ".join(map(str, listeners))
    logger.info("listening on %s with %d worker(s) as %s", addresses, settings.workers, settings.issuer)
    raise SystemExit(_run(settings, listeners))


def _settings(listen: str | None, workers: int | None) -> Settings:
    """Settings with the options of the command; also for `create_app`, which reads the environment again."""
    from idp.settings import read_settings

    options = {"IDP_LISTEN": listen, "IDP_WORKERS": None if workers is None else str(workers)}
    os.environ.update({name: value for name, value in options.items() if value is not None})
    return read_settings(os.environ)


def _run(settings: Settings, listeners: Sequence[Listener]) -> int:
    """The application is built before the fork, so that workers share its memory; it opens nothing until it runs."""
    from uvicorn.importer import import_from_string

    from idp.cli.supervisor import BROKEN_START, Supervisor

    application: Edge[Any] = import_from_string(APPLICATION)()
    for listener in listeners:
        if listener.tls is not None and listener.tls.asks:
            application.accepted.attach(listener.tls.context)
    # What is there now stays for ever: the collector need not look at it, nor copy the pages that workers share.
    gc.freeze()
    gc.enable()
    if settings.workers > 1:
        return Supervisor(
            settings.workers,
            lambda: run_worker(application, settings, listeners, supervised=True),
            shutdown_seconds=settings.shutdown_seconds,
        ).run()
    code = run_worker(application, settings, listeners)
    return 1 if code == BROKEN_START else code


def run_worker(
    application: Edge[Any], settings: Settings, listeners: Sequence[Listener], *, supervised: bool = False
) -> int:
    """Serve in this process; the exit code. A supervised worker also stops when its supervisor is gone."""
    from idp.cli.server import Worker

    worker = Worker(application, settings, listeners, supervised=supervised)
    try:
        worker.run(sockets=[listener.socket for listener in listeners])
    except SystemExit as stop:  # the server's way to say that the start failed; the reason is in the log
        return stop.code if isinstance(stop.code, int) else 1
    return 0
