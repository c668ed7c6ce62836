"""A protected API: a register of civil status, of which some answers need more than a password.

`/dossiers` is open to whoever is signed in. `/extracts` holds what can be misused: it asks for two factors, and for a
login of the last quarter of an hour, and says so to whoever comes with less (RFC 9470).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from examples.api.guard import Challenged, Guard, Needs, answer_challenge
from examples.portal.signing_keys import SigningKeys

SIGNED_IN = Needs()
STRONG = Needs(level=2, max_age=15 * 60)
TIMEOUT_SECONDS = 10.0
NO_STORE = {"Cache-Control": "no-store"}


class Register:
    """The API's answers. The person is known by the token's `sub`, which is this sector's own."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def dossiers(self, request: Request) -> Response:
        """What the person has asked for so far."""
        await self._guard.require(request, SIGNED_IN)
        return JSONResponse({"dossiers": []}, headers=NO_STORE)

    async def extracts(self, request: Request) -> Response:
        """The person's extract of the register."""
        claims = await self._guard.require(request, STRONG)
        extract = {"kind": "Trích lục khai sinh", "number": "TL-0001", "holder": claims["sub"]}
        return JSONResponse({"extracts": [extract]}, headers=NO_STORE)

    async def health(self, _request: Request) -> Response:
        """Says that the API listens."""
        return PlainTextResponse("ok")


def build_api(
    issuer: str,
    identifier: str,
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """The API as an ASGI application; `transport` replaces the network towards the provider in tests."""

    async def fetch_keys() -> Mapping[str, Any]:
        async with httpx2.AsyncClient(transport=transport, timeout=TIMEOUT_SECONDS) as http:
            document = (await http.get(f"{issuer}/.well-known/openid-configuration")).raise_for_status()
            if document.json()["issuer"] != issuer:  # OpenID Connect Discovery §4.3
                raise Challenged(error="invalid_token", error_description="the issuer is another one")
            found: Mapping[str, Any] = (await http.get(document.json()["jwks_uri"])).raise_for_status().json()
            return found

    register = Register(Guard(issuer, identifier, SigningKeys(fetch_keys), clock))
    return Starlette(
        routes=[
            Route("/dossiers", register.dossiers),
            Route("/extracts", register.extracts),
            Route("/health", register.health),
        ],
        exception_handlers={Challenged: answer_challenge},
    )
