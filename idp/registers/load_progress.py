"""How far a load came: written with every batch, in the same transaction, so that it can never be wrong.

A load is a set of files. If the last load was of the very same files (by content) and did not finish, the next
goes on where it stopped; in every other case a new load begins from the first byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sqlalchemy import bindparam, func, select, update

from idp.registers.bulk import Bulk
from idp.registers.columns import COLUMNS
from idp.registers.load_read import Layout, LoadError, read_layout
from idp.registers.schema import load_progress
from idp.store.columns import insert_all
from idp.store.database import Row

_LATEST: Final = select(load_progress).where(
    load_progress.c.load_id == select(func.max(load_progress.c.load_id)).scalar_subquery()
)
_BEGIN: Final = insert_all(load_progress, "finished_at")
_ADVANCE: Final = (
    update(load_progress)
    .where(
        load_progress.c.load_id == bindparam("of_load"),
        load_progress.c.file_digest == bindparam("of_file"),
        load_progress.c.bytes_done == bindparam("bytes_before"),
        load_progress.c.finished_at.is_(None),
    )
    .values(
        bytes_done=bindparam("bytes_done"),
        lines_done=bindparam("lines_done"),
        rows_kept=bindparam("rows_kept"),
        rows_rejected=bindparam("rows_rejected"),
        rows_to_review=bindparam("rows_to_review"),
        rejects_size=bindparam("rejects_size"),
        finished_at=bindparam("finished_at"),
    )
)


@dataclass(frozen=True, slots=True)
class RegisterFile:
    """A file to load: what it is, and its identity by content."""

    path: Path
    layout: Layout
    rows_begin: int
    size: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class FileProgress:
    """How far one file has come, as committed."""

    file: RegisterFile
    load_id: int
    bytes_done: int
    lines_done: int
    rows_kept: int = 0
    rows_rejected: int = 0
    rows_to_review: int = 0
    rejects_size: int = 0
    finished_at: int | None = None


def read_files(paths: Sequence[Path]) -> list[RegisterFile]:
    """Identify the files, in the order in which they depend on each other; raise `LoadError` for a bad one."""
    try:
        files = [_read_file(path) for path in paths]
    except OSError as error:
        raise LoadError(f"{error.filename}: cannot be read ({error.strerror}).") from error
    if len({file.digest for file in files}) < len(files):
        raise LoadError("Two of the files have the same content.")
    order = list(COLUMNS)
    return sorted(files, key=lambda file: order.index(file.layout.kind))


async def begin(bulk: Bulk, files: Sequence[RegisterFile], now: int) -> tuple[list[FileProgress], bool]:
    """Begin a load, or go on with the last one; the flag says which."""
    set_digest = hashlib.sha256(b"".join(sorted(file.digest for file in files))).digest()
    latest = await bulk.run(_LATEST)
    unfinished = any(row["finished_at"] is None for row in latest)
    if unfinished and latest[0]["set_digest"] == set_digest:
        rows = {row["file_digest"]: row for row in latest}
        return [_stored(file, rows[file.digest]) for file in files], True
    load_id = 1 + (latest[0]["load_id"] if latest else 0)
    begun = [FileProgress(file, load_id, file.rows_begin, lines_done=1) for file in files]
    async with bulk.transaction():
        for progress in begun:
            await bulk.change(_BEGIN, **_row(progress, set_digest, now))
    return begun, False


async def keep_progress(bulk: Bulk, before: FileProgress, after: FileProgress) -> None:
    """Write how far a file has come; raise `LoadError` if somebody else moved it meanwhile."""
    moved = await bulk.change(
        _ADVANCE,
        of_load=before.load_id,
        of_file=before.file.digest,
        bytes_before=before.bytes_done,
        bytes_done=after.bytes_done,
        lines_done=after.lines_done,
        rows_kept=after.rows_kept,
        rows_rejected=after.rows_rejected,
        rows_to_review=after.rows_to_review,
        rejects_size=after.rejects_size,
        finished_at=after.finished_at,
    )
    if moved != 1:
        raise LoadError("Another load of these registers is running.")


async def finish(bulk: Bulk, progress: FileProgress, now: int) -> FileProgress:
    """Write that a file is done."""
    finished = replace(progress, finished_at=now)
    async with bulk.transaction():
        await keep_progress(bulk, progress, finished)
    return finished


def _read_file(path: Path) -> RegisterFile:
    layout, rows_begin = read_layout(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return RegisterFile(path, layout, rows_begin, path.stat().st_size, digest)


def _stored(file: RegisterFile, row: Row) -> FileProgress:
    return FileProgress(
        file=file,
        load_id=row["load_id"],
        bytes_done=row["bytes_done"],
        lines_done=row["lines_done"],
        rows_kept=row["rows_kept"],
        rows_rejected=row["rows_rejected"],
        rows_to_review=row["rows_to_review"],
        rejects_size=row["rejects_size"],
        finished_at=row["finished_at"],
    )


def _row(progress: FileProgress, set_digest: bytes, now: int) -> dict[str, object]:
    return {
        "load_id": progress.load_id,
        "file_digest": progress.file.digest,
        "set_digest": set_digest,
        "file_name": progress.file.path.name,
        "file_size": progress.file.size,
        "bytes_done": progress.bytes_done,
        "lines_done": progress.lines_done,
        "rows_kept": 0,
        "rows_rejected": 0,
        "rows_to_review": 0,
        "rejects_size": 0,
        "started_at": now,
    }
