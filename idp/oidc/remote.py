"""Documents that stand at addresses of clients: key sets, sectors, request objects, logos.

Rules say what they want; how it is fetched, and that no address leads into our own network, is `idp.http.outbound`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import orjson

OK: Final = 200


class FetchFailed(Exception):
    """There is no such document for us now; `code` says why in one word."""

    code = "unreachable"


class NotOk(FetchFailed):
    """An answer of another status than 200: a redirect is not followed, an error says nothing."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the answer was {status}")
        self.code = f"status_{status}"


class NotJson(FetchFailed):
    """What was fetched cannot be read."""

    code = "not_json"


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer, read to its end. `media_type` is in lower case and without parameters; empty where there is none."""

    status: int
    media_type: str
    body: bytes


class Fetch(Protocol):
    """Asks for what stands at an address; of this kind are `Outbound.get` and what tests put in its place."""

    async def __call__(self, uri: str, /, *, most_bytes: int, accept: str) -> Fetched:
        """One GET.

        Raises:
            FetchFailed: not answered, not in time, too large, or at an address that we do not call.
        """


async def fetch_document(fetch: Fetch, uri: str, *, most_bytes: int, accept: str) -> bytes:
    """The document at an address.

    Raises:
        FetchFailed: as `Fetch`, and for every status but 200.
    """
    fetched = await fetch(uri, most_bytes=most_bytes, accept=accept)
    if fetched.status != OK:
        raise NotOk(fetched.status)
    return fetched.body


async def fetch_json(fetch: Fetch, uri: str, *, most_bytes: int, accept: str = "application/json") -> object:
    """The JSON document at an address.

    Raises:
        FetchFailed: as `fetch_document`, and for what is no JSON.
    """
    body = await fetch_document(fetch, uri, most_bytes=most_bytes, accept=accept)
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotJson("what is there is not JSON") from error
    return value
