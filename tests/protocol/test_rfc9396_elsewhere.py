"""RFC 9396 §3: mandates for clients that no browser came from, a device (RFC 8628) and a portal's counter (CIBA)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from idp.store.backchannel_schema import backchannel_requests
from tests.support import ciba, devices
from tests.support.mandates import GRANTED, admit_agents, details, mandate
from tests.support.on_sqlite import on_sqlite
from tests.support.population import HOA_BINH, KHANG
from tests.support.provider import Provider

pytestmark = on_sqlite
_WAITING = select(backchannel_requests)


@pytest.fixture
async def agents(service: Provider) -> Provider:
    return await admit_agents(service)


async def test_a_device_is_given_a_mandate(agents: Provider) -> None:
    """RFC 8628 §3.1 with RFC 9396 §3."""
    device = await devices.ask(agents, "counter-screen", authorization_details=details())
    await devices.let_in(agents, agents.browser(), device, KHANG, acting_for=HOA_BINH.record_id)
    told = (await device.poll()).json()
    assert told["authorization_details"] == [GRANTED]


async def test_a_counter_is_given_a_mandate(agents: Provider) -> None:
    """CIBA Core §7.1 with RFC 9396 §3."""
    client_id = "mandate-counter"
    await devices.add_clients(
        agents, {**ciba.COUNTER, "client_id": client_id, "authorization_details_types": ["vn_mandate"]}
    )
    counter = ciba.Counter.of(agents.portal(client_id))
    whom = {"login_hint": KHANG.number}
    refused = await counter.ask_for(**whom, authorization_details=[mandate("until")])
    assert refused.error == (400, "invalid_authorization_details")
    refused = await counter.ask_for(**whom, authorization_details=[mandate(until="2026-11-21")])
    assert refused.error == (400, "invalid_authorization_details")
    asked = await counter.ask_for(**whom, authorization_details=[mandate()])
    (kept,) = await agents.db.fetch_all(_WAITING)
    assert HOA_BINH.code in kept["request"]
    await ciba.agree(agents, agents.browser(), asked, KHANG, acting_for=HOA_BINH.record_id)
    assert (await asked.tokens()).body["authorization_details"] == [GRANTED]
    (kept,) = await agents.db.fetch_all(_WAITING)
    assert not kept["request"], "the code of a household business is its owner's personal number"


async def test_a_device_is_told_what_is_no_detail(agents: Provider) -> None:
    response = await agents.portal("counter-screen").post(
        "/device_authorization", scope="openid", authorization_details=details(mandate("until"))
    )
    assert response.json()["error"] == "invalid_authorization_details"
