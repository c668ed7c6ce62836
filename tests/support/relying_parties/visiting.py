"""A person who goes from portal to provider and back, with nothing but a browser."""

from __future__ import annotations

import html
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx2
import pytest

from tests.support.browsing import Browser, Visit
from tests.support.databases import fresh_database
from tests.support.population import HOA
from tests.support.provider import PASSWORD, Ground
from tests.support.relying_parties.connection import Connection
from tests.support.served import PATIENCE, ServedProvider, served_provider

_HERE: Final = ("http://localhost:", "http://127.0.0.1:")


class Wanderer(Browser):
    """A browser that follows wherever it is led on this machine, the portals included."""

    def _is_ours(self, address: str) -> bool:
        return address.startswith(_HERE)


@pytest.fixture(scope="module")
async def hosting(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServedProvider]:
    """A provider on a socket, where one person has an account, that tells portals on this machine of logouts."""
    folder = tmp_path_factory.mktemp("hosting")
    async with (
        fresh_database("sqlite", "provider", folder) as database_url,
        fresh_database("sqlite", "registers", folder) as registers_url,
        served_provider(
            database_url, registers_url, provider_ground, folder, outbound_networks="127.0.0.0/8"
        ) as provider,
    ):
        await provider.open_account(provider_ground.verifier, HOA)
        yield provider


@asynccontextmanager
async def wanderer(provider: ServedProvider) -> AsyncIterator[Wanderer]:
    """A fresh browser."""
    browser = Wanderer(httpx2.AsyncHTTPTransport(), provider.issuer)
    browser.http.timeout = httpx2.Timeout(PATIENCE)
    try:
        yield browser
    finally:
        await browser.http.aclose()


async def log_in(browser: Browser, address: str) -> Visit:
    """Go to an address of a portal that leads to the login, and do what the pages ask; where the browser ends up."""
    visit = await browser.open(address)
    while visit.address.startswith(browser.issuer) and visit.status == 200:
        if visit.offers(personal_number=HOA.number, password=PASSWORD):
            visit = await visit.submit(personal_number=HOA.number, password=PASSWORD)
        elif visit.offers(decision="continue"):
            visit = await visit.submit(decision="continue")
        else:
            break
    return visit


def words(visit: Visit) -> str:
    """What a page says."""
    return html.unescape(visit.text)


async def until_ended(browser: Browser, address: str) -> None:
    """Ask a portal for a page again and again, until it knows the person no more.

    Each question takes as long as an answer over a socket does.
    """
    deadline = time.monotonic() + PATIENCE
    while (await browser.http.get(address)).status_code == 200:
        assert time.monotonic() < deadline, "the portal was not told of the logout"


async def check_stay(provider: ServedProvider, portal: Connection, *, rotates: bool = True) -> dict[str, Any]:
    """A person logs in at a portal of ours, stays longer than an access token lives, and goes; what came at first."""
    async with wanderer(provider) as browser:
        came: dict[str, Any] = json.loads((await log_in(browser, f"{portal.base}/login")).text)
        assert came["claims"]["iss"] == provider.issuer
        assert came["claims"]["aud"] in (portal.client_id, [portal.client_id])
        assert (came["person"]["sub"], came["person"]["name"]) == (came["claims"]["sub"], HOA.name)
        stayed = json.loads((await browser.open(f"{portal.base}/refresh")).text)
        assert stayed == {"fresh": rotates, "person": came["person"]}
        gone = await browser.open(f"{portal.base}/logout")
        assert gone.address.partition("?")[0] == portal.bye
        again = await browser.open(f"{portal.base}/login")
        assert again.offers(personal_number=HOA.number), "the session of the provider has ended too"
    return came


async def check_told(provider: ServedProvider, portal: Connection, other: Connection) -> None:
    """Who logs out at one portal is logged out at the other."""
    async with wanderer(provider) as browser:
        await log_in(browser, f"{portal.base}/login")
        assert (await log_in(browser, f"{other.base}/login")).status == 200
        assert (await browser.open(f"{portal.base}/me")).status == 200
        await browser.open(f"{other.base}/logout")
        await until_ended(browser, f"{portal.base}/me")


async def what_it_says(provider: ServedProvider, portal: Connection, *, at_logout: bool) -> str:
    """What stands where the person ends up, at the portal or at the provider."""
    async with wanderer(provider) as browser:
        visit = await log_in(browser, f"{portal.base}/login")
        if at_logout:
            assert visit.status == 200, visit.text
            visit = await browser.open(f"{portal.base}/logout")
        assert visit.status >= 400, visit.address
        return words(visit)
