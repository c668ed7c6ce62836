"""`motcua accounts contact`: how a person can be reached."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from idp.cli.accounts_runtime import number_argument, officer_option, open_account
from idp.cli.output import instant, json_option, say_json, say_table
from idp.cli.runtime import operator

if TYPE_CHECKING:
    from idp.store.contacts import ContactKind, Contacts

KINDS = ("phone_number", "email")


@click.command()
@number_argument
@click.option("--phone-number", "phone_number", metavar="TEXT", help="The telephone number to keep.")
@click.option("--email", metavar="TEXT", help="The e-mail address to keep.")
@click.option(
    "--verified", is_flag=True, help="You saw that it is theirs: a message sent there was read out to you."
)
@click.option("--remove", type=click.Choice(KINDS), help="Forget this one.")
@officer_option
@json_option
def contact(number: str, as_json: bool, **options: Any) -> None:  # noqa: FBT001 - click passes flags by name
    """Note, or show, how a person can be reached.

    Neither register knows it, so an officer notes what the person says. It is kept sealed; portals that registered
    the scope phone or email get it when the person is shown that they do. Without --verified they are told that
    nobody has checked it.
    """
    if options["verified"] and not (options["phone_number"] or options["email"]):
        raise click.UsageError("--verified goes with --phone-number or --email.")
    found = asyncio.run(_contact(number, options, options["officer"] or operator()))
    _tell(found, as_json=as_json)


async def _contact(number: str, options: dict[str, Any], officer: str) -> Contacts:
    from idp.accounts.contacts import find_contacts, keep_contact, remove_contact
    from idp.store.contacts import ContactKind

    given = _read(options)
    async with open_account(number) as (context, account):
        for kind, value in given.items():
            await keep_contact(context, account, kind, value, officer, verified=options["verified"])
        if options["remove"] and not await remove_contact(
            context, account, ContactKind(options["remove"]), officer
        ):
            raise click.ClickException(f"This account has no {options['remove']}.")
        return await find_contacts(context, account)


def _read(options: dict[str, Any]) -> dict[ContactKind, str]:
    """What was typed, all of it before any of it is kept."""
    from idp.accounts.contacts import READERS, UnusableContact

    try:
        return {kind: read(options[kind.value]) for kind, read in READERS.items() if options[kind.value]}
    except UnusableContact as error:
        raise click.ClickException(str(error)) from error


def _tell(found: Contacts, *, as_json: bool) -> None:
    if as_json:
        say_json(
            {
                kind.value: {
                    "value": contact.value,
                    "changed_at": contact.changed_at,
                    "verified_at": contact.verified_at,
                }
                for kind, contact in found.items()
            }
        )
    elif not found:
        click.echo("Neither a telephone number nor an e-mail address is known.")
    else:
        say_table(
            ("CONTACT", "VALUE", "SINCE", "VERIFIED"),
            [
                (
                    kind.value,
                    contact.value,
                    instant(contact.changed_at),
                    instant(contact.verified_at) if contact.verified_at else "no",
                )
                for kind, contact in found.items()
            ],
        )
