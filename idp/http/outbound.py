"""Requests of ours to addresses that clients registered, so that none can be turned against our own network.

A client names the address; without care it could make us call what only we can reach: a database, a cloud's metadata
service, another ministry's inner pages (server-side request forgery). So a name is resolved once, an address is called
only when it is public or the operator has named its network (`IDP_OUTBOUND_NETWORKS`), and the connection goes to that
very address, whatever the name would say a moment later. No redirect is followed, no proxy of the environment used, no
more of a body read than was asked for, and everything has an end.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from idp.http.outbound_addresses import Address, Resolve, is_public, resolve_by_system
from idp.oidc.remote import Fetched, FetchFailed

if TYPE_CHECKING:
    import httpx2

CONNECT_SECONDS: Final = 3
ANSWER_SECONDS: Final = 5  # between two signs of life
WHOLE_SECONDS: Final = 10  # name, connection, request and answer together
MOST_ADDRESSES: Final = 3  # of one name that are tried
MOST_AT_ONCE: Final = 16
"""Documents that are fetched from one host at one time: strangers can make us fetch (a request object, a key set), and
must not make us many."""


class OutboundError(FetchFailed):
    """The request was not answered; `code` says why in one word."""


class AddressNotAllowed(OutboundError):
    """The address is not public, and no network of it is allowed; nothing was sent."""

    code = "address_not_allowed"


class AnswerLate(OutboundError):
    """No answer came in time."""

    code = "timeout"


class AnswerTooLarge(OutboundError):
    """The answer is longer than what it can be; the rest was not read."""

    code = "too_large"


class HostBusy(OutboundError):
    """`MOST_AT_ONCE` requests to this host have no answer yet; nothing was sent."""

    code = "busy"


class _NotConnected(OutboundError):
    """There was no connection; another address of the name may still give one."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One request. Of the answer's body at most `most_bytes` are read; none where nobody wants it."""

    method: str
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    content: bytes | None = None
    most_bytes: int | None = None


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
        self._fetching: Counter[str] = Counter()
        self._asking: dict[str, asyncio.Future[Sequence[str]]] = {}

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
        answer = await self._call(uri, _Call("POST", form=dict(form)))
        return answer.status

    async def post_json(self, uri: str, body: bytes, *, bearer: str) -> int:
        """POST a JSON document with a bearer token (RFC 6750 §2.1); otherwise as `post_form`.

        Raises:
            OutboundError: as `post_form`.
        """
        headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
        answer = await self._call(uri, _Call("POST", headers=headers, content=body))
        return answer.status

    async def get(self, uri: str, /, *, most_bytes: int, accept: str) -> Fetched:
        """GET a document of at most `most_bytes`, whatever its status; a fragment is not sent.

        Raises:
            AnswerTooLarge: there is more.
            HostBusy: too much is being fetched there already.
            OutboundError: as `post_form`.
        """
        with self._counted(urlsplit(uri).netloc.lower()):
            return await self._call(uri, _Call("GET", {"accept": accept}, most_bytes=most_bytes))

    @contextmanager
    def _counted(self, host: str) -> Iterator[None]:
        if self._fetching[host] >= MOST_AT_ONCE:
            raise HostBusy(f"{MOST_AT_ONCE} requests to {host} have no answer yet")
        self._fetching[host] += 1
        try:
            yield
        finally:
            self._fetching[host] -= 1
            if not self._fetching[host]:
                del self._fetching[host]

    async def _call(self, uri: str, call: _Call) -> Fetched:
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                parts = urlsplit(uri)
                await asyncio.to_thread(self._load)
                error: OutboundError = OutboundError("the name has no address")
                for address in await self._addresses(parts):
                    try:
                        return await self._at_address(parts, address, call)
                    except _NotConnected as missed:
                        error = missed
                raise error
        except TimeoutError as late:
            raise AnswerLate("no answer came in time") from late

    async def _addresses(self, parts: SplitResult) -> Sequence[Address]:
        """The addresses of a name that may be called, resolved this once."""
        host = parts.hostname or ""
        try:
            found = await self._ask(host, _port(parts))
        except OSError as error:
            raise OutboundError("the name has no address") from error
        addresses = list(dict.fromkeys(ip_address(text) for text in found))
        allowed = [address for address in addresses if self.may_call(address)]
        if addresses and not allowed:
            raise AddressNotAllowed(f"{host} leads to {addresses[0]}")
        return allowed[:MOST_ADDRESSES]

    async def _ask(self, host: str, port: int) -> Sequence[str]:
        """One question about a name at a time, whose answer is for all who wait for it; nobody who gives up ends it."""
        asking = self._asking.get(host)
        if asking is None:
            asking = self._asking[host] = asyncio.ensure_future(self._resolve(host, port))
            asking.add_done_callback(lambda _: self._asking.pop(host))
        return await asyncio.shield(asking)

    def may_call(self, address: Address) -> bool:
        """Whether the address is public, or the operator has allowed its network."""
        return is_public(address) or any(address in network for network in self._networks)

    async def _at_address(self, parts: SplitResult, address: Address, call: _Call) -> Fetched:
        import httpx2  # noqa: PLC0415 - only who calls somebody loads it

        timeout = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        async with httpx2.AsyncClient(verify=self._tls, trust_env=False, timeout=timeout) as client:
            request = client.build_request(
                call.method,
                _at(parts, address),
                data=call.form,
                content=call.content,
                headers={
                    "host": parts.netloc,
                    "user-agent": "motcua",
                    "accept-encoding": "identity",
                    **call.headers,
                },
                extensions={"sni_hostname": parts.hostname},  # the certificate must be of the name
            )
            try:
                return await _answer(client, request, call.most_bytes)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                raise _NotConnected(str(error)) from error
            except httpx2.TimeoutException as error:
                raise AnswerLate("no answer came in time") from error
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise OutboundError(str(error)) from error


async def _answer(client: httpx2.AsyncClient, request: httpx2.Request, most_bytes: int | None) -> Fetched:
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        body = b"" if most_bytes is None else await _body(response, most_bytes)
        return Fetched(response.status_code, media_type, body)
    finally:
        await response.aclose()


async def _body(response: httpx2.Response, most_bytes: int) -> bytes:
    """The octets as they were sent; what is compressed although we asked for nothing of it is not unpacked."""
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise OutboundError("the answer is compressed")
    body = bytearray()
    async for octets in response.aiter_raw():
        body += octets
        if len(body) > most_bytes:
            raise AnswerTooLarge(f"the answer has more than {most_bytes} octets")
    return bytes(body)


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _at(parts: SplitResult, address: Address) -> str:
    """The same request at one address of the name."""
    host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    return parts._replace(netloc=f"{host}:{_port(parts)}", fragment="").geturl()
