"""Files that hold a secret: read only when nobody but their owner may read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

_LONGEST: Final = 4096


class SecretFileUnusable(Exception):
    """One sentence for the operator: why a file with a secret is not believed."""


def read_secret_file(path: Path, what: str) -> bytes:
    """The first 4096 octets of a regular file that is closed to group and others; `what` names it in the sentence.

    Raises:
        SecretFileUnusable: missing, unreadable, not a regular file, or open to other accounts.
    """
    try:
        # Without waiting: opening a pipe would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(descriptor).st_mode
            content = os.read(descriptor, _LONGEST) if stat.S_ISREG(mode) else b""
        finally:
            os.close(descriptor)
    except OSError as error:
        raise SecretFileUnusable(f"{what} {path} cannot be read: {error.strerror}.") from error
    if not stat.S_ISREG(mode):
        raise SecretFileUnusable(f"{what} {path} is not a regular file.")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretFileUnusable(
            f"{what} {path} is open to other accounts (mode {stat.S_IMODE(mode):04o}); chmod 600 it."
        )
    return content
