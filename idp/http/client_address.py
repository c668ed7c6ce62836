"""Who is at the other end: the rightmost hop that is not one of our own proxies.

Everything left of it was written by strangers. Without `trusted_proxies` no header is believed at all.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Headers = list[tuple[bytes, bytes]]

UNKNOWN: Final = "0.0.0.0"  # noqa: S104 - a value, not something we bind to
"""Stands for a peer that has no address (a Unix socket)."""

IPV4_PREFIX: Final = 24
IPV6_PREFIX: Final = 48
"""An address cut to these says where a person's provider is, not where the person is."""

_PORT: Final = re.compile(r"(?<=[\]\d]):\d{1,5}$")
_FOR: Final = re.compile(r'(?:^|;)\s*for\s*=\s*(?:"([^"]*)"|([^;,"\s]+))', re.IGNORECASE)
_REMEMBERED: Final = 4096


@lru_cache(_REMEMBERED)
def network_of(address: str) -> str:
    """The address cut to /24 or /48, for logs and for the audit."""
    value = _read_address(address)
    if value is None:
        return UNKNOWN
    prefix = IPV4_PREFIX if value.version == 4 else IPV6_PREFIX
    return str(ipaddress.ip_network((value, prefix), strict=False))


class TrustedProxies:
    """The proxies whose word about the caller is believed."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(network) for network in networks)
        self._remembered = lru_cache(_REMEMBERED)(self._trusts)

    def trusts(self, address: str) -> bool:
        """Whether this address is one of our proxies'."""
        return bool(self._networks) and self._remembered(address)

    def client_address(self, peer: str, headers: Headers) -> str:
        """The caller's address: `peer`, or what our own proxies say (RFC 7239 `Forwarded`, `X-Forwarded-For`).

        Where both headers came and disagree, one of them is the caller's invention: then the proxy that
        reached us stands for the caller.
        """
        if not self.trusts(peer):
            return peer
        answers = {
            self._walk(peer, hops)
            for hops in (_read_forwarded(headers), _read_x_forwarded_for(headers))
            if hops
        }
        return answers.pop() if len(answers) == 1 else peer

    def _walk(self, peer: str, hops: Sequence[str | None]) -> str:
        nearest = peer
        for hop in reversed(hops):
            if hop is None:
                return nearest
            nearest = hop
            if not self.trusts(hop):
                return hop
        return nearest

    def _trusts(self, address: str) -> bool:
        value = _read_address(address)
        return value is not None and any(
            value.version == network.version and value in network for network in self._networks
        )


def _values(headers: Headers, wanted: bytes) -> str:
    return ",".join(value.decode("latin-1") for name, value in headers if name == wanted)


def _read_x_forwarded_for(headers: Headers) -> list[str | None]:
    text = _values(headers, b"x-forwarded-for")
    return [_canonical(hop) for hop in text.split(",")] if text else []


def _read_forwarded(headers: Headers) -> list[str | None]:
    text = _values(headers, b"forwarded")
    if not text:
        return []
    found = (_FOR.search(element) for element in text.split(","))
    return [_canonical(match[1] or match[2] or "") if match else None for match in found]


def _canonical(hop: str) -> str | None:
    """One spelling for each address, without port and brackets; None for `unknown` and inventions."""
    value = _read_address(_PORT.sub("", hop.strip()) if "[" in hop or hop.count(":") == 1 else hop.strip())
    return None if value is None else str(value)


def _read_address(text: str) -> Address | None:
    try:
        value = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    if isinstance(value, ipaddress.IPv6Address) and value.ipv4_mapped is not None:
        return value.ipv4_mapped
    return value
