"""Ground of every test: closed network, shared databases, one browser a process."""

from __future__ import annotations

from typing import Final

import pytest

pytest_plugins = [
    "tests.support.databases",
    "tests.support.chromium",
    "tests.support.personal_data",
    "tests.support.provider",
    "tests.support.authenticator",
    "tests.support.logouts",
    "tests.support.relying_parties.visiting",
    "tests.support.run",
    "tests.support.softhsm",
    "tests.support.ciba",
    "tests.support.fapi_suite",
    "tests.support.suite",
]

ON_BOTH: Final = ("database_kind", "service")
"""Fixtures that come on both databases."""


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that is marked `on_sqlite` one kind of database."""
    if metafunc.definition.get_closest_marker("on_sqlite") is None:
        return
    for name in ON_BOTH:
        if name in metafunc.fixturenames:
            metafunc.definition.add_marker(pytest.mark.parametrize(name, ["sqlite"], indirect=True))
