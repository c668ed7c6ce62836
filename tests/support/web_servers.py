"""Web servers from Debian, set up as the README shows them."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.support.served import PATIENCE

_README: Final = Path(__file__).parents[2] / "README.md"


def recipe(language: str, changes: Mapping[str, str]) -> str:
    """What the README shows in this language, all parts of it, with other names; each that is changed must be there."""
    shown = "".join(
        re.findall(rf"^```{language}\n(.*?)^```$", _README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    )
    for sample, ours in changes.items():
        assert sample in shown, sample
        shown = shown.replace(sample, ours)
    return shown


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()
    except ConnectionRefusedError:
        return False
    return True


@contextmanager
def running_server(
    command: Sequence[str | Path],
    ports: Collection[int],
    *,
    needs: Collection[Path] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """A server that listens on all its ports, until the end of the block; `needs` are files beside the program."""
    if not all(file.exists() for file in (Path(command[0]), *needs)):
        pytest.fail(f"{command[0]} is not installed: run `.ci/system-packages`, or `make test`.")
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        deadline = time.monotonic() + PATIENCE
        while not all(map(_listens, ports)):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)
        process.stderr.close()
