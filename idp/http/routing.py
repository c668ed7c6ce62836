"""From a request's path to the function that answers it. The table of routes is literal and is read at the start."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from idp.http.refusal import Refusal

S = TypeVar("S")
Endpoint = Callable[[Request, S], Awaitable[Response]]

UNROUTED: Final = "-"
"""Stands in the access log where no route matched: the path itself may hold anything."""

_PARAMETER: Final = re.compile(r"\{(\w+(?::path)?)\}")
_SEGMENT: Final = "[A-Za-z0-9._~-]{1,128}"


class Kind(Enum):
    """Who reads the answer, and so in which shape an error comes."""

    PAGE = auto()
    JSON = auto()


@dataclass(frozen=True, slots=True)
class Route(Generic[S]):
    """One path with an endpoint for each method; HEAD is answered wherever GET is.

    `path` may hold `{name}` for one segment of unreserved characters (RFC 3986 §2.3) and `{name:path}` for one or
    more of them; endpoints find them in `request.path_params` by `name`. Answers of a `correlated` one bear an id for
    the logs of both sides (`idp.http.correlation`).
    """

    path: str
    kind: Kind
    methods: Mapping[str, Endpoint[S]]
    correlated: bool = False

    @property
    def allow(self) -> str:
        """Value of the `Allow` header."""
        return ", ".join(sorted(self.methods.keys() | ({"HEAD"} if "GET" in self.methods else set())))


def page(path: str, **methods: Endpoint[S]) -> Route[S]:
    """A route that people visit: `page("/account", GET=show)`."""
    return Route(path, Kind.PAGE, methods)


def json(path: str, **methods: Endpoint[S]) -> Route[S]:
    """A route that programs call."""
    return Route(path, Kind.JSON, methods)


def api(path: str, **methods: Endpoint[S]) -> Route[S]:
    """A route that clients call directly, in a matter of theirs."""
    return Route(path, Kind.JSON, methods, correlated=True)


class Routes(Generic[S]):
    """The table, made fast: fixed paths by one look-up, the others in their order."""

    def __init__(self, routes: Sequence[Route[S]]) -> None:
        self._fixed = {route.path: route for route in routes if "{" not in route.path}
        self._patterns = [(_pattern(route.path), route) for route in routes if "{" in route.path]
        if len(self._fixed) + len(self._patterns) != len(routes):
            raise ValueError("two routes have the same path")

    def find(self, path: str) -> tuple[Route[S], dict[str, str]] | None:
        """The route of a path with the parameters in it, or None."""
        route = self._fixed.get(path)
        if route is not None:
            return route, {}
        for pattern, candidate in self._patterns:
            match = pattern.fullmatch(path)
            if match:
                return candidate, match.groupdict()
        return None


def endpoint_of(route: Route[S], method: str) -> Endpoint[S]:
    """The function for a method.

    Raises:
        Refusal: 405 with `Allow` (RFC 9110 §15.5.6).
    """
    endpoint = route.methods.get("GET" if method == "HEAD" else method)
    if endpoint is None:
        raise Refusal(
            405, "method_not_allowed", "the method is not allowed here", headers={"allow": route.allow}
        )
    return endpoint


def _pattern(path: str) -> re.Pattern[str]:
    parts = _PARAMETER.split(path)
    fixed = [re.escape(part) for part in parts[::2]]
    named = [_group(parameter) for parameter in parts[1::2]]
    return re.compile("".join(text for pair in zip(fixed, [*named, ""], strict=True) for text in pair))


def _group(parameter: str) -> str:
    name, _, several = parameter.partition(":")
    return f"(?P<{name}>{_SEGMENT}(?:/{_SEGMENT})*)" if several else f"(?P<{name}>{_SEGMENT})"
