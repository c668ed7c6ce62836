"""Portals that ask for mandates (RFC 9396, `vn_mandate`), and a person who gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from tests.support.browsing import Browser, Visit
from tests.support.delegation import ADMITTED, admit
from tests.support.devices import TV, add_clients
from tests.support.population import HOA_BINH, KHANG, Citizen
from tests.support.portals import REGISTRATIONS, Asked, Tokens
from tests.support.provider import PASSWORD, Provider

_TYPES: Final = {"authorization_details_types": ["vn_mandate"]}
AGENT: Final[Mapping[str, Any]] = {**ADMITTED["filing"], **_TYPES, "client_id": "agent", "sector": "agent"}
"""A portal with a task given by law that files for companies at two APIs."""

BOOKKEEPER: Final[Mapping[str, Any]] = {
    **REGISTRATIONS["province"], **_TYPES, "client_id": "bookkeeper", "sector": "bookkeeper",
    "scope": "openid profile",
}  # fmt: skip
"""A portal that people agree to."""

COUNTER: Final[Mapping[str, Any]] = {**TV, **_TYPES, "client_id": "counter-screen"}


async def admit_agents(provider: Provider) -> Provider:
    """Register them, once."""
    await admit(provider)
    if "agent" not in provider.registered:
        await add_clients(provider, AGENT, BOOKKEEPER, COUNTER)
    return provider


def mandate(*without: str, **changes: object) -> dict[str, object]:
    """A good mandate, changed; `without` leaves members out."""
    whole: dict[str, object] = {
        "type": "vn_mandate",
        "actions": ["file", "sign"],
        "procedures": ["1.001234"],
        "organisation": HOA_BINH.code,
        "until": "2026-12-31",
    }
    return {name: value for name, value in (whole | changes).items() if name not in without}


GRANTED: Final[dict[str, Any]] = mandate() | {
    "vn_organisation": {
        "id": [
            {"scheme": "vn_enterprise_code", "value": HOA_BINH.code},
            {"scheme": "vn_tax_code", "value": HOA_BINH.code},
        ],
        "legal_name": HOA_BINH.legal_name,
    },
    "role": "legal_representative",
    "powers": ["file", "sign"],
    "joint": False,
}
"""The good mandate as Khang grants it."""


def details(*asked: Mapping[str, object]) -> str:
    """The parameter's text; the good mandate where nothing is named."""
    return orjson.dumps(list(asked) or [mandate()]).decode()


async def ask(
    provider: Provider,
    browser: Browser,
    *asked: Mapping[str, object],
    client_id: str = "agent",
    **changes: str,
) -> tuple[Asked, Visit]:
    """Send a browser to the provider with details."""
    return await provider.portal(client_id).send(browser, authorization_details=details(*asked), **changes)


async def meet(visit: Visit, citizen: Citizen = KHANG, company: str = HOA_BINH.record_id) -> Visit:
    """Log in where that is asked, and choose for whom to act where that is asked."""
    if visit.offers(personal_number=citizen.number, password=PASSWORD):
        visit = await visit.submit(personal_number=citizen.number, password=PASSWORD)
    return await visit.submit(acting_for=company) if visit.offers(acting_for=company) else visit


async def given(
    provider: Provider,
    *asked: Mapping[str, object],
    browser: Browser | None = None,
    client_id: str = "agent",
    form: Mapping[str, str] | None = None,
    **changes: str,
) -> Tokens:
    """The tokens of a portal that Khang gave a mandate for the company Hoà Bình."""
    sent, visit = await ask(provider, browser or provider.browser(), *asked, client_id=client_id, **changes)
    visit = await provider.settle(await meet(visit))
    portal = provider.portal(client_id)
    response = await portal.redeem(sent, visit.code, **(form or {}))
    assert response.status_code == 200, response.text
    return await portal.read(response)
