"""Telephone number and e-mail address of a person (OpenID Connect Core §5.1), read where somebody asks for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from idp.context import Context
from idp.store import contacts
from idp.store.contacts import NO_CONTACTS, ContactKind, Contacts

CONTACT_CLAIMS: Final[Mapping[str, ContactKind]] = MappingProxyType(
    {
        "phone_number": ContactKind.PHONE_NUMBER,
        "phone_number_verified": ContactKind.PHONE_NUMBER,
        "email": ContactKind.EMAIL,
        "email_verified": ContactKind.EMAIL,
    }
)
"""Claim -> what it is about."""


async def find_contacts(context: Context, account_id: str, claims: Collection[str]) -> Contacts:
    """How a person can be reached, where one of these claims tells it; else the database is not asked."""
    if CONTACT_CLAIMS.keys().isdisjoint(claims):
        return NO_CONTACTS
    return await contacts.of_account(context.db, context.keyring, account_id)


def contact_value(found: Contacts, kind: ContactKind) -> str | None:
    """`phone_number` in E.164, `email` as of RFC 5322; None where it is not known."""
    return found[kind].value if kind in found else None


def contact_verified(found: Contacts, kind: ContactKind) -> bool | None:
    """`..._verified`: whether an officer saw that it is the person's; None where there is nothing to verify."""
    return found[kind].verified_at is not None if kind in found else None
