"""Everything that stands sealed in the database, of whatever purpose: what another key-encryption key has to seal anew.

Also what only a newer version of the program knows, or one with other algorithms, is found here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import bindparam, select, update

from keys.policy import SecretPurpose
from keys.store import Database, Statement
from keys.tables import sealed_secrets, signing_keys

SECRET: Final = "secret"
"""What a secret is sealed for, under its purpose as name; a key is sealed for its purpose, under its `kid`."""

_SECRETS: Final = select(sealed_secrets.c.purpose, sealed_secrets.c.sealed).order_by(sealed_secrets.c.purpose)
_KEYS: Final = (
    select(signing_keys.c.purpose, signing_keys.c.kid, signing_keys.c.sealed_private_key)
    .where(signing_keys.c.sealed_private_key.is_not(None))
    .order_by(signing_keys.c.kid)
)
_RESEAL_SECRET: Final = (
    update(sealed_secrets)
    .where(sealed_secrets.c.purpose == bindparam("name"), sealed_secrets.c.sealed == bindparam("was"))
    .values(sealed=bindparam("becomes"))
)
_RESEAL_KEY: Final = (
    update(signing_keys)
    .where(signing_keys.c.kid == bindparam("name"), signing_keys.c.sealed_private_key == bindparam("was"))
    .values(sealed_private_key=bindparam("becomes"))
)


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A value as it stands in the database, and the purpose and name that it was sealed for."""

    purpose: str
    name: str
    sealed: bytes = field(repr=False)


async def find_sealed(db: Database) -> list[SealedValue]:
    """All of it; the secret of the key log first, which every change of keys looks at."""
    values = [
        *(SealedValue(SECRET, row["purpose"], bytes(row["sealed"])) for row in await db.fetch_all(_SECRETS)),
        *(
            SealedValue(row["purpose"], row["kid"], bytes(row["sealed_private_key"]))
            for row in await db.fetch_all(_KEYS)
        ),
    ]
    return sorted(values, key=lambda value: (value.purpose, value.name) != (SECRET, SecretPurpose.KEY_LOG))


def reseal(value: SealedValue, sealed: bytes) -> Statement:
    """The same value under another key-encryption key; touches nothing if it is not any more what it was."""
    query = _RESEAL_SECRET if value.purpose == SECRET else _RESEAL_KEY
    return Statement(query, {"name": value.name, "was": value.sealed, "becomes": sealed})
