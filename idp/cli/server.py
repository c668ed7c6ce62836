"""One worker: the HTTP server that serves the application on every listener of this process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Sequence
from types import FrameType
from typing import Any, Final

from uvicorn import Config, Server

from idp.cli.connections import BoundedConnection
from idp.cli.listeners import BACKLOG, Listener
from idp.cli.tls import HANDSHAKE_SECONDS
from idp.http.edge import Edge
from idp.settings import Settings

MOST_CONNECTIONS: Final = 4096
"""Of one worker, idle ones too; beyond it new requests get 503 at once."""

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than the 60 s of common reverse proxies: who closes first must be the proxy, or it races with a request."""

_TICKS_A_MINUTE: Final = 600  # the server's clock ticks ten times a second


class Worker(Server):
    """Drains at the first signal; a second Ctrl-C waits for nobody. A supervised one ends with its supervisor."""

    def __init__(
        self, application: Edge[Any], settings: Settings, listeners: Sequence[Listener], *, supervised: bool
    ) -> None:
        super().__init__(_configuration(application, settings))
        self._application = application
        self._listeners = listeners
        self._parent = os.getppid() if supervised else None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then take connections: the server's own way knows one kind of TLS for all sockets."""
        del sockets
        await super().startup(sockets=[])
        if self.should_exit:
            return
        for listener in self._listeners:
            self.servers.append(await self._take_connections(listener))

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop; now and then, whether the TLS certificate was renewed."""
        if counter % _TICKS_A_MINUTE == 0:
            for listener in self._listeners:
                if listener.tls is not None:
                    listener.tls.follow()
        return await super().on_tick(counter) or (self._parent is not None and os.getppid() != self._parent)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal to stop."""
        del frame
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
        self._application.drain()

    async def _take_connections(self, listener: Listener) -> asyncio.Server:
        tls = listener.tls
        return await asyncio.get_running_loop().create_server(
            self._connection,
            sock=listener.socket,
            backlog=BACKLOG,
            ssl=None if tls is None else tls.context,
            ssl_handshake_timeout=None if tls is None else HANDSHAKE_SECONDS,
        )

    def _connection(self) -> BoundedConnection:
        return BoundedConnection(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )


def _configuration(application: Edge[Any], settings: Settings) -> Config:
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
