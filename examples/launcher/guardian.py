"""Outlives a launcher that was killed outright, and stops what it left running.

The guardian is a process of its own at the other end of a pipe. The pipe closes with the launcher, however that
ends, so that no port stays taken by a program that nobody remembers.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable

from examples.launcher.plan import ROOT

STOP_SECONDS = 25
"""As long as the launcher itself gives its programs to end."""

_COMMAND = (sys.executable, "-S", "-m", "examples.launcher.guardian")


class Guardian:
    """The launcher's end: which programs run just now, told as it happens."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            _COMMAND, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, process_group=0
        )

    def watch(self, pid: int) -> None:
        """A program runs, as the leader of its process group."""
        self._tell(f"+{pid}")

    def forget(self, pid: int) -> None:
        """A program has ended and been reaped; its number may soon be another's."""
        self._tell(f"-{pid}")

    def dismiss(self) -> None:
        """Nothing runs any more."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._tell("done")
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        if self._process.stdin is None or self._process.stdin.closed:
            return
        try:
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # somebody killed the guardian; the launcher can do without


def left_running(lines: Iterable[str]) -> list[int]:
    """The process groups that run when the lines end; none when the launcher took leave."""
    running: list[int] = []
    for line in lines:
        told = line.strip()
        if told == "done":
            return []
        pid = int(told[1:])
        if told.startswith("+"):
            running.append(pid)
        else:
            running.remove(pid)
    return running


def stop_groups(groups: list[int]) -> None:
    """Asks process groups to end, the youngest first, and ends those that do not."""
    for group in reversed(groups):
        _signal(group, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while any(_signal(group, 0) for group in groups) and time.monotonic() < deadline:
        time.sleep(0.1)
    for group in groups:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # the terminal's signals are for the launcher
    stop_groups(left_running(sys.stdin))
