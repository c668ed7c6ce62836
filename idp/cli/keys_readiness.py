"""`motcua keys readiness`: who would be surprised if a pending key started to sign."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from idp.cli.output import instant, json_option, say_json, say_table
from idp.cli.runtime import open_provider, settings_of_environment

if TYPE_CHECKING:
    from idp.oidc.client import Client
    from idp.oidc.rotation_readiness import Fetched, Key, Portal, Readiness, Stranger
    from idp.store.database import Database

MOST_STRANGERS: Final = 20
"""Lines about unknown fetchers in the table for people; `--json` has them all."""

WORDS: Final = {
    "id_token_hint": "showed an ID token of an old key",
    "access_token": "showed an access token of an old key at UserInfo",
    "introspection": "asked about an access token of an old key",
    "key_set": "still had an old key set when it asked for the new one",
}


@dataclass(frozen=True, slots=True)
class Stale:
    """A sign that a client lives with old keys. `state` is that of the key now, empty for an old set."""

    client_id: str
    kind: str
    shown: str
    state: str
    last_at: int
    uses: int


@click.command("readiness")
@json_option
def readiness(as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Show for each pending key which portals have fetched it, and who still lives with old keys.

    A portal is recognised when it signs its fetch (client_assertion in the query of the key set's address) or fetches
    from an address in its key_set_addresses. Counted are portals that rely on the key and were used in 30 days.
    """
    found, stale = asyncio.run(_look())
    if as_json:
        say_json(
            {"keys": [_described(one) for one in found], "stale": [_described_stale(one) for one in stale]}
        )
        return
    if not found:
        click.echo("No key is pending.")
    for one in found:
        _say_key(one)
    _say_stale(stale)


async def _look() -> tuple[list[Readiness], list[Stale]]:
    from idp.oidc.rotation_readiness import Evidence, assess
    from idp.store import readiness as store

    async with open_provider(settings_of_environment(), read_only=True) as db:
        keys = await _keys(db)
        evidence = Evidence(
            await _clients(db), await _fetches(db), await store.find_activity(db), int(time.time())
        )
        found = assess(keys, evidence)
        states = {key.kid: key.state.value for key in keys}
        stale = [
            Stale(
                row["client_id"],
                row["kind"],
                row["shown"],
                states.get(row["shown"], ""),
                row["last_at"],
                row["uses"],
            )
            for row in await store.find_stale_uses(db)
        ]
    return found, stale


async def _keys(db: Database) -> list[Key]:
    from idp.oidc.rotation_readiness import Key
    from idp.store import readiness as store
    from keys.policy import Purpose, State

    known = set(Purpose)  # a newer program beside this one may know more
    return [
        Key(row["kid"], Purpose(row["purpose"]), row["algorithm"], State(row["state"]), row["published_at"])
        for row in await store.find_keys(db)
        if row["purpose"] in known
    ]


async def _clients(db: Database) -> list[Client]:
    from idp.oidc.client_cache import client_of
    from idp.store import clients

    found: list[Client] = []
    after = ""
    while rows := await clients.page(db, after=after):
        found += [client_of(row) for row in rows]
        after = rows[-1]["client_id"]
    return found


async def _fetches(db: Database) -> list[Fetched]:
    from idp.oidc.rotation_readiness import Fetched
    from idp.store import readiness as store

    sets = {row["etag"]: frozenset(row["kids"].split()) for row in await store.find_sets(db)}
    return [
        Fetched(
            client_id=row["client_id"],
            agent=row["agent"],
            network=row["network"],
            kids=sets.get(row["etag"], frozenset()),
            last_at=row["last_at"],
            count=row["fetches"],
            bad_assertions=row["bad_assertions"],
        )
        for row in await store.find_fetches(db)
    ]


def _described(one: Readiness) -> dict[str, object]:
    return {
        "kid": one.key.kid,
        "purpose": one.key.purpose.value,
        "algorithm": one.key.algorithm,
        "published_at": one.key.published_at,
        "activates_at": one.activates_at,
        "ready": one.ready,
        "verdict": one.verdict,
        "portals": [_described_portal(portal) for portal in one.portals],
        "unused": [_described_portal(portal) for portal in one.unused],
        "unknown": [_described_stranger(stranger) for stranger in one.strangers],
    }


def _described_portal(portal: Portal) -> dict[str, object]:
    return {
        "client_id": portal.client_id,
        "name": portal.name,
        "standing": portal.standing.value,
        "last_at": portal.last_at,
        "recognisable": portal.recognisable,
    }


def _described_stranger(stranger: Stranger) -> dict[str, object]:
    return {
        "agent": stranger.agent,
        "network": stranger.network,
        "last_at": stranger.last_at,
        "fetches": stranger.count,
        "bad_assertions": stranger.bad_assertions,
    }


def _described_stale(one: Stale) -> dict[str, object]:
    return {
        "client_id": one.client_id,
        "kind": one.kind,
        "shown": one.shown,
        "state": one.state or None,
        "last_at": one.last_at,
        "uses": one.uses,
    }


def _say_key(one: Readiness) -> None:
    click.echo(f"Key {one.key.kid} ({one.key.purpose.value}, {one.key.algorithm})")
    click.echo(f"  {one.verdict}")
    if one.key.published_at is not None:
        click.echo(
            f"  published {instant(one.key.published_at)}, signs at the earliest {instant(one.activates_at)}"
        )
    if one.portals:
        click.echo()
        rows = sorted(one.portals, key=lambda portal: (portal.standing.value == "has it", portal.client_id))
        say_table(
            ("  PORTAL", "NAME", "KEY", "LAST FETCH", ""),
            [
                (f"  {row.client_id}", row.name, row.standing.value, instant(row.last_at), _advice(row))
                for row in rows
            ],
        )
    if one.unused:
        click.echo(f"\n  Not counted, not used in 30 days: {', '.join(one.client_id for one in one.unused)}")
    _say_strangers(one)
    click.echo()


def _advice(portal: Portal) -> str:
    if portal.standing.value == "has it" or portal.recognisable:
        return ""
    return "register its key_set_addresses, or its jwks to sign with"


def _say_strangers(one: Readiness) -> None:
    if not one.strangers:
        return
    click.echo("\n  Fetched by others, who cannot be told apart:")
    say_table(
        ("  PROGRAM", "NETWORK", "FETCHES", "BAD SIGNATURES", "LAST FETCH"),
        [
            (
                f"  {row.agent}",
                row.network or "-",
                str(row.count),
                str(row.bad_assertions),
                instant(row.last_at),
            )
            for row in one.strangers[:MOST_STRANGERS]
        ],
    )
    if len(one.strangers) > MOST_STRANGERS:
        click.echo(f"  ... and {len(one.strangers) - MOST_STRANGERS} more; --json has them all")


def _say_stale(stale: list[Stale]) -> None:
    if not stale:
        click.echo("No client has lately shown an old key.")
        return
    click.echo("Old keys lately shown:")
    say_table(
        ("  CLIENT", "WHAT", "KEY OR SET", "STATE", "TIMES", "LAST"),
        [
            (
                f"  {one.client_id}",
                WORDS[one.kind],
                one.shown,
                one.state or "-",
                str(one.uses),
                instant(one.last_at),
            )
            for one in stale
        ],
    )
