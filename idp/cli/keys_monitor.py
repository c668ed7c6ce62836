"""`motcua keys monitor`: `motcua keys verify` again and again, with a memory."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import orjson

from idp.cli.keys_verify import described, key_option, url_option
from idp.cli.output import instant, json_option

if TYPE_CHECKING:
    from idp.cli.served_keys import Look, Wish

BLIND_SECONDS: Final = 600
"""A monitor that has seen nothing for so long says so by ending."""

NOTHING_SEEN: Final = 3
"""Exit status: nothing could be compared."""


@click.command("monitor")
@url_option
@key_option
@click.option(
    "--state", type=click.Path(path_type=Path, dir_okay=False), default=Path("key-log.checkpoint"),
    show_default=True, help="Remembers the log between looks and between restarts.",
)  # fmt: skip
@click.option("--every", type=click.IntRange(1, 86400), default=60, show_default=True, help="Seconds.")
@click.option("--once", is_flag=True, help="Look once and end.")
@click.option(
    "--at-once", is_flag=True, help="Do not look again, after 2 and 8 seconds, where something differs."
)
@json_option
def monitor(
    *,
    url: str | None,
    verifier_key: str | None,
    state: Path,
    every: int,
    once: bool,
    at_once: bool,
    as_json: bool,
) -> None:
    r"""Compare what tells of the keys again and again, and the log with what it was; end on any difference.

    \b
    Exit status 1: something differs.  3: nothing could be compared for ten minutes, or with --once at all.

    It belongs on another machine as well, where it needs no database:

    \b
      motcua keys monitor --url https://sso.example.gov.vn --key 'sso.example.gov.vn/.well-known/key-log+...'
    """
    from idp.cli.served_keys import PAUSES, Wish, check_url, read_pinned

    asked = check_url(url)
    wish = Wish(asked or "", read_pinned(verifier_key, asked))
    pauses = () if at_once else PAUSES
    raise SystemExit(asyncio.run(_watch(wish, state, pauses, every=None if once else every, as_json=as_json)))


async def _watch(
    wish: Wish, state: Path, pauses: Sequence[float], *, every: int | None, as_json: bool
) -> int:
    """Look until something differs, or nothing is seen; the exit status."""
    seen_at = time.monotonic()
    while True:
        try:
            seen = await _look(wish, state, pauses)
        except Exception as error:
            if not _may_pass(error):
                raise
            _say(
                {"at": int(time.time()), "outcome": "not_seen", "sentence": _sentence(error)}, as_json=as_json
            )
            if every is None or time.monotonic() - seen_at > BLIND_SECONDS:
                return NOTHING_SEEN
        else:
            _say(described(seen), as_json=as_json)
            if seen.differences:
                return 1
            seen_at = time.monotonic()
        if every is None:
            return 0
        await asyncio.sleep(every)


async def _look(wish: Wish, state: Path, pauses: Sequence[float]) -> Look:
    """Look, and remember the log if it is what it was, or longer."""
    from dataclasses import replace

    from idp.cli.served_keys import look_twice

    before = _remembered(state)
    seen = await look_twice(replace(wish, before=before), pauses)
    if seen.contradiction:  # the two notes together are the evidence
        _keep(state.with_name(f"{state.name}.contradiction"), seen.contradiction)
    elif seen.note and seen.note != before and not seen.differences:
        _keep(state, seen.note)
    return seen


def _may_pass(error: Exception) -> bool:
    """Whether service, database or hardware module are away, so that a later look may see them."""
    from idp.custody.published import NotShown
    from idp.store.outages import is_outage
    from keys.jose import SignerUnavailable

    return isinstance(error, (NotShown, SignerUnavailable)) or is_outage(error)


def _sentence(error: Exception) -> str:
    from idp.cli.main import explain

    return explain(error) or str(error)


def _remembered(state: Path) -> str:
    try:
        return state.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except ValueError as error:
        raise click.ClickException(f"{state} does not hold a checkpoint.") from error


def _keep(file: Path, note: str) -> None:
    """Keep a note, whole or not at all."""
    written = file.with_name(f"{file.name}.{os.getpid()}")
    written.write_text(note, "utf-8")
    written.replace(file)


def _say(record: dict[str, object], *, as_json: bool) -> None:
    """One line a look, at once: whoever reads it reads a pipe."""
    if as_json:
        click.echo(orjson.dumps(record).decode())
        return
    at, differences = record["at"], record.get("differences")
    told = record.get("sentence") or f"{record.get('size')} entries in the key log"
    if isinstance(differences, list) and differences:
        told = " ".join(differences)
    click.echo(f"{instant(at if isinstance(at, int) else None)}  {record['outcome']}: {told}")
