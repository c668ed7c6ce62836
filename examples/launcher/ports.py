"""Whether the demo's ports are free."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable

from examples.launcher.plan import DemoError

TAKEN = {errno.EADDRINUSE, errno.EACCES}
"""Somebody listens there, or we may not; a machine without IPv6 says something else, and does not matter."""


def require_free(ports: Iterable[int]) -> None:
    """Makes sure that nobody listens on any of the ports, on IPv4 or IPv6: browsers try both for `localhost`.

    Raises:
        DemoError: names the first port that is taken.
    """
    for port in ports:
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            if _is_taken(family, host, port):
                raise DemoError(
                    f"Port {port} is in use: stop the program that listens there, or choose others with "
                    "'DEMO_PORT_BASE=19000 make demo'."
                )


def _is_taken(family: socket.AddressFamily, host: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error.errno in TAKEN
    return False
