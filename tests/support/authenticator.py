"""Authenticator apps of people in tests: codes by `cryptography`, not by the code that checks them."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import delete

from idp.store.database import step
from idp.store.person_schema import authenticator_browsers, authenticators
from idp.store.schema import throttle_buckets
from tests.support.browsing import Browser, Visit
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA, Citizen
from tests.support.provider import PASSWORD, Ground, Provider

PAGE: Final = "/account/authenticator"
WRONG: Final = "000000"
_CLEAN: Final = tuple(delete(table) for table in (authenticator_browsers, authenticators, throttle_buckets))


@dataclass(frozen=True, slots=True)
class App:
    """An app that knows a secret. Its phone has the tests' time."""

    secret: bytes
    clock: Callable[[], float]

    def code(self, steps: int = 0) -> str:
        """The code that it shows, or shows so many steps later."""
        made = TOTP(self.secret, 6, SHA1(), 30, enforce_key_length=False)  # noqa: S303 - RFC 6238 §1.2
        return made.generate(int(self.clock()) + 30 * steps).decode()


def read_secret(visit: Visit) -> bytes:
    """The secret that stands on the page to be typed."""
    text = visit.told("secret").replace(" ", "")
    return base64.b32decode(text + "=" * (-len(text) % 8))


async def press(visit: Visit, ending: str, **fields: str) -> Visit:
    """Send the form of the page whose address ends so."""
    form = next(form for form in visit.forms if form.action.endswith(ending))
    return await visit.browser.post(urljoin(visit.address, form.action), form.filled(list(fields.items())))


async def open_page(
    provider: Provider, browser: Browser, citizen: Citizen = HOA, address: str = PAGE
) -> Visit:
    """The page of the app, after the login that it asks for."""
    visit = await browser.open(address)
    if visit.offers(personal_number=citizen.number, password=PASSWORD):
        visit = await provider.sign_in(visit, citizen)
    return visit


async def add_app(provider: Provider, browser: Browser, citizen: Citizen = HOA, address: str = PAGE) -> App:
    """A person adds an app by the pages. The code of this step is used up by it, so time moves on one step."""
    visit = await press(await open_page(provider, browser, citizen, address), "/begin")
    app = App(read_secret(visit), provider.clock)
    visit = await press(visit, "/confirm", code=app.code())
    assert visit.status == 200, visit.text
    provider.clock.advance(30)
    return app


@pytest.fixture(scope="session")
async def _strong(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    folder = tmp_path_factory.mktemp("strong")
    async with provider_on_sqlite(folder, provider_ground) as provider:
        yield provider


@pytest.fixture
async def strong(_strong: Provider) -> AsyncIterator[Provider]:
    """A provider with accounts, of which none has an app; shared, so browsers are new and apps go afterwards."""
    yield _strong
    await _strong.db.write(*(step(query) for query in _CLEAN))
    _strong.clock.advance(60)
