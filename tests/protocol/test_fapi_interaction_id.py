"""`x-fapi-interaction-id`: one id for a call in the portal's log and in ours."""

from __future__ import annotations

import re
from typing import Final

import pytest

from idp.endpoints.routes import ROUTES
from idp.http.routing import Kind
from tests.support.on_sqlite import on_sqlite
from tests.support.provider import Provider

pytestmark = on_sqlite

NAME: Final = "x-fapi-interaction-id"
SENT: Final = "c770aef3-6784-41f7-8e0e-ff5f97bddb3a"
UUID4: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
CALLED: Final = (
    "/par",
    "/token",
    "/userinfo",
    "/revoke",
    "/introspect",
    "/device_authorization",
    "/register",
)


@pytest.mark.parametrize("path", CALLED)
async def test_it_comes_back_with_whatever_is_answered(service: Provider, path: str) -> None:
    for method in ("POST", "GET", "PUT"):
        answer = await service.http().request(method, path, headers={NAME: SENT})
        assert answer.status_code >= 400
        assert answer.headers.get_list(NAME) == [SENT]
        assert service.log.kept[-1]["interaction_id"] == SENT


async def test_it_comes_back_with_what_is_given(service: Provider) -> None:
    machine = service.portal("machine-es256")
    fields, _ = machine.credentials()
    form = {**fields, "grant_type": "client_credentials"}
    answer = await machine.http.post("/token", data=form, headers={NAME: SENT})
    assert (answer.status_code, answer.headers[NAME]) == (200, SENT)


async def test_where_none_came_it_is_a_fresh_one(service: Provider) -> None:
    ids = [(await service.http().post("/token")).headers[NAME] for _ in range(2)]
    assert all(UUID4.fullmatch(one) for one in ids)
    assert ids[0] != ids[1]
    assert service.log.kept[-1]["interaction_id"] == ids[1]


@pytest.mark.parametrize(
    "sent", ["", "1", "001184000123", "x" * 4000, f"{SENT}0", f"{SENT},{SENT}", "<script>", f"{{{SENT}}}"]
)
async def test_what_is_no_uuid_is_not_repeated(service: Provider, sent: str) -> None:
    answer = await service.http().post("/token", headers={NAME: sent})
    assert UUID4.fullmatch(answer.headers[NAME])


async def test_two_are_none(service: Provider) -> None:
    answer = await service.http().post("/token", headers=[(NAME, SENT), (NAME, SENT)])
    assert UUID4.fullmatch(answer.headers[NAME])
    assert answer.headers[NAME] != SENT


async def test_people_and_public_documents_have_none(service: Provider) -> None:
    for path in ("/", "/jwks", "/.well-known/openid-configuration", "/authorize", "/health/live", "/nowhere"):
        answer = await service.http().get(path, headers={NAME: SENT})
        assert NAME not in answer.headers
        assert "interaction_id" not in service.log.kept[-1]


def test_clients_are_given_it_and_nobody_else() -> None:
    correlated = {route.path for route in ROUTES if route.correlated}
    assert set(CALLED) <= correlated
    assert all(route.kind is Kind.JSON for route in ROUTES if route.correlated)
