"""`motcua keys readiness`: who would be surprised if a pending key started to sign."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import click

from idp.cli.output import instant, json_option, say_json, say_table
from idp.cli.runtime import open_provider, settings_of_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from idp.oidc.rotation_evidence import Stale
    from idp.oidc.rotation_readiness import Portal, Readiness, Stranger

MOST_STRANGERS: Final = 20
"""Lines about unknown fetchers in the table for people; `--json` has them all."""

WORDS: Final = {
    "id_token_hint": "showed an ID token of an old key",
    "access_token": "showed an access token of an old key at UserInfo",
    "introspection": "asked about an access token of an old key",
    "key_set": "still had an old key set when it asked for the new one",
}


@click.command("readiness")
@json_option
def readiness(as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Show for each pending key which portals have fetched it, and who still lives with old keys.

    A portal is recognised when it signs its fetch (client_assertion in the query of the key set's address) or fetches
    from an address in its key_set_addresses. Counted are portals that rely on the key and were used in 30 days; of a
    portal with several servers it is enough that one has fetched.
    """
    found, stale = asyncio.run(_look())
    if as_json:
        say_json(
            {"keys": [_described(one) for one in found], "stale": [_described_stale(one) for one in stale]}
        )
        return
    _say_keys(found)
    for one in found:
        if one.portals or one.unused:
            _say_portals(one)
    if found:
        _say_strangers(found[-1].strangers)
    _say_stale(stale)


async def _look() -> tuple[list[Readiness], list[Stale]]:
    from idp.custody.hardware import read_kek, token_of
    from idp.oidc.rotation_evidence import find_stale, gather
    from idp.oidc.rotation_readiness import assess
    from keys.ground import load_ground

    settings = settings_of_environment()
    kek = read_kek(settings, token_of(settings))
    async with open_provider(settings, read_only=True) as db:
        history = (await load_ground(db, kek, settings.issuer)).history
        return assess(history, await gather(db, int(time.time()))), await find_stale(db, history)


def _described(one: Readiness) -> dict[str, object]:
    return {
        "kid": one.key.kid,
        "purpose": one.key.purpose,
        "algorithm": one.key.alg,
        "published_at": one.key.published_at,
        "earliest_at": one.earliest_at,
        "planned_at": one.planned_at,
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
        "state": None if one.state is None else one.state.value,
        "last_at": one.last_at,
        "uses": one.uses,
    }


def _say_keys(found: Sequence[Readiness]) -> None:
    if not found:
        click.echo("No key is pending.\n")
        return
    say_table(
        ("PENDING KEY", "PURPOSE", "ALGORITHM", "PUBLISHED", "MAY SIGN", "WILL SIGN", "VERDICT"),
        [
            (
                one.key.kid,
                one.key.purpose,
                one.key.alg,
                instant(one.key.published_at),
                instant(one.earliest_at),
                instant(one.planned_at),
                one.verdict,
            )
            for one in found
        ],
    )
    click.echo()


def _say_portals(one: Readiness) -> None:
    """Those that lack the key stand first."""
    click.echo(f"Portals that rely on {one.key.kid} ({one.key.purpose}, {one.key.alg}):")
    missing = {portal.client_id for portal in one.missing}
    rows = sorted(one.portals, key=lambda portal: (portal.client_id not in missing, portal.client_id))
    if rows:
        say_table(
            ("  PORTAL", "NAME", "KEY", "LAST FETCH", ""),
            [_row(portal, lacks=portal.client_id in missing) for portal in rows],
        )
    if one.unused:
        click.echo(f"  Not counted, not used in 30 days: {', '.join(one.client_id for one in one.unused)}")
    click.echo()


def _row(portal: Portal, *, lacks: bool) -> tuple[str, ...]:
    advice = "register its key_set_addresses, or its jwks to sign with"
    return (
        f"  {portal.client_id}",
        portal.name,
        portal.standing.value,
        instant(portal.last_at),
        advice if lacks and not portal.recognisable else "",
    )


def _say_strangers(strangers: Sequence[Stranger]) -> None:
    """Of the key published last: who has that one has the others too."""
    if not strangers:
        return
    click.echo("Others who fetched the newest key set; they cannot be told apart:")
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
            for row in strangers[:MOST_STRANGERS]
        ],
    )
    if len(strangers) > MOST_STRANGERS:
        click.echo(f"  ... and {len(strangers) - MOST_STRANGERS} more; --json has them all")
    click.echo()


def _say_stale(stale: Sequence[Stale]) -> None:
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
                "-" if one.state is None else one.state.value,
                str(one.uses),
                instant(one.last_at),
            )
            for one in stale
        ],
    )
    if any(one.state is not None and one.state.value == "retiring" for one in stale):
        click.echo(
            "  A key that is retiring is shown as long as its last tokens live: that is as it should be."
        )
