"""The folder and the locks that the processes of one test run share.

The controlling process makes the folder before its workers start, and takes everything down when they have ended.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_VARIABLE = "MOTCUA_TEST_GROUND"


def make_ground() -> Path:
    """Make the folder of this run; its path travels to the workers in their environment."""
    folder = Path(tempfile.mkdtemp(prefix="motcua-test-"))
    folder.chmod(0o755)  # a PostgreSQL server that runs as another account walks through it
    os.environ[_VARIABLE] = str(folder)
    return folder


def shared_ground() -> Path:
    """The folder of this run."""
    return Path(os.environ[_VARIABLE])


def remove_ground() -> None:
    """Remove the folder with all that is in it."""
    folder = os.environ.pop(_VARIABLE, None)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Hold a lock that only one process of this run can hold."""
    with (shared_ground() / f"{name}.lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
