"""The body of a registration: one JSON object, sent as such.

The content type is insisted on: a page of another site cannot send it without asking first (Fetch Standard, CORS
protocol), so nobody's browser registers a client for somebody else at a provider that only it can reach.
"""

from __future__ import annotations

import json
from typing import Any, Final

import orjson
from starlette.requests import Request

from idp.errors import InvalidClientMetadata
from idp.http.refusal import Refusal

MOST_MEMBERS: Final = 100
_MEDIA: Final = "application/json"
_CHARSETS: Final = frozenset({"", "charset=utf-8", 'charset="utf-8"'})


async def read_object(request: Request) -> dict[str, Any]:
    """The members of the body, each once.

    Raises:
        Refusal: 415 for another content type, 413 for a body that is too long.
        InvalidClientMetadata: not one JSON object (RFC 7591 §3.1).
    """
    _check_content_type(request)
    body = await request.body()
    try:
        value = orjson.loads(body)
        json.loads(body, object_pairs_hook=_refuse_twice, parse_int=str, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise InvalidClientMetadata("the body must be JSON without repeated members") from error
    if not isinstance(value, dict) or len(value) > MOST_MEMBERS:
        raise InvalidClientMetadata(f"the body must be one JSON object of at most {MOST_MEMBERS} members")
    return value


def _check_content_type(request: Request) -> None:
    kind, _, parameter = request.headers.get("content-type", "").lower().partition(";")
    if kind.strip() != _MEDIA or parameter.strip() not in _CHARSETS:
        raise Refusal(415, "invalid_request", f"the content type must be {_MEDIA}")
    if "content-encoding" in request.headers:
        raise Refusal(415, "invalid_request", "the body must not be compressed")


def _refuse_twice(members: list[tuple[str, object]]) -> None:
    names = [name for name, _ in members]
    if len(set(names)) < len(names):
        raise ValueError("a member stands twice")
