"""What surrounds a test run: the shared folder, the closed network, and taking everything down at the end."""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.support.databases import drop_postgres_databases
from tests.support.ground import make_ground, remove_ground
from tests.support.network import close_network
from tests.support.postgres import stop_server


def _is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


def pytest_configure() -> None:
    """Make the run's folder before any worker starts; close the network of every process."""
    if not _is_worker():
        make_ground()
    close_network()


def pytest_unconfigure() -> None:
    """Take everything down when the workers have ended."""
    if _is_worker():
        return
    if os.environ.get("TEST_DATABASE_URL"):
        asyncio.run(drop_postgres_databases())
    stop_server()
    remove_ground()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that drives a browser or a hardware module, by the fixtures it asks for."""
    for item in items:
        asked = getattr(item, "fixturenames", ())
        if "browser" in asked:
            item.add_marker(pytest.mark.browser)
        if "softhsm" in asked:
            item.add_marker(pytest.mark.hsm)
