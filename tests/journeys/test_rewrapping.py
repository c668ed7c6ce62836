"""The key-encryption key is replaced again and again while people log in and the workers rotate the signing keys."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select

from idp.store.schema import audit_events
from keys.ground import load_ground
from keys.seal import KeyEncryptionKey, create_kek_file, kek_lines
from keys.sealed import find_sealed
from keys.store import Database, find_log_size
from tests.support.installation import ELLIPTIC, establish
from tests.support.population import HOA
from tests.support.provider import PASSWORD, Ground
from tests.support.served import PATIENCE, ServedProvider, served_provider

CLIENT: Final = "dossiers"
DUE: Final = 91 * 24 * 3600
"""Every key has signed for so long that the first rotator replaces it."""

SECONDS_TO_ROTATE: Final = 60

pytestmark = [pytest.mark.slow]


async def found_long_ago(db: Any, kek: KeyEncryptionKey, issuer: str) -> None:
    """A first ceremony whose keys are due."""
    await establish(db, kek, int(time.time()) - DUE, issuer=issuer, keys=ELLIPTIC)


@pytest.fixture
async def served(
    database_url: str, registers_url: str, provider_ground: Ground, tmp_path: Path
) -> AsyncIterator[ServedProvider]:
    """Two workers, which may rotate from their first seconds on."""
    create_kek_file(tmp_path / "kek")
    ground = replace(provider_ground, kek_file=tmp_path / "kek")
    async with served_provider(
        database_url, registers_url, ground, tmp_path, workers=2, found=found_long_ago
    ) as provider:
        await provider.open_account(ground.verifier, HOA)
        yield provider


async def sign_in_until(served: ServedProvider, stop: asyncio.Event) -> int:
    """Flow after flow; how many. Each one fails loudly."""
    browser, portal, count = served.browser(), served.portal(CLIENT), 0
    visit = await browser.open("/account")
    visit = await visit.submit(personal_number=HOA.number, password=PASSWORD)
    assert (visit.status, visit.path) == (200, "/account"), visit.text
    while not stop.is_set():
        asked, visit = await portal.send(browser, scope="openid profile")
        if visit.answer is None:
            visit = await visit.submit(decision="continue")
        tokens = await portal.tokens(asked, visit)
        assert (await portal.userinfo(tokens.access_token)).status_code == 200
        count += 1
    return count


async def rewrap_until_rotated(served: ServedProvider, folder: Path) -> list[Path]:
    """New key-encryption keys, one after the other, until the workers have rotated, and one more."""
    size = await find_log_size(served.db)
    made: list[Path] = []
    deadline = time.monotonic() + SECONDS_TO_ROTATE
    rotated = False
    while not rotated:
        assert time.monotonic() < deadline, served.log.read_text("utf-8")
        rotated = await find_log_size(served.db) > size
        made.append(folder / f"new-{len(made)}")
        create_kek_file(made[-1])
        await asyncio.to_thread(served.motcua, "keys", "rewrap", str(made[-1]))
    return made


async def sealing_keys(db: Database) -> set[bytes]:
    return {value.sealed[1:9] for value in await find_sealed(db)}


async def test_nobody_notices(served: ServedProvider, tmp_path: Path) -> None:
    stop = asyncio.Event()
    people = asyncio.create_task(sign_in_until(served, stop))
    made = await rewrap_until_rotated(served, tmp_path)
    stop.set()
    assert await asyncio.wait_for(people, PATIENCE) > 0
    kek = KeyEncryptionKey.read_file(made[-1])
    assert kek_lines(tmp_path / "kek") == kek_lines(made[-1])
    assert await sealing_keys(served.db) == {kek.id}
    ground = await load_ground(served.db, kek, served.issuer)
    assert ground.refused == ()
    rotations = await served.db.fetch_all(select(audit_events).where(audit_events.c.kind == "keys.rotated"))
    assert len(rotations) >= 1
    rewraps = await served.db.fetch_all(select(audit_events).where(audit_events.c.kind == "keys.rewrapped"))
    assert len(rewraps) >= len(made)

    told = json.loads(await asyncio.to_thread(served.motcua, "keys", "verify", "--json"))
    assert (told["compared"], told["differences"]) == (["database", "service"], [])
    pinned = ("--url", served.issuer, "--key", told["verifier_key"], "--state", str(tmp_path / "seen"))
    for compared in (["service"], ["service", "memory"]):
        line = await asyncio.to_thread(served.motcua, "keys", "monitor", "--once", "--json", *pinned)
        assert json.loads(line)["compared"] == compared
    records = [json.loads(line) for line in served.log.read_text("utf-8").splitlines()]
    assert not [record for record in records if record.get("status", 0) >= 400]
    assert not [record for record in records if "is refused" in record.get("message", "")]

    served.process.terminate()
    served.process.wait(PATIENCE)
    told = json.loads(await asyncio.to_thread(served.motcua, "keys", "verify", "--json"))
    assert told["compared"] == ["database"]
    assert "cannot be read" in told["left_out"][0]
