"""Several worker processes find at the same moment that keys are due: one rotates, the others see it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import orjson
import pytest

from idp.store.database import Database
from keys import policy
from keys.ground import load_ground
from keys.policy import State
from keys.seal import KeyEncryptionKey
from tests.support.installation import ELLIPTIC, LOCAL, establish
from tests.support.provider import Ground

ROTATORS: Final = 3
_ROOT: Final = Path(__file__).resolve().parents[2]
_ROTATOR: Final = """
import asyncio, os, sys
from idp.cli.runtime import open_runtime
from idp.jobs.key_rotation import KeysOfWorker
from idp.settings import read_settings

async def main():
    settings = read_settings(os.environ)
    keys = await KeysOfWorker.of(settings)
    async with open_runtime(settings, registers=False) as context:
        print("ready", flush=True)
        sys.stdin.readline()
        await keys.rotate(context)
        after = await keys.load(context.db, context.now)
        print(after.ground.history.size, *after.ground.refused)

asyncio.run(main())
"""

pytestmark = [pytest.mark.slow]


def start(settings: Mapping[str, str]) -> subprocess.Popen[str]:
    """A process that has seen the keys as they were, and waits for a line."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _ROTATOR],
        cwd=_ROOT,
        env={**ours, **settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def test_of_several_rotators_one_rotates(
    db: Database, database_url: str, provider_ground: Ground
) -> None:
    kek, now = KeyEncryptionKey.read_file(provider_ground.kek_file), int(time.time())
    await establish(db, kek, now - policy.ACTIVE_LIFETIME, issuer=LOCAL, keys=ELLIPTIC)
    before = (await load_ground(db, kek, LOCAL)).history
    settings = {"IDP_DATABASE_URL": database_url, "IDP_KEK_FILE": str(provider_ground.kek_file)}
    rotators = [start(settings) for _ in range(ROTATORS)]
    for rotator in rotators:
        assert rotator.stdout is not None
        assert rotator.stdout.readline() == "ready\n"
    for rotator in rotators:
        assert rotator.stdin is not None
        rotator.stdin.write("now\n")
        rotator.stdin.flush()
    told = [rotator.communicate(timeout=30) for rotator in rotators]
    ground = await load_ground(db, kek, LOCAL)
    assert [output for output, _ in told] == [f"{ground.history.size}\n"] * ROTATORS, told
    kinds = [(purpose, alg) for purpose, algorithms in ELLIPTIC.items() for alg in algorithms]
    events = Counter(orjson.loads(entry)["type"] for entry in ground.entries[before.size :])
    assert events == {"activated": len(kinds), "generated": len(kinds), "published": len(kinds)}
    assert ground.refused == ()
    for kind in kinds:
        states = Counter(key.state for key in ground.history.keys.values() if key.kind == kind)
        assert states == {State.RETIRING: 1, State.ACTIVE: 1, State.PENDING: 1}
