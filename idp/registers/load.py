"""Loading register files: any size in constant memory, any bad row aside, any interruption made good.

Batch by batch and each in one transaction: read and check the lines, put the good ones into the staging
tables, let the database refuse what contradicts the register, write the rest, note the progress. Loading
the same files again states the same facts again.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

from sqlalchemy import delete, func, select
from sqlalchemy.schema import CreateTable

from idp.registers.bulk import Bulk, open_bulk
from idp.registers.calendar import today
from idp.registers.load_progress import FileProgress, begin, finish, keep_progress, read_files
from idp.registers.load_read import Batch, LoadError, Remark, read_batches
from idp.registers.merge import merge_for
from idp.registers.schema import lay_out
from idp.registers.staging import STAGES

__all__ = ["FileReport", "LoadError", "LoadReport", "OnProgress", "load"]

BATCH_LINES: Final = 10_000
_EMPTY: Final = {table.name: delete(table) for stage in STAGES.values() for table in stage.tables}
_COUNT: Final = {
    kind: select(func.count().label("kept")).select_from(stage.tables[0]) for kind, stage in STAGES.items()
}


OnProgress = Callable[[str, int, int], None]
"""Told after every committed batch: the file's name, the bytes done, the bytes in all."""


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file: counts over the whole load, interruptions included."""

    file_name: str
    kind: str
    rows_kept: int
    rows_rejected: int
    rows_to_review: int


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did. `rows_read` and `seconds` are of this run alone, which may have gone on with an earlier."""

    files: tuple[FileReport, ...]
    resumed: bool
    rows_read: int
    seconds: float

    @property
    def rows_per_second(self) -> float:
        """Rows read a second in this run, over all files."""
        return self.rows_read / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class _Run:
    bulk: Bulk
    rejects: BinaryIO
    on_progress: OnProgress
    batch_lines: int
    now: int


async def load(
    paths: Sequence[Path],
    url: str,
    *,
    rejects: Path,
    now: int,
    on_progress: OnProgress = lambda _name, _done, _size: None,
    batch_lines: int = BATCH_LINES,
) -> LoadReport:
    """Load register files, told apart by their headers, into the registers at `url`, laid out where missing.

    `rejects` becomes a CSV file of what was refused or is to be reviewed; it names columns, never values.
    `now` is the time of the load in epoch seconds. Raises `LoadError` and `RegistersUnavailable`, each one
    sentence, where nothing can be loaded at all.
    """
    started = time.monotonic()
    files = read_files(paths)
    bulk = await open_bulk(url)
    try:
        await _prepare(bulk)
        states, resumed = await begin(bulk, files, now)
        with _open_rejects(rejects, max(state.rejects_size for state in states)) as rejects_file:
            run = _Run(bulk, rejects_file, on_progress, batch_lines, now)
            done = [await _load_file(run, state) for state in states]
    finally:
        await bulk.close()
    reports = tuple(_report(state) for state, _ in done)
    return LoadReport(reports, resumed, sum(rows for _, rows in done), time.monotonic() - started)


async def _prepare(bulk: Bulk) -> None:
    await lay_out(bulk)
    for stage in STAGES.values():
        for table in stage.tables:
            await bulk.define(CreateTable(table))


async def _load_file(run: _Run, state: FileProgress) -> tuple[FileProgress, int]:
    """Load what is left of a file; how far it came, and the rows read in this run."""
    if state.finished_at is not None:
        return state, 0
    rows_read = 0
    with _open_at(state.file.path, state.bytes_done) as file:
        for batch in read_batches(file, state.file.layout, state.lines_done, run.batch_lines):
            state = await _load_batch(run, state, batch)
            rows_read += batch.rows_read
            run.on_progress(state.file.path.name, state.bytes_done, state.file.size)
    return await finish(run.bulk, state, run.now), rows_read


async def _load_batch(run: _Run, before: FileProgress, batch: Batch) -> FileProgress:
    kind = before.file.layout.kind
    async with run.bulk.transaction():
        for table, rows in zip(STAGES[kind].tables, batch.rows, strict=True):
            await run.bulk.change(_EMPTY[table.name])
            await run.bulk.fill(table, rows)
        refused = await _merge(run, kind, before.load_id)
        kept: int = (await run.bulk.run(_COUNT[kind]))[0]["kept"]
        remarks = _all_remarks(batch.remarks, refused)
        _write_remarks(run.rejects, before.file.path.name, remarks)
        to_review = sum(not remark.refused for remark in remarks)
        after = replace(
            before,
            bytes_done=batch.bytes_done,
            lines_done=batch.lines_done,
            rows_kept=before.rows_kept + kept,
            rows_rejected=before.rows_rejected + len(remarks) - to_review,
            rows_to_review=before.rows_to_review + to_review,
            rejects_size=run.rejects.tell(),
        )
        await keep_progress(run.bulk, before, after)
    return after


async def _merge(run: _Run, kind: str, load_id: int) -> list[Remark]:
    """Run a file's statements over the staging tables; what the database refused."""
    merge = merge_for(kind, run.bulk.name)
    values = {"load_id": load_id, "today": today(run.now).isoformat()}
    refused: list[Remark] = []
    for refusal in merge.refusals:
        rows = await run.bulk.run(refusal.statement, **values)
        refused += [Remark(row["line"], refusal.reason) for row in rows]
    for statement in (*merge.prunings, *merge.writings):
        await run.bulk.change(statement, **values)
    return refused


def _all_remarks(read: Sequence[Remark], refused: Sequence[Remark]) -> list[Remark]:
    """Join the remarks in the order of the lines; a refused row needs no review."""
    lines = {remark.line for remark in refused}
    kept = [remark for remark in read if remark.refused or remark.line not in lines]
    return sorted([*kept, *refused], key=lambda remark: remark.line)


def _open_rejects(path: Path, committed: int) -> BinaryIO:
    """Open the list of rejects after what is committed: lines of a batch that was rolled back go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file: BinaryIO = path.open("r+b" if committed and path.exists() else "w+b")
    if file.seek(0, io.SEEK_END) > committed:
        file.truncate(committed)
        file.seek(committed)
    if not file.tell():
        file.write(b"file,line,verdict,reason\n")
    return file


def _write_remarks(file: BinaryIO, name: str, remarks: Sequence[Remark]) -> None:
    """Write and flush: the list is on its way to the disk before the batch is committed."""
    text = io.StringIO()
    rows = (
        (name, remark.line, "refused" if remark.refused else "review", remark.reason) for remark in remarks
    )
    csv.writer(text, lineterminator="\n").writerows(rows)
    file.write(text.getvalue().encode())
    file.flush()


def _open_at(path: Path, offset: int) -> BinaryIO:
    file: BinaryIO = path.open("rb")
    file.seek(offset)
    return file


def _report(state: FileProgress) -> FileReport:
    return FileReport(
        file_name=state.file.path.name,
        kind=state.file.layout.kind,
        rows_kept=state.rows_kept,
        rows_rejected=state.rows_rejected,
        rows_to_review=state.rows_to_review,
    )
