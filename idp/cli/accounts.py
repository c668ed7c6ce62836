"""`motcua accounts`: what an officer or an operator does with a person's account."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Final

import click

from idp.cli.accounts_authenticator import remove_authenticator
from idp.cli.accounts_contacts import contact
from idp.cli.accounts_runtime import HINDRANCES, number_argument, officer_option, open_account
from idp.cli.output import instant, json_option, say_json, say_table
from idp.cli.runtime import open_runtime, operator, settings_of_environment

# Kept beside the option, so that the command's help needs none of the rooms below; a test holds that it is complete.
LOCK_REASONS: Final = {
    "own_request": "the person asks for it",
    "breach_of_terms": "the terms of use were broken",
    "card_revoked": "the identity card was revoked",
    "death": "the person has died",
    "authority_request": "an authority asks for it",
    "suspected_fraud": "somebody else may be using it",
}


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
@number_argument
@officer_option
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
@number_argument
@click.option("--reason", type=click.Choice(tuple(LOCK_REASONS)), required=True, help="Why; see below.")
@officer_option
@json_option
def lock(number: str, reason: str, officer: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """Lock an account: no login, every session and every token ends now."""
    _run(_lock(number, reason, officer or operator(), as_json=as_json))


async def _lock(number: str, reason: str, officer: str, *, as_json: bool) -> None:
    from idp.accounts.locking import LockReason, lock_account

    async with open_account(number) as (context, account):
        if not await lock_account(context, account, LockReason(reason), officer):
            raise click.ClickException("The account is locked already.")
    answer: dict[str, object] = {"account_id": account.account_id, "locked": True, "reason": reason}
    _say(as_json, answer, "The account is locked; its sessions and tokens have ended.")


@accounts.command()
@number_argument
@officer_option
@json_option
def unlock(number: str, officer: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """Unlock an account; the person logs in with the password they had."""
    _run(_unlock(number, officer or operator(), as_json=as_json))


async def _unlock(number: str, officer: str, *, as_json: bool) -> None:
    from idp.accounts.locking import unlock_account

    async with open_account(number) as (context, account):
        if not await unlock_account(context, account, officer):
            raise click.ClickException("The account is not locked.")
    _say(as_json, {"account_id": account.account_id, "locked": False}, "The account is unlocked.")


@accounts.command()
@number_argument
@click.option(
    "--end", "ended", metavar="SESSION", help="End this session, or 'all' of them, and list what is left."
)
@officer_option
@json_option
def sessions(number: str, ended: str | None, officer: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """List where a person is logged in; end one session, or all."""
    _run(_sessions(number, ended, officer or operator(), as_json=as_json))


async def _sessions(number: str, ended: str | None, officer: str, *, as_json: bool) -> None:
    from idp.accounts.sessions import end_all_sessions, end_session
    from idp.store.sessions import live

    async with open_account(number) as (context, account):
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


accounts.add_command(contact)
accounts.add_command(remove_authenticator)
