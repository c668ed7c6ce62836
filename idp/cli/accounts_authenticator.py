"""`motcua accounts remove-authenticator`: for somebody who lost the phone with their authenticator app."""

from __future__ import annotations

import asyncio

import click

from idp.cli.accounts_runtime import number_argument, officer_option, open_account
from idp.cli.output import json_option, say_json
from idp.cli.runtime import operator


@click.command("remove-authenticator")
@number_argument
@officer_option
@json_option
def remove_authenticator(number: str, officer: str | None, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """Take the authenticator app off an account.

    For a person who lost the phone and stands before you with a valid card. Every session and token ends, since
    somebody else may hold the phone; the password stays, and with it the person adds another app at
    /account/authenticator. They read in the history of their account that you did this.
    """
    account_id = asyncio.run(_remove(number, officer or operator()))
    if as_json:
        say_json({"account_id": account_id, "authenticator": False})
    else:
        click.echo("The authenticator app is removed; sessions and tokens have ended.")


async def _remove(number: str, officer: str) -> str:
    from idp.accounts.authenticator import remove_by_staff

    async with open_account(number) as (context, account):
        if not await remove_by_staff(context, account, officer):
            raise click.ClickException("This person has no authenticator app.")
        return account.account_id
