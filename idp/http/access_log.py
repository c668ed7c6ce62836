"""One structured record a request, written after the answer.

It names the route, never the path or the query: both can hold ids, codes and whatever a stranger types. The address
is cut to its network. The client is noted by the endpoint that knows it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any, Final, Protocol

import orjson
from starlette.requests import Request

_CLIENT: Final = "motcua.client_id"
_ATOMIC: Final = 4096  # PIPE_BUF: up to here the lines of several workers do not mix in one pipe
_LONGEST_WAIT: Final = 0.2  # seconds that a record may wait for company


class AccessLog(Protocol):
    """Where records go."""

    def keep(self, record: dict[str, Any], /) -> None:
        """Take a record."""

    def flush(self) -> None:
        """Write all that was taken."""


def note_client(request: Request, client_id: str) -> None:
    """Tell the access log which client this request comes from; call it once the client is known to exist."""
    request.scope[_CLIENT] = client_id


def noted_client(scope: Any) -> str | None:
    """The client noted for a request."""
    client_id: str | None = scope.get(_CLIENT)
    return client_id


class BufferedAccessLog:
    """Lines of JSON to a file descriptor, a few requests' together: a system call each would cost more than they do."""

    def __init__(self, descriptor: int = 1, write: Callable[[int, bytes], int] = os.write) -> None:
        self._descriptor = descriptor
        self._write = write
        self._waiting = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def keep(self, record: dict[str, Any], /) -> None:
        """See `AccessLog.keep`; within a running event loop."""
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        if len(self._waiting) + len(line) > _ATOMIC:
            self.flush()
        self._waiting += line
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LONGEST_WAIT, self.flush)

    def flush(self) -> None:
        """See `AccessLog.flush`. A reader that has gone away must not stop the service."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines = bytes(self._waiting)
        self._waiting.clear()
        try:
            while lines:
                lines = lines[self._write(self._descriptor, lines) :]
        except OSError:
            return
