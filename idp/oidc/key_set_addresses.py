"""`key_set_addresses`, metadata of ours: the addresses that a client fetches our key set from.

For software that cannot sign its query. What it tells is only who has fetched which set; it opens nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from idp.errors import InvalidClientMetadata
from idp.oidc.metadata_fields import read_texts

WIDEST: Final[Mapping[int, int]] = MappingProxyType({4: 16, 6: 32})
"""Shortest prefix by version: a wider network holds others' portals too."""

_BITS: Final[Mapping[int, int]] = MappingProxyType({4: 32, 6: 128})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _read_network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise InvalidClientMetadata(
            f"key_set_addresses: {text} is not an address or a network such as 203.0.113.0/28"
        ) from error
    mapped = isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped is not None
    if mapped or "%" in text:
        raise InvalidClientMetadata(f"key_set_addresses: write {text} as a plain IPv4 or IPv6 address")
    if network.prefixlen < WIDEST[network.version]:
        raise InvalidClientMetadata(
            f"key_set_addresses: {text} is wider than /{WIDEST[network.version]}: others are in it too"
        )
    if network.is_multicast or network.is_unspecified:
        raise InvalidClientMetadata(f"key_set_addresses: nobody calls from {text}")
    return network


def _spelling(network: Network) -> str:
    """The one spelling that is kept; a single address stands without its prefix (RFC 5952 for IPv6)."""
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if single else str(network)


def read_key_set_addresses(metadata: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Addresses and networks in CIDR notation (RFC 4632 §3.1), each once."""
    spelled = tuple(_spelling(_read_network(text)) for text in read_texts(metadata, name))
    if len(set(spelled)) < len(spelled):
        raise InvalidClientMetadata(f"{name} holds one network twice")
    return spelled


class AddressBook:
    """Whose an address is. The narrowest network counts; one that two clients registered tells nothing."""

    def __init__(self, registered: Iterable[tuple[str, Iterable[str]]] = ()) -> None:
        found: dict[tuple[int, int], dict[int, str]] = {}
        for client_id, texts in registered:
            for network in map(ipaddress.ip_network, texts):
                owners = found.setdefault((network.version, network.prefixlen), {})
                start = int(network.network_address)
                owners[start] = client_id if owners.get(start, client_id) == client_id else ""
        self._networks = sorted(found.items(), key=lambda item: -item[0][1])

    def owner(self, address: str) -> str:
        """The client of an address, or nothing: one look-up for each length of prefix that anybody registered."""
        if not self._networks:
            return ""
        try:
            value = ipaddress.ip_address(address)
        except ValueError:
            return ""
        if isinstance(value, ipaddress.IPv6Address) and value.ipv4_mapped is not None:
            value = value.ipv4_mapped
        number = int(value)
        for (version, prefix), owners in self._networks:
            if version == value.version:
                host = _BITS[version] - prefix
                owner = owners.get(number >> host << host)
                if owner is not None:
                    return owner
        return ""
