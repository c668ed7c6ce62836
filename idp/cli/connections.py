"""HTTP connections with bounds that the server itself does not set (size of a head, time to send), and no upgrades."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from idp.cli.tls import tls_extension
from idp.http.limits import HEAD_BYTES, QUERY_BYTES

REQUEST_SECONDS: Final = 20
"""From its first byte a request must be here after this long; so must the first byte of a new connection."""

LARGEST_HEAD: Final = HEAD_BYTES + QUERY_BYTES + 8 * 1024
"""Bytes kept of an unfinished head. The edge refuses less than this politely; beyond it the connection is closed."""


class BoundedConnection(HttpToolsProtocol):
    """The server's HTTP/1.1 connection, closed when a caller sends endless headers or dawdles.

    An offer to go on in another protocol is ignored, as RFC 9110 §7.8 allows. Java's client offers HTTP/2 with every
    request that is not encrypted, and the server would take the body of such a request for the other protocol.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = False
        self._unfinished = False
        self._head_bytes = 0
        self._patience: asyncio.TimerHandle | None = None
        self._extensions: dict[str, dict[object, object]] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a request; what the handshake has shown holds for all of this connection's."""
        super().connection_made(transport)
        secured = transport.get_extra_info("ssl_object")
        if secured is not None:
            self._extensions = {"tls": tls_extension(secured)}
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing any more."""
        self._stop_expecting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head; a request that came whole in one piece costs no timer."""
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > LARGEST_HEAD:
                self.transport.abort()
                return
        self._read(data)
        if self._unfinished and self._patience is None:
            self._expect()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        if self._extensions is not None:
            self.scope["extensions"] = self._extensions
        self._in_head = self._unfinished = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """Its head is here."""
        self._in_head = False
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """It is here whole."""
        if self.parser.should_upgrade():
            return
        self._unfinished = False
        self._stop_expecting()
        super().on_message_complete()

    def _read(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        rest = memoryview(data)
        try:
            while rest:
                try:
                    self.parser.feed_data(rest)
                    return
                except httptools.HttpParserUpgrade as upgrade:
                    rest = rest[upgrade.args[0] :]
                    self._decline_upgrade()
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _decline_upgrade(self) -> None:
        """Read the head again without the offer; what follows it then belongs to the request."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":  # needs no header to leave HTTP
            raise httptools.HttpParserError
        kept = (b"%s: %s\r\n" % header for header in self.headers if header[0] != b"upgrade")
        head = b"".join((b"%s %s HTTP/%s\r\n" % (method, self.url, version), *kept, b"\r\n"))
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(head)

    def _expect(self) -> None:
        self._patience = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _stop_expecting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
