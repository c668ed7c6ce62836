"""A protected API: a register of civil status, of which some answers need more than a password.

`/dossiers` is open to whoever is signed in. `/extracts` holds what can be misused: it asks for two factors, and for a
login of the last quarter of an hour, and says so to whoever comes with less (RFC 9470).
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from examples.resource_server import Guard, Needs, access_of, asks, closed

SIGNED_IN = Needs()
STRONG = Needs(level=2, max_age=15 * 60)
NO_STORE = {"Cache-Control": "no-store"}


async def dossiers(_request: Request) -> Response:
    """What the person has asked for so far."""
    return JSONResponse({"dossiers": []}, headers=NO_STORE)


async def extracts(request: Request) -> Response:
    """The person's extract of the register. The person is known by the token's `sub`, which is this sector's own."""
    holder = access_of(request).subject
    extract = {"kind": "Trích lục khai sinh", "number": "TL-0001", "holder": holder}
    return JSONResponse({"extracts": [extract]}, headers=NO_STORE)


async def health(_request: Request) -> Response:
    """Says that the API listens."""
    return PlainTextResponse("ok")


def build_api(guard: Guard) -> Starlette:
    """The API as an ASGI application."""
    routes = [
        Route("/dossiers", dossiers, middleware=asks(guard, SIGNED_IN)),
        Route("/extracts", extracts, middleware=asks(guard, STRONG)),
        Route("/health", health),
    ]
    return Starlette(routes=closed(routes, but=["/health"]))
