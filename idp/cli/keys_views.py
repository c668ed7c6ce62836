"""`motcua keys list` and `show`: what the key log and the database say of keys."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import click

from idp.cli.identifiers import IdentifierCommand
from idp.cli.output import instant, json_option, say_json, say_table
from idp.cli.runtime import open_provider, settings_of_environment

if TYPE_CHECKING:
    from idp.custody.key_life import KeyEvent, NextStep
    from idp.store.database import Database
    from idp.store.incidents import Incident
    from keys.ground import Ground
    from keys.history import KeyRecord

_NEXT = {
    "published": "published",
    "activated": "signs from",
    "retiring": "signs until",
    "retired": "leaves the key set",
}


async def proven(db: Database) -> Ground:
    """Keys and key log of the installation of the settings, proven."""
    from idp.custody.hardware import read_kek, token_of
    from keys.ground import load_ground

    settings = settings_of_environment()
    return await load_ground(db, read_kek(settings, token_of(settings)), settings.issuer)


async def _ground() -> Ground:
    async with open_provider(settings_of_environment(), read_only=True) as db:
        return await proven(db)


def tell_refused(ground: Ground) -> None:
    """Say which rows of the database the key log does not vouch for: on standard error, whatever is asked."""
    for sentence in ground.refused:
        click.echo(f"Refused: {sentence}", err=True)


@click.command("list")
@json_option
def list_keys(as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """List every key with its state, and what rotation does next with it (times in UTC).

    pending: published so that portals fetch it, signs nothing yet. active: signs. retiring: signs no more, still
    published. retired: no longer published. revoked: nothing that it signed is believed.
    """
    ground = asyncio.run(_ground())
    tell_refused(ground)
    now = int(time.time())
    keys = _sorted(ground)
    if as_json:
        say_json({"keys": [_described(key, ground, now) for key in keys], "refused": list(ground.refused)})
        return
    if not keys:
        click.echo("There are no keys yet: they are made in a first ceremony, `motcua keys ceremony --help`.")
        return
    say_table(
        ("KEY", "PURPOSE", "ALGORITHM", "STATE", "BACKEND", "PUBLISHED", "SIGNS SINCE", "NEXT"),
        [_row(key, ground, now) for key in keys],
    )
    rotation = ground.history.rotation
    click.echo(
        "\nRotation is not approved."
        if rotation is None
        else f"\nRotation is approved until {instant(rotation.until)}."
    )


def _sorted(ground: Ground) -> list[KeyRecord]:
    """By purpose and algorithm, then from the one that signs to the oldest."""
    from keys.policy import State

    order = {state: number for number, state in enumerate((State.ACTIVE, State.PENDING, State.RETIRING))}
    return sorted(
        ground.history.keys.values(),
        key=lambda key: (key.kind, order.get(key.state, len(order)), -key.generated_at, key.kid),
    )


def _next(key: KeyRecord, ground: Ground, now: int) -> NextStep | None:
    from idp.custody.key_life import next_step

    return next_step(ground.history, key, now)


def _row(key: KeyRecord, ground: Ground, now: int) -> tuple[str, ...]:
    following = _next(key, ground, now)
    return (
        key.kid,
        key.purpose,
        key.alg,
        key.state.value,
        key.backend,
        instant(key.published_at),
        instant(key.activated_at),
        "-" if following is None else f"{_NEXT[following.event]} {instant(following.at)}",
    )


def _described(key: KeyRecord, ground: Ground, now: int) -> dict[str, object]:
    following = _next(key, ground, now)
    return {
        "kid": key.kid,
        "purpose": key.purpose,
        "algorithm": key.alg,
        "state": key.state.value,
        "backend": key.backend,
        "generated_at": key.generated_at,
        "published_at": key.published_at,
        "activated_at": key.activated_at,
        "retiring_at": key.retiring_at,
        "retired_at": key.retired_at,
        "revoked_at": key.revoked_at,
        "next": None if following is None else {"event": following.event, "at": following.at},
    }


@click.command("show", cls=IdentifierCommand)
@click.argument("kid", metavar="KID")
@json_option
def show(kid: str, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Show all of the key KID: its public half, and every event in its life with the officers who approved it.

    Of a revoked key also how many grants have ended with it so far.
    """
    from idp.custody.key_life import events_of

    ground, incident = asyncio.run(_ground_and_incident(kid))
    tell_refused(ground)
    key = ground.history.keys.get(kid)
    if key is None:
        raise click.ClickException(f"There is no key {kid}.")
    events = events_of(ground, kid)
    if as_json:
        described = _described(key, ground, int(time.time()))
        told = [_described_event(one) for one in events]
        say_json(
            {**described, "jwk": dict(key.jwk), "events": told, "incident": _described_incident(incident)}
        )
        return
    following = _next(key, ground, int(time.time()))
    _say_key(key, events, "-" if following is None else f"{_NEXT[following.event]} {instant(following.at)}")
    if incident is not None:
        state = f"finished {instant(incident.finished_at)}" if incident.finished_at else "not finished yet"
        click.echo(f"\nGrants that ended with it: {incident.grants_revoked}; {state}")


async def _ground_and_incident(kid: str) -> tuple[Ground, Incident | None]:
    from idp.store.incidents import find

    async with open_provider(settings_of_environment(), read_only=True) as db:
        return await proven(db), await find(db, kid)


def _described_incident(incident: Incident | None) -> dict[str, object] | None:
    if incident is None:
        return None
    return {
        "since": incident.from_at,
        "until": incident.until_at,
        "grants_ended": incident.grants_revoked,
        "finished_at": incident.finished_at,
    }


def _say_key(key: KeyRecord, events: list[KeyEvent], following: str) -> None:
    from idp.custody.review import describe
    from keys.ceremony import fingerprint
    from keys.documents import canonical

    click.echo(f"Key {key.kid}")
    click.echo(f"  {describe(key)}")
    click.echo(f"  {canonical(key.jwk).decode()}")
    click.echo(f"  SHA-256 of that line: {fingerprint(key.jwk)}")
    click.echo(f"  next: {following}")
    for event in events:
        note = f": {event.note}" if event.note else ""
        click.echo(f"\n{instant(event.at)}  {event.event}{note}")
        click.echo(f"  entry {event.position} of the key log, by change {event.change_id}")
        click.echo(f"  approved by {', '.join(event.officers)}")
        if event.certificate:
            click.echo(f"  certified by the hardware module: {event.certificate}")


def _described_event(event: KeyEvent) -> dict[str, object]:
    return {
        "event": event.event,
        "at": event.at,
        "position": event.position,
        "change": event.change_id,
        "officers": list(event.officers),
        "note": event.note or None,
        "certificate": event.certificate or None,
    }
