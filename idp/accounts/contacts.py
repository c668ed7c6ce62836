"""An officer notes how a person can be reached: neither register knows it."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from idp.audit import events
from idp.context import Context
from idp.store import contacts
from idp.store.accounts import Account
from idp.store.contacts import Contact, ContactKind, Contacts
from idp.store.database import NothingChanged

MAX_EMAIL: Final = 254
"""Characters: what fits into a path of RFC 5321 §4.5.3.1.3."""

_SEPARATORS: Final = re.compile(r"[ .()-]")
_INTERNATIONAL: Final = re.compile(r"\+[1-9][0-9]{6,14}")  # ITU-T E.164 §6.2.1: at most fifteen digits
_VIETNAMESE: Final = re.compile(
    r"(?:\+84|0)([1-9][0-9]{8,9})"
)  # nine digits after the trunk prefix, ten of a few
_LOCAL: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN: Final = re.compile(
    r"(?=.{3,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])"
)


class UnusableContact(ValueError):
    """The text is no number or address that could be given to a portal; the message is one sentence."""


def read_phone_number(text: str) -> str:
    """A telephone number in the form that OpenID Connect Core §5.1 recommends: E.164, `+84912345678`.

    One that starts with 0 is Vietnamese.

    Raises:
        UnusableContact: it is no telephone number.
    """
    digits = _SEPARATORS.sub("", text.strip())
    if vietnamese := _VIETNAMESE.fullmatch(digits):
        return f"+84{vietnamese[1]}"
    if digits.startswith("+84") or _INTERNATIONAL.fullmatch(digits) is None:
        raise UnusableContact("This is no telephone number: write it like 0912 345 678 or +84 912 345 678.")
    return digits


def read_email(text: str) -> str:
    """An address of RFC 5322 §3.4.1 without quotes, comments and literals; the domain in lower case.

    Raises:
        UnusableContact: it is no such address.
    """
    address = text.strip()
    local, _, domain = address.rpartition("@")
    domain = domain.lower()
    good = len(local) <= 64 and _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain)
    if not good or len(address) > MAX_EMAIL:
        raise UnusableContact("This is no e-mail address: write it like ten@example.vn.")
    return f"{local}@{domain}"


READERS: Final = MappingProxyType(
    {ContactKind.PHONE_NUMBER: read_phone_number, ContactKind.EMAIL: read_email}
)
"""How what an officer typed is read."""


async def find_contacts(context: Context, account: Account) -> Contacts:
    """How the person can be reached, as far as we know."""
    return await contacts.of_account(context.db, context.keyring, account.account_id)


async def keep_contact(
    context: Context, account: Account, kind: ContactKind, value: str, officer: str, *, verified: bool
) -> None:
    """Keep what `READERS` made of a text, in one write with its event, which does not repeat it.

    `verified` says that the officer has seen that it is the person's (a message sent there was read out).
    """
    contact = Contact(value, context.now, context.now if verified else None)
    event = events.record(
        context,
        events.Kind.CONTACT_CHANGED,
        account_id=account.account_id,
        contact=kind.value,
        verified=verified,
        officer=officer,
    )
    await context.db.write(contacts.keep(context.keyring, account.account_id, kind, contact), event)


async def remove_contact(context: Context, account: Account, kind: ContactKind, officer: str) -> bool:
    """Forget a number or address; False where there is none."""
    event = events.record(
        context,
        events.Kind.CONTACT_CHANGED,
        account_id=account.account_id,
        contact=kind.value,
        removed=True,
        officer=officer,
    )
    try:
        await context.db.write(contacts.remove(account.account_id, kind), event)
    except NothingChanged:
        return False
    return True
