"""What a worker keeps in memory follows the database."""

from __future__ import annotations

from typing import Any

import pytest

from idp.jobs.watch import VersionWatch
from idp.store import versions


async def test_what_changed_since_it_was_loaded_is_loaded_again_once(db: Any) -> None:
    loaded: list[str] = []

    async def reload_clients() -> None:
        loaded.append("clients")

    async def reload_keys() -> None:
        loaded.append("keys")

    reloads = {versions.CLIENTS: reload_clients, versions.KEYS: reload_keys}
    watch = VersionWatch(db, reloads, await versions.current(db))
    await watch.follow()
    assert loaded == []
    await db.write(versions.changed(versions.CLIENTS))
    await watch.follow()
    await watch.follow()
    assert loaded == ["clients"]


async def test_what_changed_while_it_was_loaded_is_loaded_again(db: Any) -> None:
    loaded: list[str] = []

    async def reload() -> None:
        loaded.append("keys")

    seen = await versions.current(db)
    await db.write(versions.changed(versions.KEYS))
    watch = VersionWatch(db, {versions.KEYS: reload}, seen)
    await watch.follow()
    assert loaded == ["keys"]


async def test_a_reload_that_failed_is_tried_again(db: Any) -> None:
    tries = 0

    async def reload() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ConnectionError

    watch = VersionWatch(db, {versions.CLIENTS: reload}, await versions.current(db))
    await db.write(versions.changed(versions.CLIENTS))
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

    reloads = {versions.KEYS: reload_keys, versions.CLIENTS: reload_clients}
    watch = VersionWatch(db, reloads, await versions.current(db))
    await db.write(versions.changed(versions.CLIENTS), versions.changed(versions.KEYS))
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await watch.follow()
    assert loaded == ["clients"]
