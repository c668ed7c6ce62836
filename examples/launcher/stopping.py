"""Ctrl-C and its kin: they end the launcher, but never between a program's start and our knowing of it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody pressed Ctrl-C or ended the launcher; everything is to be taken down."""


class Stopping:
    """Turns the first signal into `Stopped`; later ones change nothing, for the taking down has begun."""

    def __init__(self) -> None:
        self._held = False
        self._asked = False
        self._raised = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listens to the signals inside the block."""
        before = {number: signal.signal(number, self._hear) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps a signal waiting until the end of the block."""
        outer, self._held = self._held, True
        try:
            yield
        finally:
            self._held = outer
        self._stop_if_asked()

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        if self._asked and not self._held and not self._raised:
            self._raised = True
            raise Stopped
