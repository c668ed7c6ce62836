"""How persons can be reached. Numbers and addresses are sealed in here, so that no row ever holds one to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from sqlalchemy import bindparam, delete, select

from idp.store.columns import bound
from idp.store.database import Database, Step, required, step
from idp.store.person_schema import contacts
from idp.store.upsert import upsert
from keys.keyring import Keyring
from keys.policy import SecretPurpose


class ContactKind(StrEnum):
    """Ways to reach a person, by the name of their claim."""

    PHONE_NUMBER = "phone_number"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Contact:
    """One number or address; `verified_at` is None as long as nobody has seen that it is the person's."""

    value: str = field(repr=False)
    changed_at: int
    verified_at: int | None


Contacts: TypeAlias = Mapping[ContactKind, Contact]

NO_CONTACTS: Final[Contacts] = MappingProxyType({})

OF_ACCOUNT = (
    select(contacts).where(contacts.c.account_id == bindparam("account_id")).order_by(contacts.c.kind.desc())
)
KEEP = upsert(contacts, bound(contacts), update=("sealed", "changed_at", "verified_at"))
REMOVE = delete(contacts).where(
    contacts.c.account_id == bindparam("account"), contacts.c.kind == bindparam("kind")
)


def _place(account_id: str, kind: ContactKind) -> bytes:
    """What a sealed value belongs to: it opens in no other row."""
    return f"{account_id}\0{kind.value}".encode()


async def of_account(db: Database, keyring: Keyring, account_id: str) -> Contacts:
    """How a person can be reached, as far as we know.

    Raises:
        keys.seal.SealBroken: a row was changed by somebody else, or comes from another one.
    """
    found = {}
    for row in await db.fetch_all(OF_ACCOUNT, account_id=account_id):
        kind = ContactKind(row["kind"])
        plain = keyring.unseal(SecretPurpose.PERSONAL_DATA, row["sealed"], _place(account_id, kind))
        found[kind] = Contact(plain.decode(), row["changed_at"], row["verified_at"])
    return found


def keep(keyring: Keyring, account_id: str, kind: ContactKind, contact: Contact) -> Step:
    """Give the account this number or address in place of any other."""
    return step(
        KEEP,
        account_id=account_id,
        kind=kind.value,
        sealed=keyring.seal(SecretPurpose.PERSONAL_DATA, contact.value.encode(), _place(account_id, kind)),
        changed_at=contact.changed_at,
        verified_at=contact.verified_at,
    )


def remove(account_id: str, kind: ContactKind) -> Step:
    """Forget a number or address; required, and fails where there is none."""
    return required(REMOVE, account=account_id, kind=kind.value)
