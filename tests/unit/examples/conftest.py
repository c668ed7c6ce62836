"""A portal, a provider and a browser between them, all in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from joserfc.jwk import ECKey

from examples.portal.app import build_app
from examples.portal.settings import read_settings
from tests.unit.examples.fake_provider import ISSUER, FakeProvider

PORTALS = Path("examples/portal")


@dataclass
class Scene:
    """One portal in front of one provider; `browser` follows redirects and keeps cookies as browsers do."""

    portal: str
    provider: FakeProvider
    browser: httpx2.AsyncClient

    async def visit(self, path: str) -> httpx2.Response:
        """The page that a person sees after opening the portal's `path`."""
        return await self.browser.get(self.portal + path)

    def cookie(self) -> str | None:
        """The number in the portal's cookie."""
        return next((cookie.value for cookie in self.browser.cookies.jar), None)


@pytest.fixture
async def stage() -> AsyncIterator[Callable[[str], Scene]]:
    """Makes the scene of the portal named `ministry`, `province` or `enterprise`."""
    browsers: list[httpx2.AsyncClient] = []

    def make(name: str) -> Scene:
        address = "http://localhost:9101"
        settings = read_settings(PORTALS / f"{name}.toml", issuer=ISSUER, base_url=address)
        key = ECKey.generate_key("P-256", auto_kid=True)
        provider = FakeProvider(settings.client_id, key, settings.signed_userinfo, settings.way)
        towards_provider = httpx2.ASGITransport(provider.app())
        portal = build_app(
            settings,
            key,
            transport=towards_provider,
            towards_api=httpx2.ASGITransport(lambda *call: portal(*call)),  # noqa: PLW0108 - it is made here
        )
        mounts = {ISSUER: towards_provider, address: httpx2.ASGITransport(portal)}
        browser = httpx2.AsyncClient(mounts=mounts, follow_redirects=True)
        browsers.append(browser)
        return Scene(address, provider, browser)

    yield make
    for browser in browsers:
        await browser.aclose()
