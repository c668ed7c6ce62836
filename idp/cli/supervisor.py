"""Keeps a number of worker processes alive and stops them together."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

logger = logging.getLogger("motcua.supervisor")

GRACE_SECONDS: Final = 10  # beyond the workers' own time to finish requests
SHORT_LIFE: Final = 2.0  # seconds; a worker that dies younger is not replaced at once
BROKEN_START: Final = 3
"""Exit code of a worker that could not start: another one could not either."""


class Supervisor:
    """Forks workers from a process that has loaded the program but opened nothing, so that they share its memory."""

    def __init__(self, count: int, work: Callable[[], int], *, shutdown_seconds: int) -> None:
        self._count = count
        self._work = work
        self._shutdown_seconds = shutdown_seconds
        self._born: dict[int, float] = {}
        self._stopping = False
        self._exit_code = 0

    def run(self) -> int:
        """Supervise until told to stop (SIGTERM, SIGINT) or until workers cannot start; the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGALRM, self._on_patience_end)
        for _ in range(self._count):
            self._fork()
        while self._born:
            pid, status = os.wait()
            self._bury(pid, os.waitstatus_to_exitcode(status))
        return self._exit_code

    def _fork(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            os._exit(self._live())
        self._born[pid] = time.monotonic()
        if self._stopping:  # told to between the fork and the line above
            os.kill(pid, signal.SIGTERM)

    def _live(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        try:
            return self._work()
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else 1
        except BaseException:
            logger.exception("worker failed")
            return 1

    def _bury(self, pid: int, code: int) -> None:
        born = self._born.pop(pid, None)
        if born is None or self._stopping:
            return
        if code == BROKEN_START:
            self._exit_code = 1
            self._stop()
            return
        logger.error("worker %d ended with %d and is replaced", pid, code)
        if time.monotonic() - born < SHORT_LIFE:
            time.sleep(SHORT_LIFE)
        if not self._stopping:
            self._fork()

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._stopping:
            self._kill(signal.SIGKILL)  # told twice: the operator does not want to wait
        self._stop()

    def _stop(self) -> None:
        self._stopping = True
        self._kill(signal.SIGTERM)
        signal.alarm(self._shutdown_seconds + GRACE_SECONDS)

    def _on_patience_end(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        logger.error("workers did not stop in time and are killed")
        self._kill(signal.SIGKILL)

    def _kill(self, number: signal.Signals) -> None:
        for pid in tuple(self._born):
            os.kill(pid, number)
