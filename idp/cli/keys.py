"""`motcua keys`: the signing keys and secrets of an installation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from idp.cli.keys_readiness import readiness
from idp.cli.output import instant, json_option, say_json, say_table
from idp.cli.runtime import open_provider, open_runtime, operator, settings_of_environment

if TYPE_CHECKING:
    from idp.context import Context
    from keys.lifecycle import Made
    from keys.store import StoredKey

_TRIES: Final = 5


@click.group(name="keys")
def keys_group() -> None:
    """Signing keys and secrets."""


keys_group.add_command(readiness)


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


@keys_group.command("generate")
@json_option
def generate(as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Make the signing keys and secrets that are missing; what is there stays as it is."""
    made = asyncio.run(_generate())
    if as_json:
        say_json({"keys": list(made.kids), "secrets": list(made.secrets)})
        return
    for kid in made.kids:
        click.echo(f"key    {kid}")
    for purpose in made.secrets:
        click.echo(f"secret {purpose}")
    if not made.kids and not made.secrets:
        click.echo("Nothing was missing.")


async def _generate() -> Made:
    from idp.store.database import NothingChanged

    settings = settings_of_environment()
    async with open_runtime(settings, registers=False) as context:
        for _ in range(_TRIES):
            try:
                return await _make_and_keep(context, settings.kek_file)
            except NothingChanged:  # another process was first: what it kept is no longer missing
                continue
    raise click.ClickException("Other processes keep making keys at the same time: try again.")


async def _make_and_keep(context: Context, kek_file: Path) -> Made:
    """Keep what was missing, its audit event, and what has running workers load it, in one write."""
    from idp.audit.events import Kind, record
    from idp.store import versions
    from idp.store.database import required
    from keys.lifecycle import make_missing
    from keys.seal import KeyEncryptionKey

    made = await make_missing(context.db, KeyEncryptionKey.read_file(kek_file), context.now)
    if made.kept:
        await context.db.write(
            *(required(statement.query, **statement.values) for statement in made.kept),
            versions.changed(versions.KEYS),
            record(
                context,
                Kind.KEYS_GENERATED,
                operator=operator(),
                kids=list(made.kids),
                secrets=[purpose.value for purpose in made.secrets],
            ),
        )
    return made


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
