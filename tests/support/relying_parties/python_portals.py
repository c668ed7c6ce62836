"""Portals written in Python, served from the test's own event loop; the library behind them is told by `Portal`."""

from __future__ import annotations

import asyncio
import logging
import secrets
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

COOKIE: Final = "browser"
Person = dict[str, Any]
"""What a portal remembers of one browser."""


class Portal(Protocol):
    """A portal: each method is one of its pages; what it raises is what its developer has to understand."""

    async def login(self, request: Request, person: Person) -> str:
        """Where the browser is sent to log in."""

    async def callback(self, request: Request, person: Person) -> Mapping[str, Any]:
        """The `claims` of the verified ID token, and the `person` of UserInfo."""

    async def refresh(self, person: Person) -> Mapping[str, Any]:
        """Whether the refresh token is `fresh`, and the `person` by the new access token."""

    async def logout(self, person: Person) -> str:
        """Where the browser is sent to log out."""

    async def ended(self, logout_token: str) -> str:
        """The session (`sid`) that a verified logout token ends."""


class _Overheard(logging.Handler):
    """What the library writes into the portal's log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class _Served:
    def __init__(self, portal: Portal, log: str) -> None:
        self.portal = portal
        self.people: dict[str, Person] = {}
        self.log = log

    async def answer(self, request: Request) -> Response:
        browser = request.cookies.get(COOKIE) or secrets.token_urlsafe(8)
        heard, logger = _Overheard(), logging.getLogger(self.log)
        logger.addHandler(heard)
        try:
            response = await self._act(request, self.people.setdefault(browser, {}))
        except Exception as error:  # noqa: BLE001 - whatever the library raises
            told = "".join(traceback.format_exception_only(error))
            response = PlainTextResponse("\n".join([told, *heard.lines]), 502)
        finally:
            logger.removeHandler(heard)
        response.set_cookie(COOKIE, browser, httponly=True, samesite="lax")
        return response

    async def _act(self, request: Request, person: Person) -> Response:
        portal, action = self.portal, request.path_params["action"]
        match action:
            case "login":
                return RedirectResponse(await portal.login(request, person), 303)
            case "callback":
                told = await portal.callback(request, person)
                person["claims"] = told["claims"]
                return JSONResponse(told)
            case "refresh":
                return JSONResponse(await portal.refresh(person))
            case "logout":
                address = await portal.logout(person)
                person.clear()
                return RedirectResponse(address, 303)
            case "backchannel":
                (token,) = parse_qs((await request.body()).decode())["logout_token"]
                self._end(await portal.ended(token))
                return Response()
        claims = person.get("claims")
        return JSONResponse(claims or {}, 200 if claims else 401)

    def _end(self, sid: str) -> None:
        for person in self.people.values():
            if person.get("claims", {}).get("sid") == sid:
                person.clear()


def _application(portals: Mapping[str, Portal], log: str) -> Starlette:
    served = {path: _Served(portal, log) for path, portal in portals.items()}

    async def act(request: Request) -> Response:
        return await served[request.path_params["portal"]].answer(request)

    async def home(request: Request) -> Response:
        return PlainTextResponse("home")

    return Starlette(
        routes=[Route("/{portal}/{action}", act, methods=["GET", "POST"]), Route("/{portal}/", home)]
    )


@asynccontextmanager
async def python_portals(port: int, portals: Mapping[str, Portal], log: str) -> AsyncIterator[None]:
    """Portals by their paths, until the end of the block; `log` is the name of the library's logger."""
    config = uvicorn.Config(
        _application(portals, log),
        host="127.0.0.1",
        port=port,
        log_config=None,
        lifespan="off",
        access_log=False,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0)
        assert not running.done()
    try:
        yield
    finally:
        server.should_exit = True
        await running
