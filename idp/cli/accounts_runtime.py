"""What every command about an account begins with: the person of a number, and their account."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import click

from idp.cli.runtime import open_runtime, settings_of_environment

if TYPE_CHECKING:
    from idp.context import Context
    from idp.store.accounts import Account

# Kept beside the commands, so that their help needs none of the rooms below; a test holds that it is complete.
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

number_argument = click.argument("number", metavar="NUMBER")
officer_option = click.option(
    "--officer",
    metavar="ID",
    help="Who does this, for the audit log.  [default: the name of your account on this machine]",
)


@asynccontextmanager
async def open_account(number: str) -> AsyncIterator[tuple[Context, Account]]:
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
