"""The guard as ASGI middleware, for one route or for a whole application."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .access import Access
from .guard import Guard, read_scheme
from .needs import Needs
from .refusal import Refused, Unavailable, answer_refused, answer_unavailable

KEY = "resource_server.access"
POLICY_VIOLATION = 1008
log = logging.getLogger("resource_server")


class UnprotectedRoute(Exception):
    """A route asks for nothing and is not listed as open, or is listed and not there."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """What a guard has found out about a request."""

    guard: Guard
    access: Access


class Protected:
    """Lets only requests through that `guard` admits with these `needs`; the application finds them in `access_of`."""

    def __init__(self, app: ASGIApp, guard: Guard, needs: Needs) -> None:
        self.app = app
        self._guard = guard
        self._needs = needs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. A websocket is refused: a proof is for one request, and its connection would outlive the token."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._admit(scope, receive, self._with_nonce(scope, send))
        else:
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        answered = False

        async def send_and_note(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._let_in(scope)
            await self.app(scope, receive, send_and_note)
        except (Refused, Unavailable) as error:
            if answered:  # an application with error pages of its own has said 500 already
                raise
            await self._answer(scope, error)(scope, receive, send)

    async def _let_in(self, scope: Scope) -> None:
        """A request that this guard has admitted before, for the whole application, has used up its proof there."""
        before: Admitted | None = scope.get(KEY)
        if before is not None and before.guard is self._guard:
            self._guard.check(before.access, self._needs)
        else:
            scope[KEY] = Admitted(self._guard, await self._guard.admit(scope, self._needs))

    def _answer(self, scope: Scope, refused: Refused | Unavailable) -> Response:
        if isinstance(refused, Unavailable):
            log.warning("nobody can be let in: %s", refused)
            return answer_unavailable()
        if refused.error:
            log.info("refused: %s: %s", refused.error, refused.why)
        return answer_refused(refused, read_scheme(Headers(scope=scope)), self._guard.api.schemes)

    def _with_nonce(self, scope: Scope, send: Send) -> Send:
        """Every answer to a proof brings a fresh nonce, where nonces are asked for (RFC 9449 §8.2)."""
        nonce = self._guard.nonces.fresh()
        if not nonce or read_scheme(Headers(scope=scope)) != "DPoP":
            return send

        async def send_with_nonce(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["DPoP-Nonce"] = nonce
            await send(message)

        return send_with_nonce


def asks(guard: Guard, needs: Needs) -> list[Middleware]:
    """What a route asks for, as its `middleware=`."""
    return [Middleware(Protected, guard=guard, needs=needs)]


def access_of(connection: HTTPConnection) -> Access:
    """What the token of this request says.

    Raises:
        UnprotectedRoute: no guard stands before the route, so nothing is known of whoever asks.
    """
    admitted = connection.scope.get(KEY)
    if not isinstance(admitted, Admitted):
        raise UnprotectedRoute(connection.url.path)
    return admitted.access


def closed(routes: Sequence[BaseRoute], *, but: Collection[str] = ()) -> list[BaseRoute]:
    """The routes, when each of them asks for something, or is listed as open; so that no route is open by mistake.

    A path of which several routes are open, by several methods, is listed once for each.

    Raises:
        UnprotectedRoute: when the application is built, and not when the first stranger comes.
    """
    found, listed = Counter(_open_paths(routes, "")), Counter(but)
    if found != listed:
        wrong = ", ".join(sorted((found - listed) + (listed - found)))
        raise UnprotectedRoute(f"say what each route asks for, and list exactly the open ones: {wrong}")
    return list(routes)


def _open_paths(routes: Iterable[BaseRoute], prefix: str) -> Iterable[str]:
    for route in routes:
        path = prefix + str(getattr(route, "path", type(route).__name__))
        if _is_protected(route):
            continue
        if inner := getattr(route, "routes", None):
            yield from _open_paths(inner, path)
        else:
            yield path


def _is_protected(route: BaseRoute) -> bool:
    """Whether a guard stands before the route, maybe behind other middleware."""
    app = getattr(route, "app", None)
    while app is not None and not isinstance(app, Protected):
        app = getattr(app, "app", None)
    return app is not None
