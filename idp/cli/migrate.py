"""`motcua migrate`."""

from __future__ import annotations

import asyncio

import click


@click.command()
@click.option("--check", "only_check", is_flag=True, help="Only say whether it is needed; exit 1 if so.")
def migrate(only_check: bool) -> None:  # noqa: FBT001 - click passes a flag by name
    """Bring the database (IDP_DATABASE_URL) to the schema of this release.

    Safe to repeat, and to run before the new release serves. Take a backup first.
    """
    asyncio.run(_migrate(only_check=only_check))


async def _migrate(*, only_check: bool) -> None:
    from idp.cli.runtime import settings_of_environment
    from idp.store.database import open_database
    from idp.store.migrate import HEAD, upgrade, version

    settings = settings_of_environment()
    if not only_check:
        await upgrade(settings.database_url)
    db = await open_database(settings.database_url, pool_size=1, read_only=only_check)
    try:
        found = await version(db)
    finally:
        await db.close()
    if found != HEAD:
        raise click.ClickException(
            f"The database is at {found or 'no schema'}, this release needs {HEAD}: run `motcua migrate`."
        )
    click.echo(f"The database is at {HEAD}, the schema of this release.")
