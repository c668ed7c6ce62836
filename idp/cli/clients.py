"""`motcua clients`: who may ask us for logins and tokens."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from idp.cli.output import instant, json_option, say_json, say_table
from idp.cli.runtime import open_provider, open_runtime, operator, settings_of_environment

if TYPE_CHECKING:
    from idp.context import Context
    from idp.oidc.client import Client
    from idp.oidc.registered_documents import Documents
    from idp.settings import Settings
    from idp.store.database import Row, Step


@click.group()
def clients() -> None:
    """Register portals and other clients.

    A client is described by a JSON object of registered metadata (RFC 7591), for example

    \b
      {"client_id": "portal", "client_name": "Cổng dịch vụ công", "owner": "Bộ Tư pháp",
       "sector": "bo-tu-phap", "redirect_uris": ["https://portal.example.vn/callback"],
       "scope": "openid profile", "purpose": "Điền sẵn tờ khai"}
    """  # noqa: D301 - click's mark for lines to be kept


@clients.command()
@click.argument("file", metavar="FILE|-")
@click.option("--replace", is_flag=True, help="Put the new description in the place of a registered one.")
@json_option
def add(file: str, replace: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Register the client described in FILE; `-` reads standard input.

    A client that authenticates by a secret gets a new one, which is shown once and not kept. With --replace a secret
    stays as it is. Registering the same description again changes nothing.

    What stands at sector_identifier_uri must list every redirect URI. A logo is fetched and kept; when that fails, or
    no keys are at jwks_uri yet, or a client in may_act could not act, you are told, and the client is registered all
    the same.
    """
    metadata = _read_metadata(file)
    outcome, secret, notes = asyncio.run(_add(metadata, replace=replace))
    _tell(str(metadata.get("client_id")), outcome, secret, notes, as_json=as_json)


@clients.command("list")
@json_option
def list_clients(as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """List the registered clients."""
    rows = asyncio.run(_all())
    if as_json:
        say_json([_described(row) for row in rows])
        return
    described = [_described(row) for row in rows]
    say_table(
        ("CLIENT", "NAME", "SECTOR", "PROFILE", "SINCE", "STATE"),
        [
            (
                one["client_id"],
                one.get("client_name") or one.get("client_name#vi", ""),
                one.get("sector", ""),
                one["profile"],
                instant(one["created_at"]),
                _state(one, int(time.time())),
            )
            for one in described
        ],
    )


@clients.command()
@click.argument("client_id")
@json_option
def show(client_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Show the metadata of one client."""
    described = _described(asyncio.run(_one(client_id)))
    if as_json:
        say_json(described)
        return
    times = {"created_at", "disabled_at"}
    say_table(
        ("FIELD", "VALUE"),
        [(name, instant(value) if name in times else _plain(value)) for name, value in described.items()],
    )


@clients.command()
@click.argument("client_id")
def disable(client_id: str) -> None:
    """Give nothing to a client any more. It stays registered, and can be enabled again."""
    changed = asyncio.run(_switch(client_id, enabled=False))
    click.echo(f"{client_id} is disabled." if changed else f"{client_id} was disabled before.")


@clients.command()
@click.argument("client_id")
def enable(client_id: str) -> None:
    """Let a disabled client work again."""
    changed = asyncio.run(_switch(client_id, enabled=True))
    click.echo(f"{client_id} is enabled." if changed else f"{client_id} was enabled before.")


@clients.command("new-secret")
@click.argument("client_id")
@json_option
def new_secret(client_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Issue a new secret, shown once; the old one stops working."""
    secret = asyncio.run(_new_secret(client_id))
    _tell(client_id, "changed", secret, as_json=as_json)


@clients.command()
@click.argument("client_id")
def logo(client_id: str) -> None:
    """Fetch the logo of a client again, for it has changed or was not there."""
    asyncio.run(_fetch_logo(client_id))
    click.echo(f"The logo of {client_id} is shown as it is now.")


def _read_metadata(file: str) -> dict[str, Any]:
    raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    try:
        metadata = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise click.ClickException(f"{file} is not JSON: {error}.") from error
    if not isinstance(metadata, dict):
        raise click.ClickException(f"{file} does not hold one JSON object.")
    return metadata


def _tell(
    client_id: str, outcome: str, secret: str | None, notes: Sequence[str] = (), *, as_json: bool
) -> None:
    if as_json:
        answer: dict[str, object] = {"client_id": client_id, "outcome": outcome}
        answer |= {} if secret is None else {"client_secret": secret}
        say_json(answer | ({"notes": notes} if notes else {}))
        return
    click.echo(f"{client_id}: {outcome}.")
    if secret is not None:
        click.echo(f"Its secret, shown this once: {secret}")
    for note in notes:
        click.echo(note)


def _validated(metadata: dict[str, Any], now: int) -> Client:
    from idp.errors import InvalidClientMetadata, InvalidRedirectUri
    from idp.oidc.client_certificate import check_listened_to
    from idp.oidc.client_metadata import read_client
    from idp.oidc.client_profile import check_last_day

    try:
        client = read_client(metadata, now=now)
        check_last_day(client, now)
        check_listened_to(client, settings_of_environment())
    except (InvalidClientMetadata, InvalidRedirectUri) as error:
        raise click.ClickException(f"The client was not registered: {error.description}.") from error
    return client


def _fresh_secret() -> tuple[str, bytes]:
    """256 random bits and their SHA-256: so much chance needs no slow hash."""
    secret = secrets.token_urlsafe(32)
    return secret, hashlib.sha256(secret.encode()).digest()


async def _add(metadata: dict[str, Any], *, replace: bool) -> tuple[str, str | None, Sequence[str]]:
    from idp.oidc.may_act import notes_on_actors
    from idp.store import clients as stored

    client = _validated(metadata, int(time.time()))
    # Said also where it was left out: a client is not held to other rules because our default changes.
    document = orjson.dumps({**metadata, "profile": client.profile}, option=orjson.OPT_SORT_KEYS).decode()
    async with open_runtime(settings_of_environment(), registers=False) as context:
        _check_keys(context, client)
        await _check_name(context, client)
        row = await stored.find(context.db, client.client_id)
        if row is not None and row["metadata"] == document:
            return "unchanged", None, ()
        if row is not None and not replace:
            raise click.ClickException(
                f"{client.client_id} is registered with another description: change it with --replace."
            )
        found = await _look_at_documents(context.settings, client)
        notes = (*found.notes, *await notes_on_actors(context.db, client))
        if row is None:
            return "registered", await _register(context, client, document, found), notes
        secret = await _replace(context, client, document, row["secret_digest"], found)
        return "changed", secret, notes


async def _look_at_documents(settings: Settings, client: Client) -> Documents:
    from idp.errors import InvalidClientMetadata
    from idp.http.outbound import Outbound
    from idp.oidc.registered_documents import look_at_documents

    try:
        return await look_at_documents(Outbound(settings.outbound_networks).get, client)
    except InvalidClientMetadata as error:
        raise click.ClickException(f"The client was not registered: {error.description}.") from error


def _check_keys(context: Context, client: Client) -> None:
    from idp.oidc.registration.keys import missing_keys

    if missing := missing_keys(client, context.keyring):
        raise click.ClickException(
            f"The client was not registered: it wants {missing}; officers add it with `motcua keys rotation`."
        )


async def _check_name(context: Context, client: Client) -> None:
    from idp.errors import InvalidClientMetadata
    from idp.oidc.client_name import require_own_name

    try:
        await require_own_name(context.db, client)
    except InvalidClientMetadata as error:
        raise click.ClickException(f"The client was not registered: {error.description}.") from error


async def _register(context: Context, client: Client, document: str, found: Documents) -> str | None:
    from idp.audit.events import Kind
    from idp.oidc.logo import keep_logo
    from idp.store import clients as stored

    secret, digest = _fresh_secret() if client.needs_secret else (None, None)
    step = stored.add(client.client_id, document, secret_digest=digest, now=context.now)
    logo = keep_logo(client, found.logo, context.now)
    await _write(context, (step, logo), Kind.CLIENT_ADDED, client.client_id, "add")
    return secret


async def _replace(
    context: Context, client: Client, document: str, kept: bytes | None, found: Documents
) -> str | None:
    from idp.audit.events import Kind
    from idp.oidc.logo import keep_logo
    from idp.store import clients as stored

    secret, digest = (None, kept if client.needs_secret else None)
    if client.needs_secret and kept is None:
        secret, digest = _fresh_secret()
    step = stored.replace(client.client_id, document, secret_digest=digest)
    logo = keep_logo(client, found.logo, context.now)
    await _write(context, (step, logo), Kind.CLIENT_CHANGED, client.client_id, "replace")
    return secret


async def _write(context: Context, steps: Sequence[Step], kind: Any, client_id: str, act: str) -> None:
    """The change, its audit event and the call to every worker, in one transaction."""
    from idp.audit.events import record
    from idp.store import versions

    event = record(context, kind, client_id=client_id, operator=operator(), act=act)
    await context.db.write(*steps, event, versions.changed(versions.CLIENTS))


async def _all() -> list[Row]:
    from idp.store import clients as stored

    rows: list[Row] = []
    async with open_provider(settings_of_environment(), read_only=True) as db:
        while batch := await stored.page(db, after=rows[-1]["client_id"] if rows else ""):
            rows += batch
    return rows


async def _one(client_id: str) -> Row:
    from idp.store import clients as stored

    async with open_provider(settings_of_environment(), read_only=True) as db:
        row = await stored.find(db, client_id)
    return _required(row, client_id)


def _required(row: Row | None, client_id: str) -> Row:
    if row is None:
        raise click.ClickException(f"There is no client {client_id}.")
    return row


async def _switch(client_id: str, *, enabled: bool) -> bool:
    from idp.audit.events import Kind
    from idp.store import clients as stored
    from idp.store.database import required

    async with open_runtime(settings_of_environment(), registers=False) as context:
        row = _required(await stored.find(context.db, client_id), client_id)
        if (row["disabled_at"] is None) == enabled:
            return False
        step = (
            required(stored.ENABLE, client=client_id)
            if enabled
            else required(stored.DISABLE, client=client_id, now=context.now)
        )
        await _write(context, (step,), Kind.CLIENT_CHANGED, client_id, "enable" if enabled else "disable")
    return True


async def _new_secret(client_id: str) -> str:
    from idp.audit.events import Kind
    from idp.oidc.client_cache import client_of
    from idp.store import clients as stored

    async with open_runtime(settings_of_environment(), registers=False) as context:
        row = _required(await stored.find(context.db, client_id), client_id)
        if not client_of(row).needs_secret:
            raise click.ClickException(f"{client_id} does not authenticate by a secret.")
        secret, digest = _fresh_secret()
        step = stored.replace(client_id, row["metadata"], secret_digest=digest)
        await _write(context, (step,), Kind.CLIENT_CHANGED, client_id, "new secret")
    return secret


async def _fetch_logo(client_id: str) -> None:
    from idp.audit.events import Kind
    from idp.http.outbound import Outbound
    from idp.oidc.client_cache import client_of
    from idp.oidc.logo import NoLogo, fetch_logo, keep_logo
    from idp.store import clients as stored

    async with open_runtime(settings_of_environment(), registers=False) as context:
        client = client_of(_required(await stored.find(context.db, client_id), client_id))
        if not client.logo_uri:
            raise click.ClickException(f"{client_id} has registered no logo_uri.")
        try:
            found = await fetch_logo(Outbound(context.settings.outbound_networks).get, client)
        except NoLogo as error:
            raise click.ClickException(f"Nothing was changed: the logo is not good, {error}.") from error
        step = keep_logo(client, found, context.now)
        await _write(context, (step,), Kind.CLIENT_CHANGED, client_id, "logo")


def _described(row: Row) -> dict[str, Any]:
    """The metadata as registered, and what we keep beside it; never a digest."""
    metadata: dict[str, Any] = orjson.loads(row["metadata"])
    return {**metadata, "created_at": row["created_at"], "disabled_at": row["disabled_at"]}


def _state(described: Mapping[str, Any], now: int) -> str:
    from idp.registers.calendar import today

    last_day = described.get("legacy_until")
    if described["disabled_at"]:
        return "disabled"
    if not last_day:
        return "enabled"
    return f"until {last_day}" if today(now).isoformat() <= last_day else f"over since {last_day}"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
