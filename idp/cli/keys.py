"""`motcua keys`: the signing keys and secrets of an installation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import click

from idp.settings import Settings

_P = ParamSpec("_P")

_database_option = click.option(
    "--database-url",
    envvar="IDP_DATABASE_URL",
    default=Settings().database_url,
    show_default=True,
    show_envvar=True,
    help="The provider's database.",
)
_kek_option = click.option(
    "--kek-file",
    envvar="IDP_KEK_FILE",
    default=Settings().kek_file,
    show_default=True,
    show_envvar=True,
    type=click.Path(path_type=Path),
    help="The file with the key-encryption key.",
)


def _said_plainly(command: Callable[_P, Coroutine[Any, Any, None]]) -> Callable[_P, None]:
    """Run an async command; what an operator can mend is told in one sentence, without a traceback."""

    @wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        from idp.store.database import DatabaseError
        from keys.seal import InvalidKeyEncryptionKey, SealBroken

        try:
            asyncio.run(command(*args, **kwargs))
        except (DatabaseError, InvalidKeyEncryptionKey, SealBroken) as error:
            raise click.ClickException(str(error)) from error

    return run


@click.group(name="keys")
def keys_group() -> None:
    """Signing keys and secrets."""


@keys_group.command("create-kek")
@click.argument("file", type=click.Path(path_type=Path))
@_said_plainly
async def create_kek(file: Path) -> None:
    """Create the key-encryption key in a new FILE that only you may read.

    Every other key is sealed under it: keep a copy where the database's backups are not.
    """
    from keys.seal import create_kek_file

    kek = create_kek_file(file)
    click.echo(
        f"Created key-encryption key {kek.id.hex()} in {file}. Keep a copy apart from the database's backups."
    )


@keys_group.command("generate")
@_database_option
@_kek_option
@_said_plainly
async def generate(database_url: str, kek_file: Path) -> None:
    """Make the signing keys and secrets that are missing; what is there stays as it is."""
    from idp.store.database import open_database
    from keys.lifecycle import establish
    from keys.seal import KeyEncryptionKey

    kek = KeyEncryptionKey.read_file(kek_file)
    db = await open_database(database_url)
    try:
        made = await establish(db, kek, int(time.time()))
    finally:
        await db.close()
    for kid in made.kids:
        click.echo(f"key    {kid}")
    for purpose in made.secrets:
        click.echo(f"secret {purpose}")
    if not made.kids and not made.secrets:
        click.echo("Nothing was missing.")


def _instant(at: int | None) -> str:
    return "-" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@keys_group.command("list")
@_database_option
@_said_plainly
async def list_keys(database_url: str) -> None:
    """List the signing keys with their state and the moment since when they sign (UTC)."""
    from idp.store.database import open_database
    from keys.store import find_keys

    db = await open_database(database_url, read_only=True)
    try:
        found = await find_keys(db)
    finally:
        await db.close()
    for key in found:
        click.echo(
            f"{key.kid}  {key.purpose:<14}{key.algorithm:<8}{key.state:<10}{_instant(key.activated_at)}"
        )
