"""`motcua keys`: the signing keys and secrets of an installation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from idp.cli.keys_ceremony import ceremony, officer, sign
from idp.cli.keys_readiness import readiness
from idp.cli.output import instant, json_option, say_json, say_table
from idp.cli.runtime import open_provider, settings_of_environment

if TYPE_CHECKING:
    from keys.store import StoredKey


@click.group(name="keys")
def keys_group() -> None:
    """Signing keys and secrets."""


for command in (officer, sign, ceremony, readiness):
    keys_group.add_command(command)


@keys_group.command("create-kek")
@click.argument("file", type=click.Path(path_type=Path))
def create_kek(file: Path) -> None:
    """Create the key-encryption key in a new FILE that only you may read; its folder too, where it is missing.

    Every other key is sealed under it: keep a copy where the database's backups are not.
    """
    from keys.seal import create_kek_file

    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kek = create_kek_file(file)
    click.echo(
        f"Created key-encryption key {kek.id.hex()} in {file}. Keep a copy apart from the database's backups."
    )


@keys_group.command("list")
@json_option
def list_keys(as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """List the signing keys with their state and the moment since when they sign (UTC)."""
    found = asyncio.run(_find())
    if as_json:
        say_json([_described(key) for key in found])
        return
    say_table(
        ("KEY", "PURPOSE", "ALGORITHM", "STATE", "SIGNS SINCE"),
        [(key.kid, key.purpose, key.algorithm, key.state, instant(key.activated_at)) for key in found],
    )


def _described(key: StoredKey) -> dict[str, object]:
    return {
        "kid": key.kid,
        "purpose": key.purpose.value,
        "algorithm": key.algorithm,
        "state": key.state.value,
        "activated_at": key.activated_at,
    }


async def _find() -> list[StoredKey]:
    from keys.store import find_keys

    async with open_provider(settings_of_environment(), read_only=True) as db:
        return list(await find_keys(db))
