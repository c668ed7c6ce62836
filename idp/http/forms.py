"""Parameters of a query or of a form, in order and with repetitions; the rules decide what a repetition means.

`application/x-www-form-urlencoded` as RFC 6749 appendix B wants it: UTF-8 and nothing else.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from idp.http.limits import PARAMETER_COUNT
from idp.http.refusal import Refusal, malformed, too_large

Parameters = list[tuple[str, str]]

_CONTENT_TYPE: Final = "application/x-www-form-urlencoded"
_CHARSETS: Final = frozenset({"", "charset=utf-8", 'charset="utf-8"'})
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def read_query(request: Request) -> Parameters:
    """The parameters of the address.

    Raises:
        Refusal: 400 for a broken escape, bad UTF-8, NUL or too many parameters.
    """
    query = request.scope["query_string"]
    return _read(query) if query else []


async def read_form(request: Request) -> Parameters:
    """The parameters of the body; an empty body has none.

    Raises:
        Refusal: 415 for another content type, 400 as `read_query`, 413 for a body that is too long.
    """
    body = await request.body()
    if not body:
        return []
    _check_content_type(request.headers.get("content-type", ""))
    if "content-encoding" in request.headers:
        raise Refusal(415, "invalid_request", "the body must not be compressed")
    return _read(body)


def _check_content_type(value: str) -> None:
    kind, _, parameter = value.lower().partition(";")
    if kind.strip() != _CONTENT_TYPE or parameter.strip() not in _CHARSETS:
        raise Refusal(415, "invalid_request", f"the content type must be {_CONTENT_TYPE}")


def _read(raw: bytes) -> Parameters:
    try:
        text = raw.decode("utf-8")
        pairs = [_pair(part) for part in text.split("&", PARAMETER_COUNT + 1) if part]
    except UnicodeDecodeError as error:
        raise malformed("the parameters are not UTF-8") from error
    if len(pairs) > PARAMETER_COUNT:
        raise too_large(413, f"more than {PARAMETER_COUNT} parameters")
    if "%" in text and _BROKEN_ESCAPE.search(text):
        raise malformed("a percent sign is not followed by two hexadecimal digits")
    if "\0" in text or any("\0" in name or "\0" in value for name, value in pairs):
        raise malformed("the parameters hold a NUL")
    return pairs


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return _decoded(name), _decoded(value)


def _decoded(text: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    return unquote_to_bytes(text).decode("utf-8") if "%" in text else text
