"""`motcua keys verify`: whether key log, database, hardware module and running service say the same of the keys."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from idp.cli.output import json_option, say_json

if TYPE_CHECKING:
    from idp.cli.served_keys import Look

url_option = click.option(
    "--url", metavar="URL", help="Where the running service is asked; by default its issuer, if that answers."
)
key_option = click.option(
    "--key",
    "verifier_key",
    metavar="VKEY",
    help="The log's verifier key, as it was handed over: look at the service at --url alone, without database.",
)


@click.command("verify")
@url_option
@key_option
@click.option("--offline", is_flag=True, help="Leave the running service out.")
@click.option(
    "--at-once", is_flag=True, help="Do not look again, after 2 and 8 seconds, where something differs."
)
@json_option
def verify(*, url: str | None, verifier_key: str | None, offline: bool, at_once: bool, as_json: bool) -> None:
    """Compare what tells of the keys, and exit 1 on any difference.

    Compared are the key log, with the signatures of the officers under each change, the rows of the database, the keys
    in the hardware module, and what the running service shows: checkpoint, entries, tiles and key set. It prints the
    verifier key, which portals and monitors pin.
    """
    from idp.cli.served_keys import PAUSES, Wish, check_url, look_twice, read_pinned

    if offline and url is not None:
        raise click.UsageError("--offline leaves out what --url asks for.")
    asked = check_url(url)
    wish = Wish(None if offline else asked or "", read_pinned(verifier_key, asked))
    seen = asyncio.run(look_twice(wish, () if at_once else PAUSES))
    if as_json:
        say_json(described(seen))
    else:
        _say(seen)
    if seen.differences:
        raise SystemExit(1)


def described(seen: Look) -> dict[str, object]:
    """A look as JSON."""
    return {
        "at": seen.at,
        "outcome": "differs" if seen.differences else "agrees",
        "verifier_key": None if seen.verifier is None else seen.verifier.verifier_key,
        "size": None if seen.checkpoint is None else seen.checkpoint.size,
        "root": None if seen.checkpoint is None else seen.checkpoint.root.hex(),
        "checkpoint": seen.note,
        "compared": list(seen.compared),
        "left_out": list(seen.left_out),
        "differences": list(seen.differences),
    }


def _say(seen: Look) -> None:
    if seen.verifier is not None:
        click.echo(f"Verifier key of the log, to be pinned: {seen.verifier.verifier_key}")
    if seen.checkpoint is not None:
        click.echo(f"Checkpoint: {seen.checkpoint.size} entries, root {seen.checkpoint.root.hex()}")
    for sentence in seen.left_out:
        click.echo(f"NOTE  {sentence}")
    for sentence in seen.differences:
        click.echo(f"FAIL  {sentence}")
    if not seen.differences:
        click.echo(f"OK    Nothing differs: {', '.join(seen.compared)}.")
