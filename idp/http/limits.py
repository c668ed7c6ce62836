"""How much a stranger may send. Nothing we serve comes near these sizes; the maintainers may change them."""

from __future__ import annotations

from typing import Final

from starlette.types import Message, Receive

from idp.http.refusal import malformed, too_large

BODY_BYTES: Final = 64 * 1024
HEAD_BYTES: Final = 32 * 1024
HEADER_COUNT: Final = 64
PATH_BYTES: Final = 1024
QUERY_BYTES: Final = 8 * 1024
PARAMETER_COUNT: Final = 100

_SINGLE: Final = frozenset(
    {
        b"authorization", b"content-encoding", b"content-length", b"content-type", b"dpop", b"host",
        b"if-none-match", b"origin", b"sec-fetch-site",
    }
)  # fmt: skip
"""Headers that decide something: sent twice, two programs may each believe another one (RFC 9110 §5.3)."""

Headers = list[tuple[bytes, bytes]]


def read_head(headers: Headers, path: str, query: bytes) -> dict[bytes, bytes]:
    """Measure a request's head; its deciding headers by name.

    Raises:
        Refusal: 400 for a deciding header sent twice, 413, 414 or 431 for what is too large.
    """
    if len(query) > QUERY_BYTES or len(path) > PATH_BYTES:
        raise too_large(414, f"the address is longer than {QUERY_BYTES} bytes")
    if len(headers) > HEADER_COUNT:
        raise too_large(431, f"more than {HEADER_COUNT} headers")
    size = 0
    single: dict[bytes, bytes] = {}
    for name, value in headers:
        size += len(name) + len(value)
        if name in _SINGLE:
            if name in single:
                raise malformed("a header was sent twice that may be sent once")
            single[name] = value
    if size > HEAD_BYTES:
        raise too_large(431, f"the headers are longer than {HEAD_BYTES} bytes")
    length = single.get(b"content-length")
    if length is not None:
        _check_length(length)
    return single


def _check_length(length: bytes) -> None:
    if not length.isdigit():
        raise malformed("the content-length is not a number")
    if len(length) > 9 or int(length) > BODY_BYTES:
        raise too_large(413, f"the body is longer than {BODY_BYTES} bytes")


def bounded(receive: Receive) -> Receive:
    """`receive` that refuses the body once it is too long, whatever its announced length was.

    Raises:
        Refusal: 413, while reading.
    """
    taken = 0

    async def receive_bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_BYTES:
            raise too_large(413, f"the body is longer than {BODY_BYTES} bytes")
        return message

    return receive_bounded
