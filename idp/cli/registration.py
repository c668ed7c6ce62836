"""`motcua registration`: who may register clients by themselves, and what became of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import orjson

from idp.cli.output import instant, json_option, say_json, say_table
from idp.cli.runtime import open_provider, open_runtime, operator, settings_of_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from idp.context import Context
    from idp.oidc.registration.vouchers import Issued
    from idp.store.database import Database, Row

T = TypeVar("T")

DAY = 24 * 3600
_with_clients = click.option(
    "--with-clients", is_flag=True, help="Disable the clients that were registered by it, too."
)


@click.group()
def registration() -> None:
    """Say who may register clients by themselves (RFC 7591), and under which terms.

    Terms are a JSON object that no client can go beyond, for example

    \b
      {"owner": "Bộ Tư pháp", "sector": "bo-tu-phap", "scope": "openid profile",
       "purpose": "Điền sẵn tờ khai", "kinds": ["server"], "hosts": ["portal.example.vn"]}

    Without `sector` the host of a client's addresses is its sector.
    """  # noqa: D301 - click's mark for lines to be kept


@registration.command()
@click.argument("terms", metavar="FILE|-")
@click.option(
    "--uses", type=click.IntRange(1, 10_000), default=1, show_default=True, help="Registrations with it."
)
@click.option("--days", type=click.IntRange(1, 400), default=7, show_default=True, help="How long it works.")
@json_option
def token(terms: str, uses: int, days: int, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Issue an initial access token under the terms in FILE; it is shown once and not kept."""
    from idp.oidc.registration.terms import read_terms
    from idp.oidc.registration.vouchers import issue_token

    read = read_terms(_json(terms))

    async def act(context: Context) -> Issued:
        return await issue_token(context, read, uses=uses, lifetime=days * DAY, operator=operator())

    issued = _do(act)
    if as_json:
        say_json(
            {
                "token_id": issued.token_id,
                "initial_access_token": issued.token,
                "expires_at": issued.expires_at,
            }
        )
        return
    click.echo(f"{issued.token_id}, for {uses} registration(s) until {instant(issued.expires_at)}.")
    click.echo(f"The token, shown this once: {issued.token}")


@registration.command()
@json_option
def tokens(as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """List initial access tokens, the newest first; never the tokens themselves."""
    from idp.store import registrations

    rows = _look(registrations.tokens)
    names = ("token_id", "issued_by", "uses_left", "issued_at", "expires_at", "revoked_at")
    _tell(
        [{**{name: row[name] for name in names}, "terms": orjson.loads(row["terms"])} for row in rows],
        {
            "TOKEN": "token_id", "LEFT": "uses_left", "ISSUED BY": "issued_by", "ISSUED": "issued_at",
            "UNTIL": "expires_at", "REVOKED": "revoked_at",
        },
        as_json=as_json,
    )  # fmt: skip


@registration.command("revoke-token")
@click.argument("token_id")
@_with_clients
def revoke_token(token_id: str, with_clients: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Let an initial access token register nobody any more."""
    from idp.oidc.registration.vouchers import revoke_token as revoke

    async def act(context: Context) -> int:
        return await revoke(context, token_id, operator=operator(), with_clients=with_clients)

    click.echo(f"{token_id} is revoked. Clients disabled: {_do(act)}.")


@registration.command()
@click.argument("issuer")
@click.argument("keys", metavar="JWKS_FILE")
@click.argument("terms", metavar="FILE|-")
def trust(issuer: str, keys: str, terms: str) -> None:
    """Believe software statements of ISSUER, signed by a key of JWKS_FILE, under the terms in FILE."""
    from idp.oidc.registration.terms import read_terms
    from idp.oidc.registration.vouchers import trust_issuer

    read, document = read_terms(_json(terms)), _json(keys)

    async def act(context: Context) -> None:
        await trust_issuer(context, issuer, document, read, operator=operator())

    _do(act)
    click.echo(f"Software statements of {issuer} are believed.")


@registration.command()
@json_option
def issuers(as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """List the trusted issuers of software statements."""
    from idp.store import registrations

    rows = _look(registrations.issuers)
    documents = ("jwks", "terms")
    _tell(
        [
            {name: row[name] for name in ("issuer", "added_by", "added_at")}
            | {name: orjson.loads(row[name]) for name in documents}
            for row in rows
        ],
        {"ISSUER": "issuer", "ADDED BY": "added_by", "SINCE": "added_at"},
        as_json=as_json,
    )


@registration.command()
@click.argument("issuer")
@_with_clients
def distrust(issuer: str, with_clients: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Believe software statements of ISSUER no more."""
    from idp.oidc.registration.vouchers import distrust_issuer

    async def act(context: Context) -> int:
        return await distrust_issuer(context, issuer, operator=operator(), with_clients=with_clients)

    click.echo(f"{issuer} is trusted no more. Clients disabled: {_do(act)}.")


@registration.command("clients")
@json_option
def list_clients(as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """List the clients that registered themselves, and who vouched for them."""
    rows = _look(_registered)
    _tell(
        [
            {
                "client_id": row["client_id"],
                "client_name": _name(orjson.loads(row["metadata"])),
                "vouched_by": row["vouched_by"],
                "registered_at": row["registered_at"],
                "disabled_at": row["disabled_at"],
            }
            for row in rows
        ],
        {
            "CLIENT": "client_id", "NAME": "client_name", "VOUCHED BY": "vouched_by", "SINCE": "registered_at",
            "DISABLED": "disabled_at",
        },
        as_json=as_json,
    )  # fmt: skip


@registration.command("new-access-token")
@click.argument("client_id")
def new_access_token(client_id: str) -> None:
    """Give a client that lost its registration access token another one; the old one stops working."""
    from idp.oidc.registration.vouchers import new_access_token as renew

    async def act(context: Context) -> str:
        return await renew(context, client_id, operator=operator())

    click.echo(f"The registration access token of {client_id}, shown this once: {_do(act)}")


@registration.command()
@click.argument("client_id")
def freeze(client_id: str) -> None:
    """Let a client that registered itself change nothing any more: from now on only operators do."""
    from idp.oidc.registration.vouchers import freeze as end_management

    async def act(context: Context) -> None:
        await end_management(context, client_id, operator=operator())

    _do(act)
    click.echo(f"{client_id} is changed by operators only.")


@registration.command()
@click.option(
    "--days", type=click.IntRange(0, 4000), default=90, show_default=True, help="Registered longer ago."
)
def forget(days: int) -> None:
    """Remove old clients of the sandbox, which anybody registered."""
    from idp.oidc.registration.vouchers import forget as remove

    async def act(context: Context) -> int:
        return await remove(context, older_than=days * DAY, operator=operator())

    click.echo(f"Clients of the sandbox removed: {_do(act)}.")


def _json(file: str) -> Any:
    raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise click.ClickException(f"{file} is not JSON: {error}.") from error


def _do(act: Callable[[Context], Awaitable[T]]) -> T:
    """Carry out one act with the rights of the provider."""

    async def run() -> T:
        async with open_runtime(settings_of_environment(), registers=False) as context:
            return await act(context)

    return asyncio.run(run())


def _look(ask: Callable[[Database], Awaitable[Sequence[Row]]]) -> Sequence[Row]:
    async def run() -> Sequence[Row]:
        async with open_provider(settings_of_environment(), read_only=True) as db:
            return await ask(db)

    return asyncio.run(run())


async def _registered(db: Database) -> Sequence[Row]:
    from idp.store import registrations

    rows: list[Row] = []
    while batch := await registrations.page(db, after=rows[-1]["client_id"] if rows else ""):
        rows += batch
    return rows


def _name(metadata: dict[str, Any]) -> str:
    return str(metadata.get("client_name") or metadata.get("client_name#vi", ""))


def _tell(found: list[dict[str, Any]], columns: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        say_json(found)
    elif not found:
        click.echo("None.")
    else:
        say_table(tuple(columns), [tuple(_cell(one, name) for name in columns.values()) for one in found])


def _cell(one: dict[str, Any], name: str) -> str:
    return instant(one[name]) if name.endswith("_at") else str(one[name])
