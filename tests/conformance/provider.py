"""An installation for the suite: keys, a person, and the clients of the plans that register none themselves."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from idp.authentication.hashing import PasswordHasher
from idp.oidc.client_metadata import read_client
from idp.registers.calendar import today
from idp.registers.schema import create_registers
from idp.store import accounts, clients, contacts, versions
from idp.store.contacts import Contact, ContactKind
from idp.store.database import Database, open_database
from idp.store.migrate import upgrade
from keys.actions import Generate, standard_rotation
from keys.keyring import Keyring, load_keyring
from keys.seal import KeyEncryptionKey, create_kek_file
from tests.conformance.browser import Visitor
from tests.conformance.plans import PLANS, STATIC, Plan
from tests.support.installation import act, establish
from tests.support.population import HOA, lay_out_population

PLACES: Final = ("client", "client_secret_post", "client2")
"""Where a plan's configuration holds its clients."""

OUTBOUND: Final = "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
"""Where a suite on the tester's own machine may stand, in a container or not."""

LAST_DAY: Final = (today(int(time.time())) + timedelta(days=30)).isoformat()
_LAW: Final = "Luật Giao dịch điện tử số 20/2023/QH15"

_CLASSICAL: Final = standard_rotation(0).keys
"""The suite's library knows no post-quantum keys, and warns of them."""

Clients = Mapping[str, Mapping[str, Mapping[str, str]]]


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


async def install(folder: Path, issuer: str, suite: str) -> Installation:
    """A new installation in an empty folder: its first ceremony, one person with an account, all clients."""
    visitor = Visitor(issuer, suite, HOA.number, secrets.token_urlsafe(18))
    kek = create_kek_file(folder / "kek")
    await upgrade(_database_url(folder))
    db = await open_database(_database_url(folder))
    try:
        await establish(db, kek, int(time.time()), issuer=issuer, keys=_CLASSICAL)
        keyring = await load_keyring(db, kek, issuer, int(time.time()))
        await _open_account(db, keyring, visitor.password)
        registered = {plan.alias: await _register(db, plan, suite) for plan in PLANS if _is_static(plan)}
    finally:
        await db.close()
    await _people(folder)
    return Installation(folder, visitor, registered)


def _is_static(plan: Plan) -> bool:
    return plan.variant.get("client_registration") == STATIC


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


async def _register(db: Database, plan: Plan, suite: str) -> dict[str, dict[str, str]]:
    """The clients of one plan, with fresh secrets."""
    now, placed = int(time.time()), {}
    for place in PLACES:
        secret, metadata = secrets.token_urlsafe(32), static_metadata(plan, place, suite)
        read_client(metadata, now=now)
        digest = hashlib.sha256(secret.encode()).digest()
        text = orjson.dumps(metadata).decode()
        await db.write(clients.add(metadata["client_id"], text, secret_digest=digest, now=now))
        placed[place] = {"client_id": metadata["client_id"], "client_secret": secret}
    return placed


def static_metadata(plan: Plan, place: str, suite: str) -> dict[str, Any]:
    """What is registered of one client of a plan: the suite's modules send no PKCE and verify RS256."""
    base = f"{suite}/test/a/{plan.alias}"
    return {
        "client_id": f"{plan.alias}-{place}",
        "client_name": f"Bộ kiểm thử {plan.alias}",
        "owner": "Người kiểm thử",
        "sector": plan.alias,
        "redirect_uris": [f"{base}/callback", f"{base}/callback?dummy1=lorem&dummy2=ipsum"],
        "post_logout_redirect_uris": [f"{base}/post_logout_redirect"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": (
            "client_secret_post" if place == "client_secret_post" else "client_secret_basic"
        ),
        "profile": "legacy",
        "legacy_until": LAST_DAY,
        "id_token_signed_response_alg": "RS256",
        "request_object_signing_alg": "none",
        "scope": "openid profile email address phone offline_access",
        "legal_basis": "statutory_task",
        "legal_reference": _LAW,
        "purpose": "Kiểm tra sự phù hợp với tiêu chuẩn",
        "purpose#en": "To test conformance",
    }
