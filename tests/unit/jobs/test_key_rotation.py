"""A worker rotates keys by a clock that the database agrees with, and by no other."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from idp.custody.custodian import ClockWrong, Custodian
from idp.jobs.key_rotation import KeysOfWorker
from idp.settings import Settings
from idp.store.database import Database
from keys import policy
from keys.seal import create_kek_file
from tests.support.custody import FEW, ID_TOKEN, custodian
from tests.support.installation import ISSUER, establish

AGO = policy.ACTIVE_LIFETIME + 3600


@pytest.fixture
async def due(db: Database, tmp_path: Path) -> tuple[KeysOfWorker, Custodian]:
    """The keys of a worker, of which all are due since an hour ago."""
    kek, now = create_kek_file(tmp_path / "kek"), int(time.time())
    await establish(db, kek, now - AGO, keys=FEW)
    settings = Settings(issuer=ISSUER, kek_file=tmp_path / "kek")
    return await KeysOfWorker.of(settings), replace(custodian(db, now), kek=kek)


async def _activated_at(one: Custodian) -> int:
    key = (await one.ground()).history.active(ID_TOKEN)
    assert key is not None
    assert key.activated_at is not None
    return key.activated_at


async def test_a_worker_with_the_right_time_rotates(due: tuple[KeysOfWorker, Custodian]) -> None:
    keys, one = due
    await keys.rotate(one.context)
    assert await _activated_at(one) == one.context.now


@pytest.mark.parametrize("difference", [400 * 86400, 120, -120, -40 * 86400])
async def test_a_worker_whose_clock_has_jumped_leaves_keys_alone(
    due: tuple[KeysOfWorker, Custodian], difference: int, caplog: pytest.LogCaptureFixture
) -> None:
    keys, one = due
    jumped = replace(one.context, now=one.context.now + difference)
    await keys.rotate(jumped)
    assert await _activated_at(one) == one.context.now - AGO
    assert "keys are not rotated: The clock of this machine is" in caplog.text


@pytest.mark.parametrize("difference", [400 * 86400, -120])
async def test_no_command_changes_keys_by_a_clock_that_has_jumped(
    due: tuple[KeysOfWorker, Custodian], difference: int
) -> None:
    """An entry of a time to come would hold up every later one until then."""
    _, one = due
    jumped = replace(one, context=replace(one.context, now=one.context.now + difference), checks_clock=True)
    with pytest.raises(ClockWrong, match="set it right"):
        await jumped.ground()
    assert (await replace(one, checks_clock=True).ground()).history.size > 0
