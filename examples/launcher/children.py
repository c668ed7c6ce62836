"""The programs that the launcher starts, and only those: every one is stopped before the launcher ends.

Where the launcher is killed outright, the guardian stops them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from examples.launcher.guardian import Guardian
from examples.launcher.plan import ROOT, DemoError
from examples.launcher.stopping import Stopping

START_SECONDS = 60
STOP_SECONDS = 25
"""The provider gives requests that are under way 20 seconds."""

STARTUP_FAILED = "Application startup failed. Exiting."
"""What uvicorn says last, after the reason."""

MOTCUA = (sys.executable, "-c", "from idp.cli.main import main; main()")
"""The command `motcua` of this very environment, installed or not."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running program: its name, where it says that it is well, and where it writes."""

    name: str
    health_url: str
    process: subprocess.Popen[bytes]
    log: Path


class Children:
    """Programs started with one environment; leaving the `with` block stops all of them."""

    def __init__(self, environment: Mapping[str, str], stopping: Stopping) -> None:
        self._stopping = stopping
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")}
        self._environment = {**inherited, **environment, "PYTHONUNBUFFERED": "1"}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._services: list[Service] = []
        self._guardian = Guardian()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stopping.held():
            self.stop()

    def motcua(self, *arguments: str, show: bool = False) -> str:
        """Runs one command of the provider to its end and gives what it printed.

        With `show` the command speaks to the terminal itself, as long ones with a progress bar do.

        Raises:
            DemoError: it failed; the sentence holds the last line of what it said.
        """
        pipe = None if show else subprocess.PIPE
        return self._end_of(self._start([*MOTCUA, *arguments], stdout=pipe, stderr=pipe), arguments)

    def motcua_together(self, commands: Sequence[Sequence[str]]) -> list[str]:
        """Runs commands side by side and gives what each printed, in their order.

        Raises:
            DemoError: as `motcua`, of the first that failed.
        """
        pipe = subprocess.PIPE
        started = [
            (self._start([*MOTCUA, *arguments], stdout=pipe, stderr=pipe), arguments)
            for arguments in commands
        ]
        return [self._end_of(process, arguments) for process, arguments in started]

    def start_service(self, name: str, command: Sequence[str], *, health_url: str, log: Path) -> None:
        """Starts a program that stays; what it says goes to `log`."""
        with log.open("wb") as file:
            process = self._start(command, stdout=file.fileno(), stderr=subprocess.STDOUT)
        self._services.append(Service(name, health_url, process, log))

    def wait_until_healthy(self) -> None:
        """Waits until every service says that it is well.

        Raises:
            DemoError: one ended, or did not get well in time.
        """
        deadline = time.monotonic() + START_SECONDS
        with httpx2.Client(timeout=2, trust_env=False) as client:
            for service in self._services:
                while not _is_healthy(client, service):
                    self.require_alive(" If it stays so, 'make demo-reset' starts over.")
                    if time.monotonic() > deadline:
                        raise DemoError(f"{service.name} did not start in time; see {service.log}.")
                    time.sleep(0.1)

    def require_alive(self, advice: str = "") -> None:
        """Makes sure that no service has ended; `advice` closes the sentence if one has.

        Raises:
            DemoError: one has; the sentence holds its last words.
        """
        for service in self._services:
            if service.process.poll() is not None:
                reason = find_last_words(service.log.read_text(encoding="utf-8", errors="replace"))
                text = f"{service.name} has stopped by itself; see {service.log}. {reason}"
                raise DemoError(f"{text.strip()}{advice}")

    def stop(self) -> None:
        """Asks every program to end, portals first, and ends those that do not."""
        alive = [process for process in reversed(self._processes) if process.poll() is None]
        for process in alive:
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in alive:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()
        self._processes.clear()
        self._services.clear()
        self._guardian.dismiss()

    def _end_of(self, process: subprocess.Popen[bytes], arguments: Sequence[str]) -> str:
        output, complaint = process.communicate()
        self._forget(process)
        if process.returncode != 0:
            reason = _last_line((complaint or b"").decode() or (output or b"").decode())
            command = " ".join(("motcua", *arguments[:2]))
            raise DemoError(f"'{command}' failed (exit code {process.returncode}). {reason}".strip())
        return (output or b"").decode()

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        self._processes.remove(process)
        self._guardian.forget(process.pid)

    def _start(
        self, command: Sequence[str], *, stdout: int | None, stderr: int | None
    ) -> subprocess.Popen[bytes]:
        # A process group of its own: Ctrl-C reaches the launcher alone, which then stops them in order.
        with self._stopping.held():
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                process_group=0,
            )
            self._processes.append(process)
            self._guardian.watch(process.pid)
        return process


def find_last_words(log: str) -> str:
    """Why a program ended: the last error of a log of JSON records, else the last line; empty when it says nothing."""
    try:
        records = [json.loads(line) for line in log.splitlines() if line.startswith('{"')]
    except ValueError:
        records = []
    if not records:
        return _last_line(log)
    errors = [str(record.get("message", "")) for record in records if record.get("level") == "error"]
    telling = [message for message in errors if message != STARTUP_FAILED]
    return telling[-1] if telling else ""


def _is_healthy(client: httpx2.Client, service: Service) -> bool:
    try:
        return client.get(service.health_url).status_code == httpx2.codes.OK
    except httpx2.HTTPError:
        return False


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        process.poll()


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ") if lines else ""
