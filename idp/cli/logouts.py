"""`motcua logouts`: what portals were told of ended sessions, and what they were not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from idp.cli.output import instant, json_option, say_json, say_table
from idp.cli.runtime import open_provider, open_runtime, operator, settings_of_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from idp.store.database import Row

_FIELDS = (
    "client_id", "session_id", "state", "attempts", "last_error", "created_at", "next_attempt_at", "delivered_at",
)  # fmt: skip
_client = click.option(
    "--client", "client_id", metavar="CLIENT_ID", default="", help="Of this portal only; by default of all."
)


@click.group()
def logouts() -> None:
    """Show what portals were told of ended sessions (back-channel logout), and try again what failed.

    A portal that does not accept is tried for about a day, later and later; then its row is `failed`, with the reason.
    """


@logouts.command("list")
@click.option("--failed", "state", flag_value="failed", default="", help="Only what was given up.")
@click.option("--waiting", "state", flag_value="waiting", help="Only what is still to be told.")
@_client
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most so many."
)
@json_option
def list_logouts(state: str, client_id: str, limit: int, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """List the latest, newest first."""
    rows = asyncio.run(_page(state, client_id, limit))
    if as_json:
        say_json([{name: row[name] for name in _FIELDS} for row in rows])
    elif not rows:
        click.echo("None.")
    else:
        say_table(
            ("PORTAL", "SESSION", "STATE", "ATTEMPTS", "LAST ERROR", "SESSION ENDED", "NEXT ATTEMPT"),
            [_line(row) for row in rows],
        )


def _line(row: Row) -> tuple[str, ...]:
    return (
        row["client_id"],
        row["session_id"],
        row["state"],
        str(row["attempts"]),
        row["last_error"] or "-",
        instant(row["created_at"]),
        instant(row["next_attempt_at"] if row["state"] == "waiting" else None),
    )


@logouts.command()
@_client
@json_option
def retry(client_id: str, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """Tell again what was given up: every attempt begins anew, at once."""
    count = asyncio.run(_retry(client_id))
    if as_json:
        say_json({"retried": count})
    else:
        click.echo(f"{count} will be told again." if count else "Nothing had been given up.")


async def _page(state: str, client_id: str, most: int) -> Sequence[Row]:
    from idp.store import logout_outbox

    async with open_provider(settings_of_environment(), read_only=True) as db:
        return await logout_outbox.page(db, state=state, client_id=client_id, most=most)


async def _retry(client_id: str) -> int:
    from idp.audit.events import Kind, record
    from idp.store import logout_outbox
    from idp.store.database import NothingChanged

    async with open_runtime(settings_of_environment(), registers=False) as context:
        count = await logout_outbox.count_failed(context.db, client_id)
        event = record(
            context, Kind.LOGOUTS_RETRIED, client_id=client_id or None, operator=operator(), count=count
        )
        try:
            await context.db.write(logout_outbox.retry(client_id, context.now), event)
        except NothingChanged:
            return 0
    return count
