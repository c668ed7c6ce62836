"""`motcua accounts`: what an officer or an operator does with a person's account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import click

from idp.cli.output import instant, json_option, say_json, say_table
from idp.cli.runtime import open_runtime, operator, settings_of_environment

if TYPE_CHECKING:
    from idp.context import Context
    from idp.store.accounts import Account

# Kept beside the option, so that the command's help needs none of the rooms below; a test holds that it is complete.
LOCK_REASONS: Final = {
    "own_request": "the person asks for it",
    "breach_of_terms": "the terms of use were broken",
    "card_revoked": "the identity card was revoked",
    "death": "the person has died",
    "authority_request": "an authority asks for it",
    "suspected_fraud": "somebody else may be using it",
}
HINDRANCES: Final = {
    "unknown_number": "No person in the population register has this number.",
    "deceased": "The population register says that this person has died.",
    "missing": "The population register says that this person is missing.",
    "card_locked": "The person's identity card is locked.",
    "card_expired": "The person's identity card has expired; they need a new one first.",
    "no_card": "The person has no identity card.",
    "under_age": "The person is under 6, too young for an account of level 02.",
    "guardian_needed": "The person is under 14: a parent or guardian must be present, which --with-guardian states.",
    "account_locked": "The account is locked; `motcua accounts unlock` comes first.",
}

_number = click.argument("number", metavar="NUMBER")
_officer = click.option(
    "--officer",
    metavar="ID",
    help="Who does this, for the audit log.  [default: the name of your account on this machine]",
)


@asynccontextmanager
async def _account(number: str) -> AsyncIterator[tuple[Context, Account]]:
    """The account of the person with this number, and what is needed to change it."""
    from idp.registers.population import find_person_by_number
    from idp.store.accounts import find

    async with open_runtime(settings_of_environment()) as context:
        person = await find_person_by_number(context.registers, number)
        if person is None:
            raise click.ClickException(HINDRANCES["unknown_number"])
        account = await find(context.db, person.record_id)
        if account is None:
            raise click.ClickException("This person has no account; `motcua accounts activate` opens one.")
        yield context, account


def _run(work: Coroutine[object, object, None]) -> None:
    asyncio.run(work)


def _say(as_json: bool, answer: dict[str, object], sentence: str) -> None:  # noqa: FBT001 - it is what --json says
    if as_json:
        say_json(answer)
    else:
        click.echo(sentence)


@click.group()
def accounts() -> None:
    """Activate, lock and unlock the accounts of persons.

    NUMBER is the personal identification number (số định danh cá nhân), 12 digits. An earlier number of the person
    works as well.
    """


@accounts.command()
@_number
@_officer
@click.option(
    "--with-guardian", is_flag=True, help="A parent or guardian of a child from 6 to 13 is present."
)
@json_option
def activate(number: str, officer: str | None, with_guardian: bool, as_json: bool) -> None:  # noqa: FBT001 - click's flags
    """Give a person a one-time code to set a password with.

    Opens the account if there is none. The person must stand before you with a valid card (level 02 of Decree
    69/2024); hand the code over on paper. They enter it at /activate within 14 days. For a forgotten password give a
    new code: older ones stop working, and the old password does when the new one is set.
    """
    _run(_activate(number, officer or operator(), with_guardian=with_guardian, as_json=as_json))


async def _activate(number: str, officer: str, *, with_guardian: bool, as_json: bool) -> None:
    from idp.accounts.activation_code import print_activation_code
    from idp.accounts.issuing import CannotIssue, issue_activation_code

    settings = settings_of_environment()
    async with open_runtime(settings) as context:
        try:
            issued = await issue_activation_code(context, number, officer, with_guardian=with_guardian)
        except CannotIssue as refused:
            raise click.ClickException(HINDRANCES[refused.hindrance.value]) from refused
    code = print_activation_code(issued.code)
    address = f"{settings.issuer}/activate"
    _say(
        as_json,
        {
            "account_id": issued.account_id,
            "code": code,
            "expires_at": issued.expires_at,
            "activate_at": address,
        },
        f"Code: {code}\nThe person enters it at {address} before {instant(issued.expires_at)}. It works once.",
    )


@accounts.command(
    epilog="Reasons: " + "; ".join(f"{name}: {text}" for name, text in LOCK_REASONS.items()) + "."
)
@_number
@click.option("--reason", type=click.Choice(tuple(LOCK_REASONS)), required=True, help="Why; see below.")
@_officer
@json_option
def lock(number: str, reason: str, officer: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """Lock an account: no login, every session and every token ends now."""
    _run(_lock(number, reason, officer or operator(), as_json=as_json))


async def _lock(number: str, reason: str, officer: str, *, as_json: bool) -> None:
    from idp.accounts.locking import LockReason, lock_account

    async with _account(number) as (context, account):
        if not await lock_account(context, account, LockReason(reason), officer):
            raise click.ClickException("The account is locked already.")
    answer: dict[str, object] = {"account_id": account.account_id, "locked": True, "reason": reason}
    _say(as_json, answer, "The account is locked; its sessions and tokens have ended.")


@accounts.command()
@_number
@_officer
@json_option
def unlock(number: str, officer: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """Unlock an account; the person logs in with the password they had."""
    _run(_unlock(number, officer or operator(), as_json=as_json))


async def _unlock(number: str, officer: str, *, as_json: bool) -> None:
    from idp.accounts.locking import unlock_account

    async with _account(number) as (context, account):
        if not await unlock_account(context, account, officer):
            raise click.ClickException("The account is not locked.")
    _say(as_json, {"account_id": account.account_id, "locked": False}, "The account is unlocked.")


@accounts.command()
@_number
@click.option(
    "--end", "ended", metavar="SESSION", help="End this session, or 'all' of them, and list what is left."
)
@_officer
@json_option
def sessions(number: str, ended: str | None, officer: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """List where a person is logged in; end one session, or all."""
    _run(_sessions(number, ended, officer or operator(), as_json=as_json))


async def _sessions(number: str, ended: str | None, officer: str, *, as_json: bool) -> None:
    from idp.accounts.sessions import end_all_sessions, end_session
    from idp.store.sessions import live

    async with _account(number) as (context, account):
        if ended == "all":
            await end_all_sessions(context, account, officer)
        elif ended is not None and not await end_session(context, account, ended, officer):
            raise click.ClickException("This account has no such live session.")
        rows = await live(context.db, account.account_id, context.now)
    if as_json:
        names = ("session_id", "browser_label", "created_at", "seen_at", "expires_at", "authentication_level")
        say_json([{name: row[name] for name in names} for row in rows])
    elif not rows:
        click.echo("No live session.")
    else:
        say_table(
            ("SESSION", "BROWSER", "SINCE", "LAST USED"),
            [
                (row["session_id"], row["browser_label"], instant(row["created_at"]), instant(row["seen_at"]))
                for row in rows
            ],
        )
