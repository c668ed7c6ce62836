"""Invented persons in a fresh register, and the surroundings in which rules about them run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import insert

from idp.authentication.hashing import PasswordHasher
from idp.context import Context
from idp.registers.schema import people, personal_numbers
from idp.settings import Settings
from idp.store import sessions
from idp.store.database import Database, Step, open_database, step
from keys.keyring import Keyring
from keys.policy import SecretPurpose
from keys.seal import KeyEncryptionKey
from keys.store import StoredSecret
from tests.support.installation import bare_keyring

NOW = 1_795_305_600  # 22 November 2026, 07:00 in Viet Nam
NUMBER = "001184000017"
KEK = KeyEncryptionKey.of(b"k" * 32)
BROWSER = b"b" * 32
OTHER_BROWSER = b"o" * 32


@dataclass(frozen=True, slots=True)
class InventedPerson:
    """A row of the population register, with values that hinder nothing."""

    number: str = NUMBER
    record_id: str = "p-1"
    name: str = "Nguyễn Thị Hòa"
    birth_date: str = "1984-03-07"
    status: str = "alive"
    card_status: str = "valid"
    card_expires_on: str | None = "2029-03-07"
    subject_type: str = "citizen"


async def register(registers: Database, person: InventedPerson) -> InventedPerson:
    """Write a person into the population register, in place of what it said before."""
    values = {
        "record_id": person.record_id,
        "name": person.name,
        "given_name": person.name.split()[-1],
        "birth_date": person.birth_date,
        "sex": "female",
        "subject_type": person.subject_type,
        "status": person.status,
        "card_status": person.card_status,
        "card_expires_on": person.card_expires_on,
        "load_id": 1,
    }
    await registers.write(
        step(personal_numbers.delete().where(personal_numbers.c.record_id == person.record_id)),
        step(people.delete().where(people.c.record_id == person.record_id)),
        step(insert(people).values(values)),
        step(insert(personal_numbers).values(number=person.number, record_id=person.record_id)),
    )
    return person


def open_session(session_id: str, account_id: str, now: int = NOW) -> Step:
    """A session that a person has opened with a password, in the browser `BROWSER`."""
    return sessions.add(
        session_id=session_id,
        cookie_digest=session_id.encode().ljust(32),
        account_id=account_id,
        amr=("pwd",),
        authentication_level=1,
        browser_digest=BROWSER,
        browser_label="Firefox, Android",
        now=now,
    )


def secrets_only() -> Keyring:
    """A keyring that digests and seals; it signs nothing, for RSA keys take their time."""
    return bare_keyring(
        [],
        [
            StoredSecret(
                purpose, KEK.seal(purpose.value.encode().ljust(32), purpose="secret", name=purpose.value)
            )
            for purpose in SecretPurpose
        ],
        KEK,
        NOW,
    )


@pytest.fixture
async def registers(registers_url: str) -> AsyncIterator[Database]:
    """The registers, open for writing, with one person."""
    database = await open_database(registers_url)
    await register(database, InventedPerson())
    yield database
    await database.close()


@pytest.fixture
async def context(db: Database, registers: Database) -> Context:
    """One request's surroundings on fresh databases."""
    return Context(
        settings=Settings(kek_file=Path("unused")),
        db=db,
        registers=registers,
        keyring=secrets_only(),
        now=NOW,
        request_id="request-1",
        address="203.0.113.7",
        network="203.0.113.0/24",
    )


@pytest.fixture(scope="session")
def hasher() -> PasswordHasher:
    """The worker's hasher."""
    return PasswordHasher()


def later(context: Context, seconds: int, *, address: str | None = None) -> Context:
    """The same surroundings at another time, from another address."""
    return replace(context, now=context.now + seconds, address=address or context.address)
