"""Which addresses scripts of other origins may use: wraps the methods of a route (see `idp.http.cors`)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from idp.endpoints.surroundings import Surroundings
from idp.http import cors
from idp.http.refusal import Refusal
from idp.http.responses import Answer
from idp.http.routing import Endpoint
from idp.oidc.client import Client

Methods = dict[str, Endpoint[Surroundings]]


def by_everybody(**methods: Endpoint[Surroundings]) -> Methods:
    """Public documents; their endpoints say so themselves (`cors.FOR_EVERYBODY`)."""

    async def options(request: Request, _here: Surroundings) -> Answer:
        if not cors.is_preflight(request):
            return cors.options_answer(_listed(methods))
        return cors.preflight_answer(methods, cors.PUBLIC_HEADERS, cors.FOR_EVERYBODY)

    return {**methods, "OPTIONS": options}


def by_browser_clients(**methods: Endpoint[Surroundings]) -> Methods:
    """What single-page applications call, from the origins they are registered with."""

    async def options(request: Request, here: Surroundings) -> Answer:
        await _note(request, here)
        if not cors.is_preflight(request):
            return cors.options_answer(_listed(methods))
        if not cors.is_allowed(request):
            raise Refusal(403, "invalid_request", "no browser client is registered with this origin")
        return cors.preflight_answer(methods, cors.ALLOWED_HEADERS, {})

    return {name: _readable(endpoint) for name, endpoint in methods.items()} | {"OPTIONS": options}


def only_own_origins(request: Request, client: Client) -> None:
    """Once the client is known, only its own origins may read the answer: those of others have no business here."""
    if cors.is_allowed(request):
        cors.note(request, allowed=cors.sent_origin(request) in client.origins)


def _readable(endpoint: Endpoint[Surroundings]) -> Endpoint[Surroundings]:
    async def answered(request: Request, here: Surroundings) -> Response:
        await _note(request, here)
        return await endpoint(request, here)

    return answered


async def _note(request: Request, here: Surroundings) -> None:
    origin = cors.sent_origin(request)
    cors.note(request, allowed=bool(origin) and await here.shared.origins.knows(origin))


def _listed(methods: Methods) -> list[str]:
    return sorted(methods.keys() | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()))
