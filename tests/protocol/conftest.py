"""One provider for all tables of this folder: what a row asks of an endpoint leaves nothing behind for the next.

It comes on both databases, like everything that is kept; who needs a fresh one, or moves its clock, asks for `one`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.browsing import Browser
from tests.support.databases import KINDS
from tests.support.delegation import admit, granted
from tests.support.on_sqlite import provider_on
from tests.support.population import HOA
from tests.support.portals import Tokens
from tests.support.provider import Ground, Provider


@pytest.fixture(scope="session", params=KINDS)
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Provider]:
    """A running provider where every citizen has an account; its clock stands."""
    async with provider_on(request.param, tmp_path_factory.mktemp("service"), provider_ground) as provider:
        yield provider


@pytest.fixture(scope="session")
async def hoa(service: Provider) -> Browser:
    """The browser of somebody who has logged in: portals get their answer without a page."""
    browser = service.browser()
    await service.enter("dossiers", HOA, browser)
    return browser


@pytest.fixture
def one(settled_provider: Provider) -> Provider:
    """A fresh provider with accounts, whose clock may be moved."""
    return settled_provider


@pytest.fixture
def browser(one: Provider) -> Browser:
    """A person's browser."""
    return one.browser()


@pytest.fixture
async def apis(service: Provider) -> Provider:
    """A provider with a portal that calls APIs, which call each other."""
    return await admit(service)


@pytest.fixture
async def given(apis: Provider, hoa: Browser) -> Tokens:
    """What the portal has for the API of dossiers."""
    return await granted(apis, hoa)


@pytest.fixture
async def handed(given: Tokens) -> str:
    """The access token that the portal hands to the API of dossiers."""
    return given.access_token
