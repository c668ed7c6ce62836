"""The whole provider in this process: its application on fresh databases, a small country, portals, and a clock."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2
import orjson
import pytest
from sqlalchemy import bindparam, select

from idp.accounts.issuing import issue_activation_code
from idp.accounts.locking import LockReason, lock_account
from idp.app import build
from idp.authentication.hashing import PasswordHasher
from idp.context import Context
from idp.settings import Settings
from idp.store import accounts
from idp.store.accounts import Account
from idp.store.database import Database, open_database
from idp.store.schema import audit_events
from keys.backends.pkcs11 import Pkcs11Token
from keys.keyring import Keyring, load_keyring
from keys.seal import KeyEncryptionKey, create_kek_file
from tests.support.browsing import ANDROID, Browser, Visit
from tests.support.installation import ISSUER, Impression, impress
from tests.support.population import CITIZENS, Citizen, lay_out_population
from tests.support.portals import REGISTRATIONS, Asked, Portal, Registered, Tokens, register

NOW: Final = 1_795_305_600  # 22 November 2026, 07:00 in Viet Nam
PASSWORD: Final = "bốn con trâu qua sông"
HOME: Final = "198.51.100.7"

_EVENTS: Final = (
    select(audit_events).where(audit_events.c.kind == bindparam("kind")).order_by(audit_events.c.event_id)
)


@dataclass(slots=True)
class Clock:
    """The time of the provider and of the portals; it moves only when told."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@dataclass(slots=True)
class Records:
    """An access log that can be read."""

    kept: list[dict[str, Any]] = field(default_factory=list)

    def keep(self, record: dict[str, Any], /) -> None:
        """Take a record."""
        self.kept.append(record)

    def flush(self) -> None:
        """Nothing waits."""


@dataclass(frozen=True, slots=True)
class Event:
    """An audit event as its readers see it."""

    outcome: str
    account_id: str | None
    client_id: str | None
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ground:
    """What takes time to make and may be the same in every test: keys, and the hash of `PASSWORD`."""

    kek_file: Path
    impression: Impression
    verifier: str


@dataclass(slots=True)
class Provider:
    """A running provider. `db` and `registers` are connections of the tests' own."""

    settings: Settings
    db: Database
    registers: Database
    keyring: Keyring
    ground: Ground
    clock: Clock
    log: Records
    registered: dict[str, Registered]
    _app: Any
    _stack: AsyncExitStack
    _http: dict[str, httpx2.AsyncClient] = field(default_factory=dict)
    _account_ids: dict[str, str] = field(default_factory=dict)

    def transport(self, address: str = HOME, app: Any = None) -> httpx2.ASGITransport:
        """The way into the application for a caller at an address."""
        return httpx2.ASGITransport(app=app or self._app, client=(address, 50000))

    def browser(self, *, address: str = HOME, agent: str = ANDROID, app: Any = None) -> Browser:
        """A browser without any cookie; `app` is another worker than the first."""
        return Browser(self.transport(address, app), ISSUER, agent=agent)

    def http(self, address: str = HOME) -> httpx2.AsyncClient:
        """A program that asks without cookies and follows nothing."""
        if address not in self._http:
            self._http[address] = httpx2.AsyncClient(transport=self.transport(address), base_url=ISSUER)
        return self._http[address]

    def portal(self, client_id: str, *, app: Any = None) -> Portal:
        """A registered client, at work; `app` is another worker than the first."""
        http = (
            self.http()
            if app is None
            else httpx2.AsyncClient(transport=self.transport(app=app), base_url=ISSUER)
        )
        return Portal(self.registered[client_id], http, ISSUER, self.clock)

    def context(self) -> Context:
        """What the rules are handed, now; for what staff does by command."""
        return Context(
            settings=self.settings,
            db=self.db,
            registers=self.registers,
            keyring=self.keyring,
            now=int(self.clock()),
            request_id="by-command",
            address="127.0.0.1",
            network="127.0.0.0/24",
        )

    async def another_worker(self) -> Any:
        """One more worker process' application on the same databases, until the test ends."""
        app = build(self.settings, access_log=self.log, clock=self.clock)
        await self._stack.enter_async_context(app.running())
        return app

    async def open_account(self, *citizens: Citizen) -> None:
        """Level 02 accounts with `PASSWORD`, without the pages of activation."""
        now = int(self.clock())
        for citizen in citizens:
            account_id = str(uuid.uuid4())
            self._account_ids[citizen.record_id] = account_id
            await self.db.write(
                accounts.add(account_id, citizen.record_id, "02", now),
                accounts.set_password(account_id, self.ground.verifier, now),
                accounts.activate(account_id, now),
            )

    async def activation_code(self, citizen: Citizen, *, with_guardian: bool = False) -> str:
        """The code that an officer gives to a person."""
        issued = await issue_activation_code(
            self.context(), citizen.number, "officer-1", with_guardian=with_guardian
        )
        return issued.code

    async def account(self, citizen: Citizen) -> Account:
        """A person's account as it stands."""
        found = await accounts.find(self.db, citizen.record_id)
        assert found is not None
        return found

    async def lock(self, citizen: Citizen) -> None:
        """An officer locks the account."""
        assert await lock_account(
            self.context(), await self.account(citizen), LockReason.SUSPECTED_FRAUD, "officer-1"
        )

    async def events(self, kind: str) -> list[Event]:
        """Audit events of a kind, oldest first."""
        rows = await self.db.fetch_all(_EVENTS, kind=kind)
        return [
            Event(row["outcome"], row["account_id"], row["client_id"], orjson.loads(row["details"]))
            for row in rows
        ]

    async def sign_in(self, visit: Visit, citizen: Citizen, password: str = PASSWORD) -> Visit:
        """Fill the login page."""
        return await visit.submit(personal_number=citizen.number, password=password)

    async def settle(self, visit: Visit) -> Visit:
        """Agree to everything that is asked until the portal has its answer; acts for oneself."""
        while visit.answer is None:
            if visit.offers(decision="continue"):
                visit = await visit.submit(decision="continue", **visit.ticks)
            elif visit.offers(decision="confirm"):
                visit = await visit.submit(decision="confirm")
            elif visit.offers(decision="allow"):
                visit = await visit.submit(decision="allow", **visit.ticks)
            else:
                visit = await visit.submit(acting_for="self")
        return visit

    async def enter(
        self, client_id: str, citizen: Citizen, browser: Browser | None = None, **changes: str
    ) -> tuple[Asked, Visit]:
        """A person goes to a portal, logs in where a page asks for it, agrees, and is back there."""
        asked, visit = await self.portal(client_id).send(browser or self.browser(), **changes)
        if visit.offers(personal_number=citizen.number, password=PASSWORD):
            visit = await self.sign_in(visit, citizen)
        return asked, await self.settle(visit)

    async def tokens(
        self, client_id: str, citizen: Citizen, browser: Browser | None = None, **changes: str
    ) -> Tokens:
        """As `enter`, until the portal has its tokens."""
        asked, visit = await self.enter(client_id, citizen, browser, **changes)
        return await self.portal(client_id).tokens(asked, visit)


@pytest.fixture(scope="session")
async def provider_ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Keys and one password hash for all providers of this process."""
    folder = tmp_path_factory.mktemp("ground")
    kek = create_kek_file(folder / "kek")
    impression = await impress(folder, kek, NOW - 86_400)
    hasher = PasswordHasher()
    verifier = await hasher.hash(PASSWORD)
    hasher.close()
    return Ground(folder / "kek", impression, verifier)


async def _furnish(db: Database, registers: Database, ground: Ground) -> dict[str, Registered]:
    """Keys, clients and the country."""
    await ground.impression.lay_into(db)
    made = [register(metadata, NOW - 3_600) for metadata in REGISTRATIONS.values()]
    await db.write(*(kept for _, kept in made))
    await lay_out_population(registers)
    return {registered.client_id: registered for registered, _ in made}


@asynccontextmanager
async def running_provider(
    database_url: str,
    registers_url: str,
    ground: Ground,
    *,
    hardware: Pkcs11Token | None = None,
    **settings: Any,
) -> AsyncIterator[Provider]:
    """A provider on fresh databases."""
    configured = Settings(
        issuer=ISSUER,
        database_url=database_url,
        registers_url=registers_url,
        kek_file=ground.kek_file,
        **settings,
    )
    async with AsyncExitStack() as stack:
        db, registers = await open_database(database_url), await open_database(registers_url)
        stack.push_async_callback(db.close)
        stack.push_async_callback(registers.close)
        registered = await _furnish(db, registers, ground)
        clock, log = Clock(), Records()
        keyring = await load_keyring(db, KeyEncryptionKey.read_file(ground.kek_file), ISSUER, NOW, hardware)
        app = build(configured, access_log=log, clock=clock)
        await stack.enter_async_context(app.running())
        yield Provider(configured, db, registers, keyring, ground, clock, log, registered, app, stack)


@pytest.fixture
async def provider(database_url: str, registers_url: str, provider_ground: Ground) -> AsyncIterator[Provider]:
    """A running provider without any account, on each database."""
    async with running_provider(database_url, registers_url, provider_ground) as running:
        yield running


@pytest.fixture
async def settled_provider(provider: Provider) -> Provider:
    """A provider where every citizen of the country has an account with `PASSWORD`."""
    await provider.open_account(*CITIZENS)
    return provider
