"""The origins of single-page applications are read once, and again when clients have changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from idp.oidc.browser_origins import BrowserOrigins
from idp.oidc.client_metadata import read_client
from idp.store import clients
from idp.store.database import Database, step
from tests.support.devices import KIOSK, SPA, TV
from tests.support.portals import REGISTRATIONS, register
from tests.support.provider import NOW

ORIGIN = "https://spa.example"


async def test_they_follow_the_registrations(db: Database) -> None:
    origins = BrowserOrigins(db)
    assert not await origins.knows(ORIGIN)
    await db.write(register(SPA, NOW)[1])
    assert not await origins.knows(ORIGIN), "what was read is kept"
    origins.forget()
    assert await origins.knows(ORIGIN)
    assert await origins.knows("https://spa.example:8443")
    await db.write(step(clients.DISABLE, client="spa", now=NOW))
    origins.forget()
    assert not await origins.knows(ORIGIN)


async def test_nothing_is_no_origin(db: Database) -> None:
    assert not await BrowserOrigins(db).knows("")


@pytest.mark.parametrize(
    "described", [SPA, TV, REGISTRATIONS["app"], REGISTRATIONS["dossiers"], REGISTRATIONS["api"]]
)
async def test_the_store_and_the_rules_agree(db: Database, described: Mapping[str, Any]) -> None:
    """The column that the store derives says the same as the client that the rules read."""
    await db.write(register(described, NOW)[1])
    assert await clients.browser_origins(db) == read_client(described, now=NOW).origins


def test_a_kiosk_with_a_key_is_no_browser_client() -> None:
    _, kept = register(KIOSK, NOW)
    assert kept.values["browser_origins"] is None
