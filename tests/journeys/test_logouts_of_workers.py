"""Two worker processes, one operator's command: each portal hears of each session once, and what fails can be seen."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from idp.store import accounts, sessions
from tests.support.persons import open_session
from tests.support.population import HOA, KHANG, Citizen
from tests.support.provider import Ground
from tests.support.receiving_portal import ReceivingPortal, status
from tests.support.served import PATIENCE, ServedProvider, served_provider

SESSIONS = 30

pytestmark = [pytest.mark.slow]


@pytest.fixture
async def served(
    database_url: str, registers_url: str, provider_ground: Ground, tmp_path: Path, receiver: ReceivingPortal
) -> AsyncIterator[ServedProvider]:
    """Two workers, and a portal that is told."""
    async with served_provider(
        database_url, registers_url, provider_ground, tmp_path, workers=2, outbound_networks="127.0.0.0/8"
    ) as provider:
        await provider.open_account(provider_ground.verifier, HOA, KHANG)
        await provider.add_portal("told", receiver.uri)
        yield provider


async def open_sessions(served: ServedProvider, citizen: Citizen, count: int) -> set[str]:
    """Sessions in which the portal takes part."""
    account = await accounts.find(served.db, citizen.record_id)
    assert account is not None
    now, names = int(time.time()), {f"{citizen.record_id}-{number}" for number in range(count)}
    for name in names:
        await served.db.write(
            open_session(name, account.account_id, now),
            sessions.join_client(name, "told", None, now),
        )
    return names


def listed(served: ServedProvider, *arguments: str) -> list[dict[str, Any]]:
    """What the operator is shown."""
    rows: list[dict[str, Any]] = json.loads(served.motcua("logouts", "list", "--json", *arguments))
    return rows


async def until(served: ServedProvider, count: int, state: str, **expected: Any) -> list[dict[str, Any]]:
    """The rows of a state, as soon as there are so many."""
    deadline = time.monotonic() + PATIENCE
    rows: list[dict[str, Any]] = []
    while time.monotonic() < deadline:
        rows = await asyncio.to_thread(listed, served)
        found = [
            row
            for row in rows
            if row["state"] == state and all(row[name] == value for name, value in expected.items())
        ]
        if len(found) >= count:
            return found
    raise AssertionError(f"not {count} rows {state}: {rows}")


async def test_a_locked_persons_portals_hear_once_and_failures_are_shown(
    served: ServedProvider, receiver: ReceivingPortal
) -> None:
    names = await open_sessions(served, HOA, SESSIONS)
    await asyncio.to_thread(
        served.motcua, "accounts", "lock", HOA.number, "--reason", "suspected_fraud", "--officer", "o-1"
    )
    await until(served, SESSIONS, "delivered")
    told = Counter(
        jwt.decode(request.token, options={"verify_signature": False})["sid"] for request in receiver.received
    )
    assert told == Counter(names)

    receiver.answer = lambda _: status(500)
    await open_sessions(served, KHANG, 1)
    await asyncio.to_thread(
        served.motcua, "accounts", "lock", KHANG.number, "--reason", "own_request", "--officer", "o-1"
    )
    (waiting,) = await until(served, 1, "waiting", last_error="status_500")
    assert (waiting["client_id"], waiting["session_id"]) == ("told", f"{KHANG.record_id}-0")
    assert waiting["next_attempt_at"] > waiting["created_at"]
