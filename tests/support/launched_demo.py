"""The demo as `make demo` starts it, on ports and in a folder of its own, with as many citizens as tests need."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from examples.launcher.citizens import find_citizens
from examples.launcher.folder import Citizen
from examples.launcher.visits import open_visitor
from idp.accounts.issuing import issue_activation_code
from idp.cli.runtime import open_runtime
from idp.settings import read_settings

ALREADY_CHOSEN = 40
"""Among so many first ones are those whom the demo itself chose."""


def find_port_base(lowest: int, highest: int) -> int:
    """A base between the two whose four ports are free just now."""
    for base in range(lowest, highest, 200):
        try:
            for port in (base, base + 101, base + 102, base + 103):
                socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return base
    raise AssertionError("no four free ports")


@dataclass(slots=True)
class LaunchedDemo:
    """A running demo. `facts` is what its demo.json says."""

    facts: dict[str, Any]
    unused: Iterator[Citizen]
    unused_representatives: Iterator[Citizen]

    @property
    def issuer(self) -> str:
        """The provider's address."""
        return str(self.facts["issuer"])

    def portal(self, name: str) -> str:
        """A portal's address."""
        return str(self.facts["portals"][name]["url"])

    def motcua(self, *arguments: str) -> Any:
        """What a command of the provider answers as JSON."""
        command = [*self.facts["command"], *arguments, "--json"]
        ended = subprocess.run(
            command, env={**os.environ, **self.facts["environment"]}, check=True, capture_output=True
        )
        return json.loads(ended.stdout)

    def take_stranger(self) -> Citizen:
        """A citizen without an account, whom no other test meets."""
        return next(self.unused)

    async def take_citizen(self) -> Citizen:
        """A citizen with an account, whom no other test meets: no notice was shown to them, nothing agreed to."""
        return await self._open_account(next(self.unused))

    async def take_representative(self) -> Citizen:
        """As `take_citizen`, who may act for a company."""
        return await self._open_account(next(self.unused_representatives))

    async def _open_account(self, citizen: Citizen) -> Citizen:
        async with open_runtime(read_settings(self.facts["environment"])) as context:
            issued = await issue_activation_code(context, citizen.personal_number, "the tests' officer")
        with open_visitor() as visitor:
            visitor.activate(self.issuer, citizen, issued.code)
        return citizen


@contextmanager
def launch_demo(folder: Path, *, people: int, port_base: int) -> Iterator[LaunchedDemo]:
    """Starts the demo as a person would and ends it with Ctrl-C."""
    demo = {"DEMO_FOLDER": str(folder), "DEMO_PEOPLE": str(people), "DEMO_PORT_BASE": str(port_base)}
    with subprocess.Popen(
        [sys.executable, "examples/demo.py"], env={**os.environ, **demo}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        ready = any(line.startswith("Ready after") for line in process.stdout)
        assert ready, "the demo did not start; it says why above"
        try:
            yield _look_around(folder)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate()


def _look_around(folder: Path) -> LaunchedDemo:
    facts = json.loads((folder / "demo.json").read_text(encoding="utf-8"))
    today = datetime.now(UTC).date()
    fit = list(islice(find_citizens(folder / "registers", today), ALREADY_CHOSEN, None))
    return LaunchedDemo(
        facts=facts,
        unused=(citizen for citizen in fit if citizen.organisation is None),
        unused_representatives=(citizen for citizen in fit if citizen.organisation is not None),
    )
