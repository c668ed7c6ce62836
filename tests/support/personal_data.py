"""An alarm on every test: nothing that is logged may hold a person's data.

A personal number is known by its form. Other data of sample people (names, addresses, passwords) a test names with
`personal_data.watch(...)`. Whatever is written past `logging`, as the access log is, a test checks with `found_in`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest

_PERSONAL_NUMBER = re.compile(r"(?<![\w.-])0\d{11}(?![\w-])")
_ROOM = "motcua"


class PersonalDataAlarm(logging.Handler):
    """Reads every record of every logger, with its exception, and remembers what it should not have found."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[str] = []
        self._watched: set[str] = set()

    def watch(self, *texts: str) -> None:
        """Data of sample people that must not appear either, until the test ends."""
        self._watched.update(texts)

    def found_in(self, text: str) -> list[str]:
        """Personal data in a text."""
        return _PERSONAL_NUMBER.findall(text) + [watched for watched in self._watched if watched in text]

    def emit(self, record: logging.LogRecord) -> None:
        """Read one record: its message, its exception, and whatever was given along."""
        text = f"{self.format(record)} {list(record.__dict__.values())}"
        self.heard += [f"{record.name}: {found} in {text!r}" for found in self.found_in(text)]

    def rearm(self) -> None:
        """Forget what was heard and watched."""
        self.heard.clear()
        self._watched.clear()


@pytest.fixture(scope="session")
def installed_alarm() -> Iterator[PersonalDataAlarm]:
    """The alarm on the root of all loggers; ours speak in full."""
    alarm = PersonalDataAlarm()
    logging.getLogger().addHandler(alarm)
    logging.getLogger(_ROOM).setLevel(logging.DEBUG)
    yield alarm
    logging.getLogger().removeHandler(alarm)


@pytest.fixture(autouse=True)
def personal_data(installed_alarm: PersonalDataAlarm) -> Iterator[PersonalDataAlarm]:
    """The alarm of one test; it fails the test that let personal data into a log."""
    installed_alarm.rearm()
    yield installed_alarm
    assert installed_alarm.heard == []
