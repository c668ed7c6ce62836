"""A person's number in the place of any parameter, of any endpoint: whatever is wrong with it, it is written nowhere.

Portals mix their fields up, people paste into the wrong one; the alarm of all tests listens to every log.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlencode

import pytest
from sqlalchemy import delete, select

from idp.store.database import step
from idp.store.schema import audit_events
from tests.fuzz.document import FORMS, HEADERS
from tests.support.browsing import Browser
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA
from tests.support.provider import Ground, Provider

PLACES: Final = [(path, name) for path, names in FORMS.items() for name in sorted(set(names))]
SPELLINGS: Final = (
    HOA.number,
    f"so {HOA.number}",
    f"https://dossiers.example/{HOA.number}",
    f'{{"a":"{HOA.number}"}}',
)


@pytest.fixture(scope="module")
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider."""
    async with provider_on_sqlite(tmp_path_factory.mktemp("attacks-leaks"), provider_ground) as provider:
        yield provider


@pytest.fixture(scope="module")
async def hoa(service: Provider) -> Browser:
    """The browser of somebody who has logged in."""
    browser = service.browser()
    await service.enter("dossiers", HOA, browser)
    return browser


async def _leaks(service: Provider) -> list[str]:
    """Where the number stands in what the provider has just written down for its operators; it is forgotten then."""
    rows = await service.db.fetch_all(select(audit_events.c.kind, audit_events.c.details))
    written = [*(f"{row['kind']} {row['details']}" for row in rows), *map(str, service.log.kept)]
    await service.db.write(step(delete(audit_events)))
    service.log.kept.clear()
    return [line for line in written if HOA.number in line]


@pytest.mark.parametrize(("path", "name"), PLACES)
async def test_a_number_in_the_wrong_field_is_written_nowhere(
    service: Provider, hoa: Browser, path: str, name: str
) -> None:
    asked = service.portal("dossiers").ask(prompt="none").parameters if path == "/authorize" else {}
    fields, headers = service.portal("dossiers").credentials()
    beside = {**asked, **fields, "grant_type": "refresh_token"} if path == "/token" else dict(asked)
    for text in SPELLINGS:
        sent = {**beside, name: text}
        for response in (
            await hoa.http.get(f"{path}?{urlencode(sent)}"),
            await hoa.http.post(path, data=sent),
            await service.http().post(path, data=sent, headers=headers),
        ):
            assert response.status_code < 500
    assert await _leaks(service) == []


@pytest.mark.parametrize(
    "name", [*HEADERS, "User-Agent", "Referer", "X-Request-Id", "X-Forwarded-For", "Cookie"]
)
async def test_a_number_in_a_header_is_written_nowhere(service: Provider, name: str) -> None:
    for path in ("/", "/token", "/userinfo", "/authorize", "/jwks", "/register", "/account", "/nowhere"):
        for text in (HOA.number, f"Bearer {HOA.number}", f"https://{HOA.number}.example"):
            for method in ("GET", "POST"):
                response = await service.http().request(method, path, headers={name: text})
                assert response.status_code < 500
    assert await _leaks(service) == []


async def test_a_number_in_a_path_is_written_nowhere(service: Provider) -> None:
    for path in (
        "/",
        "/interaction/",
        "/register/",
        "/logo/",
        "/static/",
        "/.well-known/key-log/tile/",
        "/account/",
    ):
        for method in ("GET", "POST", "PUT", "DELETE"):
            response = await service.http().request(method, f"{path}{HOA.number}")
            assert response.status_code < 500
    assert await _leaks(service) == []
