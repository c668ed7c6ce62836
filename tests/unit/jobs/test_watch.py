"""What a worker keeps in memory follows the database."""

from __future__ import annotations

from typing import Any

import pytest

from idp.jobs.watch import VersionWatch
from idp.store import versions


async def test_the_first_look_loads_everything_and_later_ones_what_changed(db: Any) -> None:
    loaded: list[str] = []

    async def reload_clients() -> None:
        loaded.append("clients")

    async def reload_keys() -> None:
        loaded.append("keys")

    watch = VersionWatch(db, {versions.CLIENTS: reload_clients, versions.KEYS: reload_keys})
    await watch.follow()
    assert sorted(loaded) == ["clients", "keys"]
    await watch.follow()
    assert len(loaded) == 2
    await db.write(versions.changed(versions.CLIENTS))
    await watch.follow()
    await watch.follow()
    assert loaded[2:] == ["clients"]


async def test_a_reload_that_failed_is_tried_again(db: Any) -> None:
    tries = 0

    async def reload() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ConnectionError

    watch = VersionWatch(db, {versions.CLIENTS: reload})
    with pytest.raises(ConnectionError):
        await watch.follow()
    await watch.follow()
    await watch.follow()
    assert tries == 2


async def test_a_reload_that_fails_hinders_no_other(db: Any) -> None:
    loaded: list[str] = []

    async def reload_keys() -> None:
        raise ConnectionError

    async def reload_clients() -> None:
        loaded.append("clients")

    watch = VersionWatch(db, {versions.KEYS: reload_keys, versions.CLIENTS: reload_clients})
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await watch.follow()
    assert loaded == ["clients"]
