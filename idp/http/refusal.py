"""A request that HTTP itself forbids us to serve, before any rule of the protocol is asked."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Refusal(Exception):
    """Answered as a page or as JSON, by the kind of the route; `page` names the text in `idp.pages.errors`.

    `description` is for the developer of a client and is sent; it never repeats what the request held.
    """

    def __init__(
        self, status: int, page: str, description: str, *, headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        super().__init__(description)
        self.status = status
        self.page = page
        self.description = description
        self.headers = headers


def malformed(description: str) -> Refusal:
    """400: what was sent cannot be read (RFC 9110 §15.5.1)."""
    return Refusal(400, "invalid_request", description)


def too_large(status: int, description: str) -> Refusal:
    """413, 414 or 431; the rest of the request is not waited for (RFC 9110 §15.5.14)."""
    return Refusal(status, "too_large", description, headers={"connection": "close"})
