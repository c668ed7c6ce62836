"""Cross-origin requests (Fetch §3.2): who may read what from a script, and every origin that looks like one who may."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import httpx2
import pytest

from idp.endpoints.routes import ROUTES
from idp.oidc.client_metadata import read_client
from idp.store import clients
from idp.store.database import step
from tests.support.devices import SPA, add_clients
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA
from tests.support.portals import Tokens
from tests.support.provider import NOW, Ground, Provider

ORIGIN = "https://spa.example"
OTHER = {
    **SPA,
    "client_id": "other",
    "redirect_uris": ["https://other.example/back", "http://localhost:5173/"],
}
FOR_CLIENTS = {"/token": "POST", "/userinfo": "GET, POST", "/revoke": "POST", "/par": "POST"}
FOR_EVERYBODY = (
    "/jwks",
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/key-log/checkpoint",
)
LOOKALIKES = (
    "null",
    "https://spa.example.evil.example",
    "https://evilspa.example",
    "https://spa.example:443",
    "https://spa.example/",
    "https://SPA.example",
    "http://spa.example",
    "https://spa.example:8444",
    "https://x.spa.example",
    "https://spa.example,https://evil.example",
    "https://spa.example https://evil.example",
    "https://evil.example",
    "https://dossiers.example",  # a portal with a server: its secret has no business in a browser
    "vn.example.app:",
    "http://127.0.0.1",
    "*",
    "",
)


@pytest.fixture(scope="module")
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider with two single-page applications."""
    folder = tmp_path_factory.mktemp("cors")
    async with provider_on_sqlite(folder, provider_ground) as provider:
        await add_clients(provider, SPA, OTHER)
        yield provider


@pytest.fixture(scope="module")
async def tokens(service: Provider) -> Tokens:
    """Tokens of the single-page application."""
    return await service.tokens("spa", HOA)


def _asking(origin: str, method: str = "POST", headers: str = "authorization") -> dict[str, str]:
    return {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": headers,
    }


def _readable(response: httpx2.Response) -> str | None:
    """The origin whose scripts may read an answer."""
    assert "access-control-allow-credentials" not in response.headers
    allowed: str | None = response.headers.get("access-control-allow-origin")
    return allowed


@pytest.mark.parametrize("origin", [ORIGIN, "https://spa.example:8443", "http://localhost:5173"])
@pytest.mark.parametrize(("path", "methods"), FOR_CLIENTS.items())
async def test_a_registered_origin_may_ask(service: Provider, path: str, methods: str, origin: str) -> None:
    response = await service.http().options(path, headers=_asking(origin, methods[:3].strip(", ")))
    assert response.status_code == 204
    assert _readable(response) == origin
    assert response.headers["access-control-allow-methods"] == methods
    assert "authorization" in response.headers["access-control-allow-headers"]
    assert response.headers["access-control-max-age"] == "600"
    assert "origin" in response.headers["vary"].lower()


@pytest.mark.parametrize("origin", LOOKALIKES)
@pytest.mark.parametrize("path", FOR_CLIENTS)
async def test_nobody_else_may(service: Provider, path: str, origin: str) -> None:
    asked = await service.http().options(path, headers=_asking(origin))
    assert (asked.status_code, _readable(asked)) == (403, None)
    sent = await service.http().request("POST", path, headers={"origin": origin})
    assert _readable(sent) is None
    assert "origin" in sent.headers["vary"].lower(), "a cache must not hand it to whoever may"


async def test_two_origins_are_refused(service: Provider) -> None:
    headers = [("origin", ORIGIN), ("origin", "https://evil.example")]
    response = await service.http().request("OPTIONS", "/token", headers=headers)
    assert (response.status_code, _readable(response)) == (400, None)


@pytest.mark.parametrize("path", FOR_EVERYBODY)
async def test_public_documents_are_for_every_origin(service: Provider, path: str) -> None:
    for origin in ("null", "https://anybody.example"):
        answer = await service.http().get(path, headers={"origin": origin})
        assert (answer.status_code, _readable(answer)) == (200, "*")
        asked = await service.http().options(path, headers=_asking(origin, "GET", "if-none-match"))
        assert (asked.status_code, _readable(asked)) == (204, "*")


async def test_what_is_no_preflight_is_told_the_methods(service: Provider) -> None:
    """RFC 9110 §9.3.7."""
    for path, allowed in {"/token": "OPTIONS, POST", "/jwks": "GET, HEAD, OPTIONS"}.items():
        answer = await service.http().options(path)
        assert (answer.status_code, answer.headers["allow"], _readable(answer)) == (204, allowed, None)


async def test_every_other_address_is_for_no_script(service: Provider) -> None:
    for route in ROUTES:
        if route.path in FOR_CLIENTS or route.path.startswith((*FOR_EVERYBODY, "/.well-known/key-log/")):
            continue
        path = route.path.replace("{", "").replace("}", "").replace(":path", "")
        response = await service.http().options(path, headers=_asking(ORIGIN))
        assert (response.status_code, _readable(response)) in {(405, None), (404, None)}, route.path


async def test_the_application_reads_its_answers(service: Provider, tokens: Tokens) -> None:
    http, headers = service.http(), {"origin": ORIGIN}
    bearer = headers | {"authorization": f"Bearer {tokens.access_token}"}
    userinfo = await http.get("/userinfo", headers=bearer)
    assert (userinfo.json()["name"], _readable(userinfo)) == (HOA.name, ORIGIN)
    form = {"client_id": "spa", "grant_type": "refresh_token", "refresh_token": tokens.refresh_token}
    refreshed = await http.post("/token", data=form, headers=headers)
    assert (refreshed.status_code, _readable(refreshed)) == (200, ORIGIN)


@pytest.mark.parametrize(
    ("path", "form", "error"),
    [
        ("/token", {"client_id": "spa", "grant_type": "authorization_code"}, "invalid_request"),
        ("/token", {"client_id": "spa", "grant_type": "password"}, "unsupported_grant_type"),
        ("/token", {"client_id": "unheard-of"}, "invalid_client"),
        ("/revoke", {"client_id": "spa"}, "invalid_request"),
        ("/userinfo", {"access_token": "nonsense"}, "invalid_token"),
    ],
)
async def test_the_application_reads_its_errors(
    service: Provider, path: str, form: Mapping[str, str], error: str
) -> None:
    response = await service.http().post(path, data=dict(form), headers={"origin": ORIGIN})
    assert (response.json()["error"], _readable(response)) == (error, ORIGIN)
    assert "www-authenticate" in response.headers["access-control-expose-headers"]


async def test_one_application_cannot_read_what_is_for_another(service: Provider, tokens: Tokens) -> None:
    """Another registered origin is a stranger here, as soon as it is known whose answer it is."""
    headers = {"origin": "https://other.example"}
    bearer = headers | {"authorization": f"Bearer {tokens.access_token}"}
    assert _readable(await service.http().get("/userinfo", headers=bearer)) is None
    form = {"client_id": "spa", "grant_type": "refresh_token", "refresh_token": "x"}
    assert _readable(await service.http().post("/token", data=form, headers=headers)) is None
    form["client_id"] = "other"
    assert _readable(await service.http().post("/token", data=form, headers=headers)) == headers["origin"]


async def test_a_portals_credentials_have_no_business_in_a_browser(service: Provider) -> None:
    fields, headers = service.portal("dossiers").credentials()
    response = await service.http().post("/token", data=fields, headers=headers | {"origin": ORIGIN})
    assert _readable(response) is None


async def test_a_withdrawn_registration_is_forgotten(service: Provider) -> None:
    """A disabled client's origins may not ask any more once the workers have seen it."""
    metadata = {**SPA, "client_id": "short", "redirect_uris": ["https://short.example/"]}
    read_client(metadata, now=NOW)
    await add_clients(service, metadata)
    http, asking = service.http(), _asking("https://short.example")
    worker = await service.another_worker()
    fresh = httpx2.AsyncClient(transport=service.transport(app=worker), base_url=str(http.base_url))
    assert (await fresh.options("/token", headers=asking)).status_code == 204
    found = await clients.find(service.db, "short")
    assert found is not None
    assert found["browser_origins"] == "https://short.example"
    await service.db.write(step(clients.DISABLE, client="short", now=NOW))
    last = await service.another_worker()
    fresh = httpx2.AsyncClient(transport=service.transport(app=last), base_url=str(http.base_url))
    assert (await fresh.options("/token", headers=asking)).status_code == 403
