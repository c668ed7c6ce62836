"""The demo's folder: ours by a marker, held by one launcher at a time, with a note of what is done."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from examples.launcher.plan import DemoError

MARKER = ".motcua-demo"
STATE = "state.json"
LOCK = "lock"


@dataclass(slots=True)
class Citizen:
    """A person of the invented population who has an account, and the password that was chosen for it."""

    personal_number: str
    name: str
    password: str
    organisation: str | None = None
    organisation_code: str | None = None


@dataclass(slots=True)
class State:
    """What has been done in this folder, so that an interrupted start goes on and a second one is quick."""

    people: int = 0
    organisations: int = 0
    generated: bool = False
    loaded: bool = False
    newcomer: str = ""
    contacts_noted: bool = False
    citizens: list[Citizen] = field(default_factory=list)
    clients: dict[str, str] = field(default_factory=dict)


class Folder:
    """The data of one demo."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.registers = path / "registers"
        self.portals = path / "portals"
        self.logs = path / "logs"

    def prepare(self) -> None:
        """Makes the folder, or makes sure that it is one of ours.

        Raises:
            DemoError: something else is there, or it cannot be written.
        """
        try:
            if self.path.exists() and not self._is_ours():
                raise DemoError(
                    f"{self.path} exists and was not made by the demo: move it away, or choose another with --folder."
                )
            for folder in (self.path, self.portals, self.logs):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.path / MARKER).touch()
        except OSError as error:
            raise DemoError(f"The demo's folder {self.path} cannot be written: {error.strerror}.") from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps every other launcher out of the folder.

        Raises:
            DemoError: another one is in it.
        """
        with (self.path / LOCK).open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DemoError(
                    f"A demo is already running on {self.path}: stop it first (Ctrl-C)."
                ) from error
            yield

    def read_state(self) -> State:
        """What has been done so far.

        Raises:
            DemoError: the note is damaged, or data that it speaks of are gone.
        """
        path = self.path / STATE
        if not path.exists():
            return State()
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            citizens = [Citizen(**citizen) for citizen in document.pop("citizens")]
            state = State(citizens=citizens, **document)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DemoError(f"{path} is damaged: run 'make demo-reset' to start over.") from error
        self._require_data(state)
        return state

    def write_state(self, state: State) -> None:
        """Notes what has been done."""
        self.write_json(STATE, asdict(state))

    def write_json(self, name: str, document: dict[str, Any]) -> Path:
        """A JSON file that is there whole or not at all, for its owner only."""
        return self.write_text(name, json.dumps(document, ensure_ascii=False, indent=2) + "\n")

    def write_text(self, name: str, text: str) -> Path:
        """A text file that is there whole or not at all, for its owner only.

        Raises:
            DemoError: the disk is full or the folder is closed.
        """
        path, fresh = self.path / name, self.path / f"{name}.new"
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            fresh.replace(path)
        except OSError as error:
            raise DemoError(f"{path} cannot be written: {error.strerror}.") from error
        return path

    def remove(self) -> bool:
        """Throws everything away; False when there was nothing.

        Raises:
            DemoError: the folder is not ours, is in use, or cannot be removed.
        """
        if not self.path.exists():
            return False
        if not self._is_ours():
            raise DemoError(f"{self.path} was not made by the demo and is left alone.")
        try:
            with self.held():
                shutil.rmtree(self.path)
        except OSError as error:
            raise DemoError(f"{self.path} cannot be removed: {error.strerror}.") from error
        return True

    def _is_ours(self) -> bool:
        if not self.path.is_dir() or self.path.is_symlink():
            return False
        return (self.path / MARKER).is_file() or not any(self.path.iterdir())

    def _require_data(self, state: State) -> None:
        needed = {"kek", "motcua.db"} if state.citizens or state.clients else set()
        needed |= {"registers.db"} if state.loaded else set()
        missing = sorted(name for name in needed if not (self.path / name).is_file())
        if missing:
            raise DemoError(f"{self.path / missing[0]} is missing: run 'make demo-reset' to start over.")
