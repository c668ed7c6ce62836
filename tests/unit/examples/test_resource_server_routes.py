"""No route is open by mistake, and what a route does with what the guard found out."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from examples.resource_server import (
    Access,
    Needs,
    Protected,
    Refused,
    UnprotectedRoute,
    access_of,
    asks,
    closed,
)
from tests.unit.examples.guarded import API, SUBJECT, Scene, blamed, whoami

GUARD = Scene().guard
PROTECTED = asks(GUARD, Needs())
NAMED = {
    "id": [
        {"scheme": "vn_enterprise_code", "value": "0100000001"},
        {"scheme": "vn_tax_code", "value": "0100000001-001"},
    ]
}


class Other:
    """Another middleware, in front of the guard."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.mark.parametrize(
    ("routes", "but"),
    [
        ([Route("/a", whoami, middleware=PROTECTED)], []),
        ([Route("/a", whoami, middleware=[Middleware(Other), *PROTECTED])], []),
        ([Route("/a", whoami, middleware=PROTECTED, max_body_size=9)], []),
        ([Route("/a", whoami, middleware=PROTECTED), Route("/health", whoami)], ["/health"]),
        ([Mount("/in", routes=[Route("/a", whoami, middleware=PROTECTED)])], []),
        ([Mount("/in", routes=[Route("/a", whoami)], middleware=PROTECTED)], []),
        ([Mount("/in", routes=[Route("/health", whoami)])], ["/in/health"]),
        ([Mount("/in", Protected(Starlette(), GUARD, Needs()))], []),
        ([], []),
    ],
    ids=range(9),
)
def test_routes_that_are_closed(routes: list[BaseRoute], but: list[str]) -> None:
    assert closed(routes, but=but) == routes


@pytest.mark.parametrize(
    ("routes", "but"),
    [
        ([Route("/a", whoami)], []),
        ([Route("/a", whoami, middleware=[Middleware(Other)])], []),
        ([Route("/a", whoami, middleware=PROTECTED)], ["/a"]),
        ([Route("/a", whoami, middleware=PROTECTED)], ["/healthy"]),
        ([Mount("/in", routes=[Route("/a", whoami)])], []),
        ([Mount("/in", routes=[Route("/a", whoami)])], ["/a"]),
        ([Mount("/in", Starlette(routes=[Route("/a", whoami)]))], []),
        ([Mount("/static", StaticFiles(directory="examples/portal/static"))], []),
        ([WebSocketRoute("/ws", whoami)], []),
        ([Route("/health", whoami), Route("/health", whoami, methods=["DELETE"])], ["/health"]),
        ([BaseRoute()], []),
    ],
    ids=range(11),
)
def test_routes_that_are_open_by_mistake(routes: list[BaseRoute], but: list[str]) -> None:
    with pytest.raises(UnprotectedRoute):
        closed(routes, but=but)


async def test_a_whole_application_can_stand_behind_the_guard() -> None:
    """Also one that is not Starlette's; its start and end are none of the guard's business."""
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])
        if scope["type"] == "http":
            await JSONResponse({"subject": access_of(Request(scope)).subject})(scope, receive, send)

    scene = Scene()
    scene.app = Starlette(routes=closed([Mount("/", Protected(app, scene.guard, Needs()))]))
    assert (await scene.ask_well()).json() == {"subject": SUBJECT}
    assert (await scene.ask()).status_code == 401

    async def silent() -> Message:
        return {"type": "lifespan.startup"}

    async def ignore(_message: Message) -> None: ...

    await Protected(app, scene.guard, Needs())({"type": "lifespan"}, silent, ignore)
    assert seen == ["http", "lifespan"]


async def test_one_guard_before_all_and_more_before_some() -> None:
    """A proof is used up once, by the outer one; what the inner one asks is asked of the same token."""
    scene = Scene()
    strong, weak = (asks(scene.guard, Needs(level=level)) for level in (2, 1))
    inner = [Route("/dossiers/1", whoami, middleware=weak), Route("/dossiers/2", whoami, middleware=strong)]
    scene.app = Starlette(routes=[Mount("/", routes=inner, middleware=asks(scene.guard, Needs()))])
    assert (await scene.ask_well()).status_code == 200
    token = scene.token()
    proof = scene.proof(token, htu=f"{API}/dossiers/2")
    refused = await scene.ask_with(token, proof, path="/dossiers/2")
    assert blamed(refused)[2] == "insufficient_user_authentication"


async def test_what_one_guard_admitted_another_has_not() -> None:
    scene, other = Scene.taking_anyone(), Scene()
    inner = [Route("/dossiers/1", whoami, middleware=asks(other.guard, Needs()))]
    scene.app = Starlette(routes=[Mount("/", routes=inner, middleware=asks(scene.guard, Needs()))])
    assert (await scene.ask_as_bearer()).status_code == 401


async def test_a_websocket_is_refused() -> None:
    sent: list[Message] = []

    async def unused(*_anything: Any) -> Any:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    await Protected(unused, GUARD, Needs())({"type": "websocket", "headers": []}, unused, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_without_a_guard_nothing_is_known() -> None:
    app = Starlette(routes=[Route("/a", whoami)])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=API) as http:
        with pytest.raises(UnprotectedRoute):
            await http.get("/a", headers={"resource_server.access": "x"})


async def test_a_route_may_ask_for_more_when_it_knows_what_is_asked() -> None:
    """Such as a larger sum: the challenge is the same as the middleware's."""

    async def pay(request: Request) -> Response:
        access = access_of(request)
        if request.query_params["sum"] == "large":
            scene.guard.check(access, Needs(level=3))
        if not scene.guard.details(access, "payment", action="pay"):
            raise Refused("insufficient_scope", "no such payment", status=403)
        return JSONResponse({"paid": sorted(access.scopes), "by": access.client_id})

    scene = Scene(endpoint=pay)
    details = [{"type": "payment", "actions": ["pay"]}]

    async def ask(path: str, **changes: Any) -> httpx2.Response:
        token = scene.token(**changes)
        return await scene.ask_with(token, scene.proof(token), path=path)

    paid = await ask("/dossiers/1?sum=small", authorization_details=details)
    assert paid.json() == {"paid": ["dossiers", "openid"], "by": "portal"}
    assert blamed(await ask("/dossiers/1?sum=small")) == (403, "DPoP", "insufficient_scope")
    larger = await ask("/dossiers/1?sum=large", authorization_details=details)
    assert blamed(larger) == (401, "DPoP", "insufficient_user_authentication")


@pytest.mark.parametrize(
    ("organisation", "entry", "found"),
    [
        ("0100000001", {"vn_organisation": NAMED}, 1),
        ("0100000001-001", {"vn_organisation": NAMED}, 1),
        ("0100000002", {"vn_organisation": NAMED}, 0),
        ("0100000001", {"vn_organisation": NAMED, "organisation": "0100000002"}, 1),
        ("0100000001", {"organisation": "0100000001"}, 0),
        ("0100000001", {"vn_organisation": {"id": ["0100000001"]}}, 0),
        ("0100000001", {"vn_organisation": {"id": "0100000001"}}, 0),
        ("0100000001", {"vn_organisation": "0100000001"}, 0),
        ("", {}, 1),
    ],
    ids=str,
)
async def test_a_mandate_of_one_organisation_is_none_of_another(
    organisation: str, entry: dict[str, Any], found: int
) -> None:
    scene = Scene()
    claims = {"authorization_details": [{"type": "vn_mandate", "actions": ["file"]} | entry]}
    access = Access("sub", "portal", frozenset(), claims)
    entries = scene.guard.details(access, "vn_mandate", action="file", organisation=organisation)
    assert len(entries) == found


async def test_who_is_refused_within_an_application_with_error_pages_of_its_own_is_answered_once() -> None:
    """Its 500 stands, and the server hears why; as its `middleware` the guard would have answered."""
    scene = Scene()

    async def pay(request: Request) -> Response:
        scene.guard.check(access_of(request), Needs(level=3))
        return JSONResponse({})

    routes = [Route("/dossiers/{id}", pay)]
    scene.app = Starlette(routes=[Mount("/", Protected(Starlette(routes=routes), scene.guard, Needs()))])
    with pytest.raises(Refused):
        await scene.ask_well()
    scene.app = Starlette(routes=routes, middleware=asks(scene.guard, Needs()))
    assert blamed(await scene.ask_well())[2] == "insufficient_user_authentication"


async def test_methods_and_paths_that_are_not_there_are_told_as_ever() -> None:
    scene = Scene()
    assert (await scene.ask(path="/nothing")).status_code == 404
