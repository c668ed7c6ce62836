"""Processes under measurement: started on given cores, weighed with all their children, stopped again."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TICK: Final = os.sysconf("SC_CLK_TCK")
_PATIENCE_SECONDS: Final = 10
MIB: Final = 2**20


class BenchError(Exception):
    """The measurement cannot go on; one sentence says why."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of some processes in MiB: resident, and with shared pages counted once (PSS)."""

    rss: float
    pss: float
    processes: int


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run: its arguments, what its environment holds beside ours, its folder and its account."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    account: str | None = None


class Process:
    """A server or a store in a process group of its own, on the cores it is given."""

    def __init__(self, command: Command, cores: Iterable[int], log: Path) -> None:
        own_cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, set(cores))  # inherited; set back below
        try:
            with log.open("ab") as output:
                self.started_at = time.perf_counter()
                self._process = subprocess.Popen(
                    command.arguments,
                    env={**os.environ, **command.environment},
                    cwd=command.folder,
                    user=command.account,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        finally:
            os.sched_setaffinity(0, own_cores)

    @property
    def ended(self) -> bool:
        """Whether it is there no more."""
        return self._process.poll() is not None

    def pids(self) -> list[int]:
        """Itself and all its children."""
        return family(self._process.pid)

    def cpu_seconds(self) -> float:
        """CPU time that it and its children have taken."""
        return cpu_seconds(self.pids())

    def memory(self) -> Memory:
        """Memory of it and its children."""
        return memory(self.pids())

    def move_to(self, cores: Iterable[int]) -> None:
        """Go on with these cores."""
        wanted = set(cores)
        for pid in self.pids():
            os.sched_setaffinity(pid, wanted)

    def stop(self, kindly: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, and after a while end it and its children."""
        pids = self.pids()
        _send(pids[:1], kindly)
        try:
            self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            _send(pids, signal.SIGKILL)
            self._process.wait()


def _send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def family(pid: int) -> list[int]:
    """A process and its descendants, the oldest first."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (fields := _stat(int(folder.name))):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def _stat(pid: int) -> list[str]:
    """What follows the name in `/proc/PID/stat` (proc(5)); empty when the process has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time of some processes, and of their children that have ended: a store's helpers come and go."""
    known = (fields for pid in pids if (fields := _stat(pid)))
    return sum(sum(map(int, fields[11:15])) for fields in known) / _TICK


def memory(pids: Iterable[int]) -> Memory:
    """Memory of some processes."""
    rss = pss = count = 0
    for pid in pids:
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
            shared = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
        except OSError:
            continue
        proportional = re.search(r"^Pss:\s+(\d+)", shared, re.MULTILINE)
        rss += pages * _PAGE
        pss += int(proportional[1]) * 1024 if proportional else 0
        count += 1
    return Memory(round(rss / MIB, 1), round(pss / MIB, 1), count)


def machine_cpu_seconds() -> float:
    """CPU time that all processes of the machine have taken on all cores."""
    busy = 0
    for line in Path("/proc/stat").read_text(encoding="utf-8").splitlines():
        if re.match(r"cpu\d", line):
            ticks = [int(value) for value in line.split()[1:9]]
            busy += sum(ticks) - ticks[3] - ticks[4]  # without idling and waiting for disks
    return busy / _TICK


def wait_for_quiet(seconds: float, busy: float = 0.25) -> None:
    """Wait for a second in which the machine takes less than this part of one core; at most some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        before = machine_cpu_seconds()
        time.sleep(1)
        if machine_cpu_seconds() - before < busy:
            return


def free_port(usual: int) -> int:
    """A port of the loopback address: the usual one, or any other where that one is taken.

    Raises:
        BenchError: there is none.
    """
    for wanted in (usual, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            port: int = probe.getsockname()[1]
            return port
    raise BenchError("There is no free port on the loopback address.")
