"""A portal that calls APIs for people, and the APIs, which call each other for them by token exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import httpx2
import jwt
import orjson

from idp.store import clients
from tests.support.browsing import Browser
from tests.support.population import HOA
from tests.support.portals import REGISTRATIONS, Portal, Tokens, register
from tests.support.provider import PASSWORD, Provider

EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"
DOSSIERS: Final = "https://api.hoso.example"
TAXES: Final = "https://api.thue.example"
LAND: Final = "https://api.datdai.example"
ELSEWHERE: Final = "https://api.noikhac.example"


def _api(client_id: str, *resources: str, audience: Sequence[str]) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "client_name": client_id,
        "owner": "Cơ quan mẫu",
        "sector": "may-chu",
        "profile": "oidc",
        "application_type": "machine",
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": [EXCHANGE],
        "scope": "",
        "resources": list(resources),
        "audience": list(audience),
    }


_FILING: Final = {
    **REGISTRATIONS["dossiers"],
    "client_id": "filing",
    "sector": "filing",
    "profile": "oidc",
    "audience": [DOSSIERS, TAXES, LAND],
    "may_act": ["dossiers-api", "taxes-api", "land-api"],
}
ADMITTED: Final[Mapping[str, Mapping[str, Any]]] = {
    one["client_id"]: one
    for one in (
        _FILING,
        {**_FILING, "client_id": "counter", "grant_types": ["authorization_code"]},
        _api("dossiers-api", DOSSIERS, audience=[TAXES, LAND, ELSEWHERE]),
        _api("taxes-api", TAXES, audience=[DOSSIERS, LAND]),
        _api("land-api", LAND, audience=[DOSSIERS, TAXES]),
        # says that it is the same API; the portal does not let it act
        _api("impostor-api", DOSSIERS, audience=[TAXES, LAND]),
    )
}


async def admit(provider: Provider) -> Provider:
    """Register them, once."""
    if "filing" not in provider.registered:
        made = [register(metadata, int(provider.clock()) - 60) for metadata in ADMITTED.values()]
        await provider.db.write(*(kept for _, kept in made))
        provider.registered.update((registered.client_id, registered) for registered, _ in made)
    return provider


async def change(provider: Provider, client_id: str, **changes: Any) -> None:
    """An officer registers a client anew with some other metadata."""
    metadata = {**provider.registered[client_id].metadata, **changes}
    row = await clients.find(provider.db, client_id)
    assert row is not None
    text = orjson.dumps(metadata).decode()
    await provider.db.write(clients.replace(client_id, text, secret_digest=row["secret_digest"]))


async def post(
    portal: Portal, path: str, form: Mapping[str, str | Sequence[str]], **headers: str
) -> httpx2.Response:
    """As `Portal.post`, with parameters that are given more than once, and headers."""
    fields, credentials = portal.credentials()
    return await portal.http.post(path, data={**fields, **form}, headers={**credentials, **headers})


async def granted(
    provider: Provider,
    browser: Browser | None = None,
    *,
    client_id: str = "filing",
    named: Sequence[str] = (),
    resource: str = DOSSIERS,
) -> Tokens:
    """Hoà's tokens at a portal that names resources when it sends her, and one when it asks for the tokens."""
    portal, browser = provider.portal(client_id), browser or provider.browser()
    asked = portal.ask()
    visit = await browser.open(asked.address + "".join(f"&resource={quote(one)}" for one in named))
    if visit.offers(personal_number=HOA.number, password=PASSWORD):
        visit = await provider.sign_in(visit, HOA)
    visit = await provider.settle(visit)
    response = await portal.redeem(asked, visit.code, **({"resource": resource} if resource else {}))
    assert response.status_code == 200, response.text
    return await portal.read(response)


async def exchange(
    provider: Provider, api: str, token: str, **changes: str | Sequence[str]
) -> httpx2.Response:
    """An API asks for a token for the next API; an empty change leaves the parameter without a value, and so out."""
    form: dict[str, str | Sequence[str]] = {
        "grant_type": EXCHANGE,
        "subject_token": token,
        "subject_token_type": ACCESS_TOKEN,
        "resource": TAXES,
    }
    return await post(provider.portal(api), "/token", form | changes)


async def acting(provider: Provider, api: str, token: str, resource: str) -> str:
    """The access token that comes of an exchange."""
    response = await exchange(provider, api, token, resource=resource)
    assert response.status_code == 200, response.text
    return str(response.json()["access_token"])


def read(token: str) -> dict[str, Any]:
    """What a token says, unverified."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims
