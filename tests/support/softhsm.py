"""A hardware module for the tests: SoftHSM with real slots, real PINs, and tokens that can be taken away."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from keys.backends.pkcs11 import Pkcs11Token
from tests.support.ground import shared_ground

PIN = "473829"
_SO_PIN = "91827364"
TOKENS = ("motcua", "second", "officers", "pin", "runbook", "runbook-spare")
_LIBRARIES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)


class NoSoftHsm(Exception):
    """SoftHSM is not installed: the sentence tells what to install."""


def find_library() -> Path:
    """The PKCS #11 library of SoftHSM.

    Raises:
        NoSoftHsm: it is not installed.
    """
    for path in map(Path, _LIBRARIES):
        if path.exists() and shutil.which("softhsm2-util"):
            return path
    raise NoSoftHsm("These tests need SoftHSM: install it (Debian: apt-get install softhsm2).")


@dataclass(frozen=True, slots=True)
class SoftHsm:
    """SoftHSM with a folder of its own; the variable `SOFTHSM2_CONF` of this process names its configuration."""

    library: Path
    folder: Path
    _folders: dict[str, Path] = field(default_factory=dict)

    @property
    def pin_file(self) -> Path:
        """The file with the PIN of every token."""
        return self.folder / "pin"

    def add_token(self, label: str) -> None:
        """Initialise a token in a free slot, once."""
        if label in self._folders:
            return
        there = set((self.folder / "tokens").iterdir())
        arguments = ["softhsm2-util", "--init-token", "--free", "--label", label]
        subprocess.run(
            [*arguments, "--so-pin", _SO_PIN, "--pin", PIN], check=True, capture_output=True, text=True
        )
        (self._folders[label],) = set((self.folder / "tokens").iterdir()) - there

    def open(self, label: str = "motcua", pin_file: Path | None = None) -> Pkcs11Token:
        """The token with this label, without waiting between two attempts."""
        return Pkcs11Token(self.library, label, pin_file or self.pin_file, clock=_Hours())

    def away(self, label: str = "motcua") -> _Away:
        """Take a token out of its slot."""
        return _Away(self._folders[label], self.folder / "away")


@dataclass(slots=True)
class _Away:
    """A token that was taken out; `back` puts it in again."""

    slot: Path
    elsewhere: Path

    def __enter__(self) -> Self:
        self.slot.rename(self.elsewhere)
        return self

    def back(self) -> None:
        """Put the token into its slot."""
        if self.elsewhere.exists():
            self.elsewhere.rename(self.slot)

    def __exit__(self, *_: object) -> None:
        self.back()


class _Hours:
    """A clock on which an hour passes between two looks."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        self._now += 3600
        return self._now


@contextmanager
def installed_softhsm(folder: Path) -> Iterator[SoftHsm]:
    """SoftHSM with its configuration, its tokens and the file with their PIN in an existing folder.

    Raises:
        NoSoftHsm: it is not installed.
    """
    library = find_library()
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n",
        encoding="utf-8",
    )
    hsm = SoftHsm(library, folder)
    hsm.pin_file.touch(mode=0o600)
    hsm.pin_file.write_text(PIN + "\n", encoding="utf-8")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    try:
        yield hsm
    finally:
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before


@pytest.fixture(scope="session")
def softhsm() -> Iterator[SoftHsm]:
    """SoftHSM with its tokens, for all tests of this process: its library sees those that are there when it begins."""
    folder = shared_ground() / f"softhsm-{os.getpid()}"
    folder.mkdir()
    try:
        with installed_softhsm(folder) as hsm:
            for label in TOKENS:
                hsm.add_token(label)
            yield hsm
    except NoSoftHsm as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
async def hsm_token(softhsm: SoftHsm) -> AsyncIterator[Pkcs11Token]:
    """The token `motcua`."""
    token = softhsm.open()
    yield token
    await token.close()
