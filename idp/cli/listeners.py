"""Where this process listens: for everybody, and where it asks clients for certificates."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from typing import Final

from idp.cli.tls import ServerTls, server_tls
from idp.settings import Settings, SettingsError, split_address

BACKLOG: Final = 2048  # connections the kernel keeps for us while all workers are busy

_REASONS: Final = {
    errno.EADDRINUSE: "another program listens there already",
    errno.EADDRNOTAVAIL: "the address is not one of this machine's",
    errno.EACCES: "ports below 1024 are for privileged programs",
}


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that all workers take connections from, and the TLS spoken there; plain HTTP without."""

    address: str
    socket: socket.socket
    tls: ServerTls | None

    def __str__(self) -> str:
        return f"{'http' if self.tls is None else 'https'}://{self.address}"


def open_listeners(settings: Settings) -> tuple[Listener, ...]:
    """The listener for everybody, and after it the one that asks for certificates, where there is one.

    Raises:
        SettingsError: one sentence, when an address is taken or not ours, or a file of the TLS cannot be used.
    """
    ordinary, asking = server_tls(settings)
    listeners = [_listen(settings.listen, ordinary)]
    if asking is not None:
        listeners.append(_listen(settings.mtls_listen, asking))
    return tuple(listeners)


def _listen(address: str, tls: ServerTls | None) -> Listener:
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return Listener(address, socket.create_server((host, port), family=family, backlog=BACKLOG), tls)
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, os.strerror(error.errno) if error.errno else str(error))
        raise SettingsError(f"Cannot listen on {address}: {reason}.") from error
