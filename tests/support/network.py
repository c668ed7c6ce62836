"""The network is closed: a test may speak to this machine and to nothing else.

An audit hook (PEP 578) sees every connection and every name lookup of the test processes, whichever library asks.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Callable
from urllib.parse import urlsplit


class NetworkClosed(BaseException):
    """A test tried to leave this machine. No `except Exception` of the tested code may swallow that."""


def _is_here(host: object) -> bool:
    if not isinstance(host, str | bytes):
        return host is None
    name = host.decode() if isinstance(host, bytes) else host
    if name in {"", "localhost"} or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _destination(event: str, arguments: tuple[object, ...]) -> object:
    """Host that the audited call wants to reach; `None` for a socket in the file system."""
    if event == "socket.getaddrinfo":
        return arguments[0]
    address = arguments[1]
    return address[0] if isinstance(address, tuple) else None


def network_guard(allowed: frozenset[str]) -> Callable[[str, tuple[object, ...]], None]:
    """An audit hook that refuses every destination but this machine and the `allowed` hosts."""
    watched = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo"})

    def guard(event: str, arguments: tuple[object, ...]) -> None:
        if event not in watched:
            return
        host = _destination(event, arguments)
        if not _is_here(host) and host not in allowed:
            raise NetworkClosed(f"A test tried to reach {host!r}; tests speak to this machine only.")

    return guard


def close_network() -> None:
    """Refuse what leaves the machine for the rest of this process; only the tests' database server may be elsewhere."""
    database_host = urlsplit(os.environ.get("TEST_DATABASE_URL", "")).hostname
    sys.addaudithook(network_guard(frozenset({database_host} if database_host else ())))
