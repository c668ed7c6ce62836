"""Requests of ours to addresses that clients registered, so that none can be turned against our own network.

A client names the address; without care it could make us call what only we can reach: a database, a cloud's metadata
service, another ministry's inner pages (server-side request forgery). So a name is resolved once, an address is called
only when it is public or the operator has named its network (`IDP_OUTBOUND_NETWORKS`), and the connection goes to that
very address, whatever the name would say a moment later. No redirect is followed, no proxy of the environment used, no
body read, and everything has an end.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

Address: TypeAlias = IPv4Address | IPv6Address
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

CONNECT_SECONDS: Final = 3
ANSWER_SECONDS: Final = 5  # between two signs of life
WHOLE_SECONDS: Final = 10  # name, connection, request and answer together
MOST_ADDRESSES: Final = 3  # of one name that are tried

_NAT64: Final = ip_network("64:ff9b::/96")
_GLOBAL_UNICAST: Final = ip_network("2000::/3")
"""What of IPv6 is given out to networks of the world (RFC 4291 §2.4); everything else has a meaning nearer by."""

_DOCUMENTATION: Final = ip_network("3fff::/20")  # RFC 9637; Python 3.11 does not know of it


class OutboundError(Exception):
    """The request was not answered; `code` says why in one word."""

    code = "unreachable"


class AddressNotAllowed(OutboundError):
    """The address is not public, and no network of it is allowed; nothing was sent."""

    code = "address_not_allowed"


class AnswerLate(OutboundError):
    """No answer came in time."""

    code = "timeout"


class _NotConnected(OutboundError):
    """There was no connection; another address of the name may still give one."""


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


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as this machine knows them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Outbound:
    """Calls what clients registered. `networks` may be called although they are not public."""

    def __init__(
        self,
        networks: Sequence[str] = (),
        *,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve = resolve_by_system,
    ) -> None:
        self._networks = tuple(ip_network(network) for network in networks)
        self._given_tls = tls
        self._resolve = resolve

    def _load(self) -> None:
        """Load what takes a while the first time: not while requests wait for the loop."""
        import httpx2  # noqa: F401, PLC0415 - only who calls somebody loads it

        self._tls  # noqa: B018 - made and kept

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or ssl.create_default_context()

    async def post_form(self, uri: str, form: Mapping[str, str]) -> int:
        """POST a form; the status of the answer, whose body is not looked at.

        Raises:
            AddressNotAllowed: the address is none that we may call.
            AnswerLate: no answer in time.
            OutboundError: no connection, no trust in the certificate, or no HTTP.
        """
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                parts = urlsplit(uri)
                await asyncio.to_thread(self._load)
                error: OutboundError = OutboundError("the name has no address")
                for address in await self._addresses(parts):
                    try:
                        return await self._post(parts, address, form)
                    except _NotConnected as missed:
                        error = missed
                raise error
        except TimeoutError as late:
            raise AnswerLate from late

    async def _addresses(self, parts: SplitResult) -> Sequence[Address]:
        """The addresses of a name that may be called, resolved this once."""
        host = parts.hostname or ""
        try:
            found = await self._resolve(host, _port(parts))
        except OSError as error:
            raise OutboundError("the name has no address") from error
        addresses = list(dict.fromkeys(ip_address(text) for text in found))
        allowed = [address for address in addresses if self.may_call(address)]
        if addresses and not allowed:
            raise AddressNotAllowed(f"{host} leads to {addresses[0]}")
        return allowed[:MOST_ADDRESSES]

    def may_call(self, address: Address) -> bool:
        """Whether the address is public, or the operator has allowed its network."""
        return is_public(address) or any(address in network for network in self._networks)

    async def _post(self, parts: SplitResult, address: Address, form: Mapping[str, str]) -> int:
        import httpx2  # noqa: PLC0415 - only who calls somebody loads it

        timeout = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        client = httpx2.AsyncClient(verify=self._tls, trust_env=False, timeout=timeout)
        async with client:
            request = client.build_request(
                "POST",
                _at(parts, address),
                data=dict(form),
                headers={"host": parts.netloc, "user-agent": "motcua", "accept-encoding": "identity"},
                extensions={"sni_hostname": parts.hostname},  # the certificate must be of the name
            )
            try:
                response = await client.send(request, stream=True, follow_redirects=False)
                await response.aclose()  # the status is all we want to know
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                raise _NotConnected(str(error)) from error
            except httpx2.TimeoutException as error:
                raise AnswerLate from error
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise OutboundError(str(error)) from error
            status: int = response.status_code
            return status


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _at(parts: SplitResult, address: Address) -> str:
    """The same request at one address of the name."""
    host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    return parts._replace(netloc=f"{host}:{_port(parts)}", fragment="").geturl()
