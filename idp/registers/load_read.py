"""Reading a register file line by line in constant memory, from any byte on.

Whatever a line holds, the answer is a row or a reason; nothing in a file can stop the reading.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from idp.registers.columns import COLUMNS, Column
from idp.registers.staging import STAGES, Staged, StagedRow

LONGEST_LINE: Final = 65_536
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class LoadError(Exception):
    """The load cannot go on; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which register file this is, and where in a line each of its columns stands (`None`: left out)."""

    kind: str
    places: tuple[tuple[Column, int | None], ...]
    width: int


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be said about a line; a refused line is not loaded, any other is."""

    line: int
    reason: str
    refused: bool = True


@dataclass(slots=True)
class Batch:
    """Some lines of a file: rows for each staging table, remarks, and where the next batch begins."""

    rows: list[list[StagedRow]]
    bytes_done: int
    lines_done: int
    rows_read: int = 0
    remarks: list[Remark] = field(default_factory=list)

    def add(self, line: int, staged: Staged) -> None:
        """Take a good row."""
        for rows, more in zip(self.rows, staged.rows, strict=True):
            rows.extend(more)
        if staged.to_review is not None:
            self.remarks.append(Remark(line, staged.to_review, refused=False))


def read_layout(path: Path) -> tuple[Layout, int]:
    """Read the header: the layout, and where the rows begin. Raise `LoadError` if it is of no register file."""
    with path.open("rb") as file:
        raw = file.readline(LONGEST_LINE)
    try:
        header = raw.removeprefix(_BYTE_ORDER_MARK).decode("utf-8").rstrip("\r\n").split(",")
    except UnicodeDecodeError:
        raise LoadError(f"{path.name}: the first line is not UTF-8.") from None
    kind = max(COLUMNS, key=lambda name: len({column.name for column in COLUMNS[name]} & set(header)))
    columns = COLUMNS[kind]
    unknown = [name for name in header if name not in {column.name for column in columns}]
    missing = [column.name for column in columns if column.required and column.name not in header]
    if unknown or missing or len(set(header)) < len(header):
        raise LoadError(f"{path.name}: {_complaint(kind, unknown, missing)}")
    places = tuple(
        (column, header.index(column.name) if column.name in header else None) for column in columns
    )
    return Layout(kind, places, len(header)), len(raw)


def _complaint(kind: str, unknown: Sequence[str], missing: Sequence[str]) -> str:
    if missing:
        return f"the header lacks {', '.join(missing)} and so is not that of {kind}."
    if unknown:
        return f"{kind} has no column {', '.join(repr(name[:40]) for name in unknown)}."
    return "the header names a column twice."


def read_batches(file: BinaryIO, layout: Layout, lines_done: int, size: int) -> Iterator[Batch]:
    """Read on from where the file stands, `size` lines at a time."""
    stage = STAGES[layout.kind]
    while True:
        batch = Batch([[] for _ in stage.tables], file.tell(), lines_done)
        for _ in range(size):
            raw = file.readline(LONGEST_LINE)
            if not raw:
                break
            batch.lines_done += 1
            batch.bytes_done += len(raw)
            if not raw.endswith(b"\n") and len(raw) == LONGEST_LINE:
                batch.bytes_done += _skip_line(file)
                batch.remarks.append(Remark(batch.lines_done, f"is longer than {LONGEST_LINE} bytes"))
                batch.rows_read += 1
            elif raw.strip(b"\r\n"):
                batch.rows_read += 1
                _take(batch, layout, raw)
        if batch.lines_done == lines_done:
            return
        lines_done = batch.lines_done
        yield batch


def _take(batch: Batch, layout: Layout, raw: bytes) -> None:
    line = batch.lines_done
    try:
        batch.add(line, STAGES[layout.kind].read(line, _values(layout, raw)))
    except ValueError as error:
        batch.remarks.append(Remark(line, str(error)))


def _values(layout: Layout, raw: bytes) -> list[object]:
    cells = _cells(raw)
    if len(cells) != layout.width:
        raise ValueError(f"has {len(cells)} fields instead of {layout.width}")
    values: list[object] = []
    for column, place in layout.places:
        cell = "" if place is None else cells[place]
        if cell:
            try:
                values.append(column.read(cell))
            except ValueError as error:
                raise ValueError(f"{column.name}: {error}") from None
        elif column.required:
            raise ValueError(f"{column.name}: must not be empty")
        else:
            values.append(None)
    return values


def _cells(raw: bytes) -> list[str]:
    if b"\0" in raw:
        raise ValueError("holds a NUL byte")
    try:
        text = raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration):
        raise ValueError("has unbalanced quotes") from None


def _skip_line(file: BinaryIO) -> int:
    """Read to the end of a line that is too long; the number of bytes."""
    skipped = 0
    while raw := file.readline(LONGEST_LINE):
        skipped += len(raw)
        if raw.endswith(b"\n"):
            break
    return skipped
