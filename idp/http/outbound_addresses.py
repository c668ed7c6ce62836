"""Which addresses are public, so that a request of ours to them gives nothing away."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

_NAT64: Final = ip_network("64:ff9b::/96")
_GLOBAL_UNICAST: Final = ip_network("2000::/3")
"""What of IPv6 is given out to networks of the world (RFC 4291 §2.4); everything else has a meaning nearer by."""

_DOCUMENTATION: Final = ip_network("3fff::/20")  # RFC 9637; Python 3.11 does not know of it


def _embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to (RFC 4291 §2.5.5.2, RFC 3056, RFC 4380, RFC 6052)."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def is_public(address: Address) -> bool:
    """Whether everybody could reach the address, so that our reaching it gives nothing away."""
    inner = _embedded(address)
    if inner is not None:
        return is_public(inner)
    if isinstance(address, IPv6Address) and (address not in _GLOBAL_UNICAST or address in _DOCUMENTATION):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


_ASKING: Final = ThreadPoolExecutor(max_workers=32, thread_name_prefix="names")
"""Threads of their own: a client's name server that does not answer holds one for as long as the system waits, and the
loop's few are for everybody (files, and the way to the database)."""


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as this machine knows them."""
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_ASKING, ask)
    return [str(entry[4][0]) for entry in found]
