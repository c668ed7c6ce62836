"""A local list of breached passwords of any size, searched where it lies: no memory, no network.

The file is sorted, one entry a line: upper-case SHA-1 digests as "Have I Been Pwned" publishes them ordered by hash
(`DIGEST` or `DIGEST:COUNT`), or plain passwords in byte order (`LC_ALL=C sort -u`). Thirty reads find a line among a
billion. Reads, not a memory map: a file that is replaced while we look must not kill the process.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Final

_DIGEST_LINE: Final = re.compile(rb"[0-9A-F]{40}(:[0-9]+)?")
_LONGEST_LINE: Final = 4096
_PROBES: Final = 1000  # places at which the order is checked when the operator asks


class UnusableList(Exception):
    """One sentence that tells the operator what is wrong with the file."""


def is_breached(file: Path, password: str) -> bool:
    """Whether the password, exactly as it would be stored, is in the list.

    Raises:
        OSError: the file cannot be read.
    """
    descriptor = os.open(file, os.O_RDONLY)
    try:
        return _search(descriptor, os.fstat(descriptor).st_size, password.encode())
    finally:
        os.close(descriptor)


def check_list(file: Path) -> str:
    """What the list is, for the operator.

    Raises:
        UnusableList: it cannot be read, is empty, or is out of order.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError as error:
        raise UnusableList(
            f"The list of breached passwords {file} cannot be read: {error.strerror}."
        ) from error
    try:
        size = os.fstat(descriptor).st_size
        if not size:
            raise UnusableList(f"The list of breached passwords {file} is empty.")
        _check_order(descriptor, size, file)
        kind = "SHA-1 digests" if _holds_digests(descriptor) else "plain passwords"
    finally:
        os.close(descriptor)
    return f"{kind}, {size:,} bytes"


def _check_order(descriptor: int, size: int, file: Path) -> None:
    last = b""
    for probe in range(_PROBES):
        _, line = _line_from(descriptor, size * probe // _PROBES)
        if line is None:
            return
        if line < last:
            raise UnusableList(
                f"The list of breached passwords {file} is not in byte order; sort it with LC_ALL=C."
            )
        last = line


def _holds_digests(descriptor: int) -> bool:
    return _DIGEST_LINE.fullmatch(_line_from(descriptor, 0)[1] or b"") is not None


def _search(descriptor: int, size: int, password: bytes) -> bool:
    digests = _holds_digests(descriptor)
    wanted = (
        hashlib.sha1(password, usedforsecurity=False).hexdigest().upper().encode() if digests else password
    )
    low, high = 0, size  # invariant: a line that equals `wanted` begins in [low, high]
    while low < high:
        middle = (low + high) // 2
        start, line = _line_from(descriptor, middle)
        if line is not None and (line[:40] if digests else line) < wanted:
            low = start + len(line)
        else:
            high = middle
    _, line = _line_from(descriptor, low)
    return line is not None and (line[:40] if digests else line) == wanted


def _line_from(descriptor: int, position: int) -> tuple[int, bytes | None]:
    """The first line that begins at or after a position, and where it begins; None behind the last."""
    before = max(position - 1, 0)
    block = os.pread(descriptor, 2 * _LONGEST_LINE, before)
    start = 0
    if position:
        newline = block.find(b"\n")
        if newline < 0:
            return position, None
        start = newline + 1
    if start >= len(block):
        return position, None
    return before + start, block[start:].split(b"\n", 1)[0].rstrip(b"\r")
