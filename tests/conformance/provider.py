"""An installation for the suite: keys, a person, and the clients of the plans that register none themselves."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from idp.authentication.hashing import PasswordHasher
from idp.oidc.client_metadata import read_client
from idp.registers.schema import create_registers
from idp.store import accounts, clients, contacts, versions
from idp.store.contacts import Contact, ContactKind
from idp.store.database import Database, open_database
from idp.store.migrate import upgrade
from keys.actions import Generate, standard_rotation
from keys.keyring import Keyring, load_keyring
from keys.seal import KeyEncryptionKey, create_kek_file
from tests.conformance.browser import Visitor
from tests.conformance.plans import Plan
from tests.conformance.static_clients import Ground, StaticClient, make_client
from tests.support.certificates import root
from tests.support.installation import act, establish
from tests.support.population import HOA, lay_out_population

OUTBOUND: Final = "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
"""Where a suite on the tester's own machine may stand, in a container or not."""

AUTHORITY: Final = "authority.crt"
"""The file with whom we believe whose a client's certificate is."""

_CLASSICAL: Final = standard_rotation(0).keys
"""The suite's library knows no post-quantum keys, and warns of them."""

Clients = Mapping[str, Mapping[str, StaticClient]]


@dataclass(frozen=True, slots=True)
class Installation:
    """Everything in one folder; `clients` by the plan's alias and the place in its configuration."""

    folder: Path
    visitor: Visitor
    clients: Clients

    def environment(self, listen: str, certificate: Path | None) -> dict[str, str]:
        """The settings; `certificate` is whom to trust when the suite's own addresses are called."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")}
        trusted = {} if certificate is None else {"SSL_CERT_FILE": str(certificate)}
        settings = {
            "IDP_ISSUER": self.visitor.issuer,
            "IDP_LISTEN": listen,
            "IDP_DATABASE_URL": _database_url(self.folder),
            "IDP_REGISTERS_URL": _registers_url(self.folder),
            "IDP_KEK_FILE": str(self.folder / "kek"),
            "IDP_TRUSTED_PROXIES": "127.0.0.0/8",
            "IDP_OUTBOUND_NETWORKS": OUTBOUND,
            "IDP_OPEN_REGISTRATION": self.visitor.issuer,
        }
        if self.visitor.mtls:
            settings |= {
                "IDP_MTLS_URL": self.visitor.mtls,
                "IDP_CLIENT_CA_FILE": str(self.folder / AUTHORITY),
            }
        return inherited | trusted | settings

    async def rotate_keys(self) -> None:
        """Two officers approve a further key for ID tokens, which is published at once."""
        db = await open_database(_database_url(self.folder))
        try:
            kek = KeyEncryptionKey.read_file(self.folder / "kek")
            more = Generate("id_token", "RS256", "software", publish=True)
            await act(db, kek, int(time.time()), more, issuer=self.visitor.issuer)
            await db.write(versions.changed(versions.KEYS))
        finally:
            await db.close()


def _database_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'provider.db'}"


def _registers_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'registers.db'}"


async def install(folder: Path, visitor: Visitor, plans: Sequence[Plan]) -> Installation:
    """A new installation in an empty folder: its first ceremony, one person with an account, all clients."""
    kek, issuer = create_kek_file(folder / "kek"), visitor.issuer
    ground = Ground(visitor.suite, int(time.time()), root())
    (folder / AUTHORITY).write_text(ground.authority.pem, encoding="ascii")
    await upgrade(_database_url(folder))
    db = await open_database(_database_url(folder))
    try:
        await establish(db, kek, ground.now, issuer=issuer, keys=_CLASSICAL)
        keyring = await load_keyring(db, kek, issuer, ground.now)
        await _open_account(db, keyring, visitor.password)
        registered = {plan.alias: await _register(db, plan, ground) for plan in plans}
    finally:
        await db.close()
    await _people(folder)
    return Installation(folder, visitor, registered)


async def _people(folder: Path) -> None:
    await create_registers(_registers_url(folder))
    registers = await open_database(_registers_url(folder))
    await lay_out_population(registers)
    await registers.close()


async def _open_account(db: Database, keyring: Keyring, password: str) -> None:
    """A person who can be reached: the suite looks for every claim that we announce."""
    now, account_id, hasher = int(time.time()), str(uuid.uuid4()), PasswordHasher()
    verifier = await hasher.hash(password)
    hasher.close()
    await db.write(
        accounts.add(account_id, HOA.record_id, "02", now),
        accounts.set_password(account_id, verifier, now),
        accounts.activate(account_id, now),
        contacts.keep(keyring, account_id, ContactKind.PHONE_NUMBER, Contact("+84912345678", now, now)),
        contacts.keep(keyring, account_id, ContactKind.EMAIL, Contact("hoa@dichvu.example", now, None)),
    )


async def _register(db: Database, plan: Plan, ground: Ground) -> dict[str, StaticClient]:
    """The clients of one plan, with fresh keys and secrets; none where the suite registers them."""
    placed = {place: make_client(ground, plan, place) for place in plan.places}
    for client in placed.values():
        read_client(client.metadata, now=ground.now)
        digest = hashlib.sha256(client.secret.encode()).digest() if client.secret else None
        text = orjson.dumps(client.metadata).decode()
        await db.write(clients.add(client.metadata["client_id"], text, secret_digest=digest, now=ground.now))
    return placed
