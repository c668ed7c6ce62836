"""`motcua keys rewrap`: another key-encryption key, while everything runs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from idp.cli.output import json_option, say_json
from idp.cli.runtime import open_runtime, operator, settings_of_environment

if TYPE_CHECKING:
    from idp.custody.rewrap import Rewrapping

SETTLE_SECONDS: Final = 1
"""Whoever read the file just before the new key stood there has read the database too by then."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: how many values were sealed anew, and whether former keys still stand in the file."""

    kek: str
    resealed: int
    former: bool


@click.command("rewrap")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--prepare", is_flag=True,
    help="Only let this machine open what the new key will seal: first on every machine, where there are several.",
)  # fmt: skip
@json_option
def rewrap(file: Path, prepare: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    r"""Seal everything under the new key-encryption key in FILE, and put it into IDP_KEK_FILE; nothing stops.

    \b
      motcua keys create-kek new-kek
      motcua keys rewrap new-kek

    If it is broken off, give the same command again. On several machines: first `--prepare` on each of them, then
    the command itself on each of them. FILE is then the copy to be kept apart from the database's backups.
    """
    done = asyncio.run(_rewrap(file, prepare_only=prepare))
    if as_json:
        say_json({"kek": done.kek, "resealed": done.resealed, "former_in_file": done.former})
    elif prepare:
        click.echo(f"This machine opens what key-encryption key {done.kek} seals; nothing was sealed anew.")
    else:
        click.echo(f"{done.resealed} values were sealed anew, all are under key-encryption key {done.kek}.")
        click.echo("Keep the former key as long as backups of the database from before.")


async def _rewrap(file: Path, *, prepare_only: bool) -> Done:
    from idp.custody.hardware import token_of, unwrap_with
    from idp.custody.rewrap import Rewrapping, alone, offer

    settings = settings_of_environment()
    with alone(settings.kek_file):
        rewrapping = Rewrapping.read(settings.kek_file, file, unwrap_with(token_of(settings)))
        if prepare_only:
            offer(rewrapping)
            return Done(rewrapping.new.id.hex(), 0, former=True)
        return await _all_steps(rewrapping)


async def _all_steps(rewrapping: Rewrapping) -> Done:
    from idp.custody.rewrap import forget, offer, seal_anew

    if offer(rewrapping):
        await asyncio.sleep(SETTLE_SECONDS)
    async with open_runtime(settings_of_environment(), registers=False) as context:
        count = await seal_anew(rewrapping, context, operator())
        await forget(rewrapping, context.db)
    return Done(rewrapping.new.id.hex(), count, former=False)
