"""`motcua registers`: the population and business registers, from files of the authorities or invented."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from idp.cli.output import json_option, say_json, say_table

if TYPE_CHECKING:
    from idp.registers.load import LoadReport

FILES: Final = ("people.csv", "guardianships.csv", "organisations.csv", "representatives.csv")

_url = click.option(
    "--url",
    envvar="IDP_REGISTERS_URL",
    default="sqlite:///var/registers.db",
    show_default=True,
    show_envvar=True,
    help="Database of the registers: sqlite:///path or postgresql://...",
)


@click.group()
def registers() -> None:
    """Generate, load and show the registers of people and organisations.

    The provider knows people from the population register and organisations from the business register. It reads
    them from a database of their own, which `load` fills from four CSV files. To try things out:

    \b
      motcua registers generate var/registers --people 10000 --organisations 800
      motcua registers load var/registers
    """  # noqa: D301 - click's mark for lines to be kept


@registers.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--people", default=10_000, show_default=True, help="How many people.")
@click.option("--organisations", default=800, show_default=True, help="How many organisations.")
@click.option(
    "--seed", default=1, show_default=True, help="The same seed, sizes and day give the same files."
)
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The day on which the invented country is seen.  [default: today]",
)
@json_option
def generate(  # noqa: PLR0917 - click passes one argument an option
    folder: Path,
    people: int,
    organisations: int,
    seed: int,
    day: datetime | None,
    as_json: bool,  # noqa: FBT001 - click passes a flag by name
) -> None:
    """Invent a country and write its four files into FOLDER.

    Nobody in them exists. Ages, names, households and provinces are spread as in Viet Nam.
    """
    from idp.registers.generate import generate as generate_files

    seen_on = _today() if day is None else day.date()
    try:
        with _bar(people, "Inventing people") as advance:
            counts = generate_files(people, seed, organisations, folder, seen_on, on_invented=advance)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    rows = zip(
        FILES,
        (counts.people, counts.guardianships, counts.organisations, counts.representatives),
        strict=True,
    )
    if as_json:
        say_json({"folder": str(folder), "rows": dict(rows)})
    else:
        say_table(("FILE", "ROWS"), [(str(folder / name), f"{count:,}") for name, count in rows])


@registers.command()
@click.argument("paths", metavar="FOLDER|FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to list the rows that were refused or are to be reviewed.  [default: rejects.csv beside the files]",
)
@_url
@json_option
def load(paths: tuple[Path, ...], rejects: Path | None, url: str, as_json: bool) -> None:  # noqa: FBT001 - as above
    """Load register files into the database; `motcua registers columns` tells what they look like.

    A FOLDER stands for those of the four files that are in it. Loading a file again brings the records up to date.
    A bad row stops nothing: it is listed with its line and the reason. A load that was interrupted goes on where
    it stopped when the same files are loaded again.
    """
    from idp.registers.load import LoadError
    from idp.registers.load import load as load_files

    files = [file for path in paths for file in _files_of(path)]
    listed = rejects or files[0].parent / "rejects.csv"
    try:
        with _bar(sum(_size(file) for file in files), "Loading") as advance:
            run = load_files(files, url, rejects=listed, now=int(time.time()), on_progress=_by_bytes(advance))
            report = asyncio.run(run)
    except LoadError as error:
        raise click.ClickException(str(error)) from error
    _say_report(report, listed, as_json=as_json)


@registers.command()
@json_option
def columns(as_json: bool) -> None:  # noqa: FBT001 - click passes a flag by name
    """List the columns of the register files.

    The files are CSV (RFC 4180) in UTF-8 with a header; columns may stand in any order and optional ones may be
    left out. No field may hold a line break. Empty means "not known".
    """
    from idp.registers.columns import COLUMNS

    if as_json:
        say_json({file: [_column(column) for column in listed] for file, listed in COLUMNS.items()})
        return
    for file, listed in COLUMNS.items():
        click.echo(click.style(file, bold=True))
        rows = [(one.name, "yes" if one.required else "", one.meaning, one.format) for one in listed]
        say_table(("COLUMN", "NEEDED", "MEANING", "FORMAT"), rows)
        click.echo()


@registers.command()
@click.argument("number", metavar="NUMBER")
@_url
@json_option
def show(number: str, url: str, as_json: bool) -> None:  # noqa: FBT001 - click passes a flag by name
    """Show the record of the person with this personal identification number, now or earlier.

    What is printed is personal data: keep it where it belongs.
    """
    from idp.registers.personal_code import InvalidPersonalNumber, read_personal_number

    try:
        read_personal_number(number)
    except InvalidPersonalNumber as error:
        raise click.ClickException(f"A personal number {error}.") from error
    record = asyncio.run(_record(url, number))
    if record is None:
        raise click.ClickException("No person in the population register has this number.")
    if as_json:
        say_json(record)
        return
    for name, value in record.items():
        for line in value if isinstance(value, list) else [value]:
            click.echo(f"{name + ':':16} {_in_words(line)}")


async def _record(url: str, number: str) -> dict[str, Any] | None:
    from idp.registers.record import find_record
    from idp.store.database import open_database

    db = await open_database(url, pool_size=1, read_only=True)
    try:
        return await find_record(db, number, _today())
    finally:
        await db.close()


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{name} {_in_words(part)}" for name, part in value.items() if part not in {None, ""}
        )
    return "-" if value is None else str(value)


def _today() -> date:
    from idp.registers.calendar import today

    return today(int(time.time()))


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = [path / name for name in FILES if (path / name).exists()]
    if not found:
        raise click.ClickException(f"{path} holds none of {', '.join(FILES)}.")
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}.") from error


def _column(column: Any) -> dict[str, object]:
    return {
        "name": column.name, "required": column.required, "meaning": column.meaning, "format": column.format,
    }  # fmt: skip


@contextmanager
def _bar(length: int, label: str) -> Iterator[Callable[[int], None]]:
    """A progress bar for a person at a terminal; silence for everybody else."""
    with click.progressbar(
        length=length, label=label, file=sys.stderr, update_min_steps=max(1, length // 500),
        hidden=not sys.stderr.isatty(),
    ) as bar:  # fmt: skip
        yield bar.update


def _by_bytes(advance: Callable[[int], None]) -> Callable[[str, int, int], None]:
    """Turn how far each file has come into steps of the one bar."""
    done: dict[str, int] = {}

    def on_progress(name: str, bytes_done: int, _size: int) -> None:
        advance(bytes_done - done.get(name, 0))
        done[name] = bytes_done

    return on_progress


def _say_report(report: LoadReport, rejects: Path, *, as_json: bool) -> None:
    if as_json:
        say_json(
            {
                "resumed": report.resumed,
                "rows_read": report.rows_read,
                "seconds": round(report.seconds, 3),
                "rows_per_second": round(report.rows_per_second),
                "rejects": str(rejects),
                "files": [
                    {"file": one.file_name, "kept": one.rows_kept, "refused": one.rows_rejected,
                     "to_review": one.rows_to_review}
                    for one in report.files
                ],
            }
        )  # fmt: skip
        return
    if report.resumed:
        click.echo("Went on with the load that was interrupted; the counts are those of the whole load.")
    counts = ((one.file_name, one.rows_kept, one.rows_rejected, one.rows_to_review) for one in report.files)
    rows = [(name, *(f"{count:,}" for count in numbers)) for name, *numbers in counts]
    say_table(("FILE", "KEPT", "REFUSED", "TO REVIEW"), rows)
    click.echo(f"{report.rows_read:,} rows in {report.seconds:.1f} s, {report.rows_per_second:,.0f} rows/s.")
    if any(one.rows_rejected or one.rows_to_review for one in report.files):
        click.echo(f"Which rows and why: {rejects}")
