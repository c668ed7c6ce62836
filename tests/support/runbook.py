"""The runbook of the README, read and walked: each command as it stands there, at a desk of its reader.

What stands for something else is filled in as a reader would: `KID`, `CHANGE` and `VKEY` by what earlier commands
printed, the address of the service by the one at hand, the settings of a hardware module by those of SoftHSM. Lines
below a command that begin with a number sign are what it shows. Passphrases are typed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from idp.cli.main import motcua
from tests.house.source import ROOT
from tests.support.served import serving

SERVICE: Final = "https://sso.example.gov.vn"
TITLE: Final = "## Runbook: keys"

_SECTION = re.compile(rf"^{TITLE}$\n(.*?)^## ", re.MULTILINE | re.DOTALL)
_STATUS = re.compile(r"# exit status (\d+)")
_WISH = re.compile(r"KID: (\w+) (\w+) ([\w-]+)")


@dataclass(frozen=True, slots=True)
class Given:
    """A command of the runbook, and what is said of it."""

    text: str
    remark: str
    shows: tuple[str, ...]
    status: int


def section() -> str:
    """The runbook as the README has it."""
    found = _SECTION.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def situations(text: str) -> dict[str, list[Given]]:
    """Heading -> its commands, in order."""
    found: dict[str, list[Given]] = {}
    for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        found[heading] = list(_commands(body))
    return found


def _commands(body: str) -> Iterator[Given]:
    lines = [line[4:] for line in body.splitlines() if line.startswith("    ")]
    while lines:
        text, _, remark = lines.pop(0).partition("  # ")
        shows, status = [], 0
        while lines and lines[0].startswith("# "):
            line = lines.pop(0)
            if ended := _STATUS.fullmatch(line):
                status = int(ended[1])
            else:
                shows.append(line[2:])
        yield Given(text.strip(), remark.strip(), tuple(shows), status)


@dataclass(slots=True)
class Desk:
    """The machine on which the runbook is followed, and what its reader remembers."""

    folder: Path
    patch: pytest.MonkeyPatch
    hardware: dict[str, str]
    """Settings of a module, by the name that the runbook gives them."""
    known: dict[str, str] = field(default_factory=dict)
    listed: str = ""
    given: list[list[str]] = field(default_factory=list)
    service: ExitStack = field(default_factory=ExitStack)

    def follow(self, commands: Iterable[Given]) -> None:
        """Give commands, and look at what they show."""
        for one in commands:
            output, status = self._give(one)
            told = f"{one.text}\n{output}"
            sys.stdout.write(f"$ {told}\n")  # pytest shows the whole walk where it ends badly
            assert status == one.status, told
            self._remember(one, output)
            for line in one.shows:
                assert self._shown(line, output), f"{line!r} is not shown by\n{told}"

    def _give(self, one: Given) -> tuple[str, int]:
        if one.text.startswith("IDP_"):
            name = one.text.partition("=")[0]
            self.patch.setenv(name, self.hardware[name])
            return "", 0
        text = self._filled(one)
        if text.startswith("motcua "):
            return self.motcua(*shlex.split(text)[1:])
        ended = subprocess.run(
            ["bash", "-c", text], cwd=self.folder, check=False, capture_output=True, text=True, timeout=60
        )
        return ended.stdout + ended.stderr, ended.returncode

    def _filled(self, one: Given) -> str:
        if wish := _WISH.search(one.remark):
            state, purpose, alg = wish.groups()
            rows = [line.split() for line in self.listed.splitlines()]
            found = [row[0] for row in rows if row[1:4] == [purpose, alg, state]]
            assert len(found) == 1, f"{one.remark}\n{self.listed}"
            self.known["KID"] = found[0]
        text = one.text.replace(SERVICE, os.environ["IDP_ISSUER"])
        return re.sub(r"\b(KID|CHANGE|VKEY)\b", lambda found: self.known[found[0]], text)

    def motcua(self, *words: str) -> tuple[str, int]:
        """Give a command of the program, and type what it asks for; standard output goes where the arrow points."""
        self.given.append(list(words))
        plain, _, into = " ".join(words).partition(" > ")
        plain_words = list(words[: words.index(">")] if into else words)
        with contextlib.chdir(self.folder):
            ended = CliRunner().invoke(motcua, plain_words, input=_typed(plain_words), env=_settings(plain))
            if into:
                printed = ended.stdout  # this runner shows in it what a terminal shows beside it: the prompts
                Path(into).write_text(printed[printed.index("{") :], encoding="utf-8")
        return ended.output, ended.exit_code

    def _remember(self, one: Given, output: str) -> None:
        if one.text == "motcua keys list":
            self.listed = output
        seen = {
            "CHANGE": r"Proposed change (\S+)",
            "VKEY": r"to be pinned: (\S+)",
            "KID": r"generated +(\S+)" if "generated KID" in one.shows else "(?!)",
        }
        for name, pattern in seen.items():
            if found := re.search(pattern, output):
                self.known[name] = found[1]

    def _shown(self, line: str, output: str) -> bool:
        words = [self.known.get(word, word) for word in line.split()]
        pattern = r"\s+".join(re.escape(word).replace(r"\.\.\.", ".*") for word in words)
        return re.search(pattern, output) is not None

    def start(self) -> None:
        """Have the service run."""
        port = int(os.environ["IDP_LISTEN"].rpartition(":")[2])
        environment = {**os.environ, "IDP_SHUTDOWN_SECONDS": "1"}
        with contextlib.chdir(self.folder):
            self.service.enter_context(serving(environment, self.folder / "log", port))

    def stop(self) -> None:
        """Stop the service."""
        self.service.close()

    def wait_for_log(self, words: str) -> None:
        """Until the running workers say something."""
        deadline = time.monotonic() + 30
        while words not in (self.folder / "log").read_text("utf-8"):
            assert time.monotonic() < deadline, words
            time.sleep(0.1)

    def moved(self, folder: Path) -> Desk:
        """The same reader, on another machine."""
        return replace(self, folder=folder, known=dict(self.known), service=ExitStack())

    def copy_database(self, to: Path) -> None:
        """A backup, as the README makes it."""
        command = f"VACUUM INTO '{to}'"
        subprocess.run(["sqlite3", str(self.folder / "var/motcua.db"), command], check=True)


def _settings(command: str) -> dict[str, str | None]:
    """None at all where a command is said to work on any machine."""
    anywhere = command.startswith(("keys officer ", "keys sign ")) or "--key " in command
    return {name: None for name in os.environ if name.startswith("IDP_")} if anywhere else {}


def _typed(words: list[str]) -> str:
    """What is typed: the passphrase is the name of the officer's file, a new one is typed twice."""
    if words[:2] == ["keys", "officer"]:
        return f"{words[2]}\n{words[2]}\n"
    signs = words[words.index("--officer") + 1] if "--officer" in words else ""
    agreed = "y\n" if words[:2] in (["keys", "sign"], ["keys", "approve"]) else ""
    return f"{agreed}{signs}\n" if signs.endswith(".key") else ""


def split(commands: list[Given], start: str) -> tuple[list[Given], list[Given]]:
    """Commands before the first one that begins so, and from it on."""
    at = next(number for number, one in enumerate(commands) if one.text.startswith(start))
    return commands[:at], commands[at:]
