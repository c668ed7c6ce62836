"""Ground of every test: closed network, shared databases, one browser a process."""

from __future__ import annotations

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
    "tests.support.suite",
]
