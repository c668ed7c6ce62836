"""`motcua keys readiness`, as staff type it before a rotation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from idp.store import readiness
from idp.store.database import Database, Step, open_database
from idp.store.readiness import Fetch, Seen, StaleUse
from keys import policy
from keys.ground import load_ground
from keys.keyring import Keyring
from keys.seal import KeyEncryptionKey, create_kek_file
from tests.support.installation import ELLIPTIC, ISSUER, establish, turn
from tests.support.portals import REGISTRATIONS, register

NOW: Final = 1_795_305_600
PUBLISHED: Final = 1_795_219_200
ES256_PORTALS: Final = {"ministry", "province", "enterprise", "dossiers", "library", "legacy-post", "app"}


class Installation:
    """The database that the command reads, and what the provider would do with it."""

    def __init__(self, url: str, kek_file: Path) -> None:
        self.url = url
        self.kek = KeyEncryptionKey.read_file(kek_file)

    def do(self, work: Callable[[Database], Awaitable[Any]]) -> Any:
        """Work on the database."""

        async def run_work() -> Any:
            db = await open_database(self.url)
            try:
                return await work(db)
            finally:
                await db.close()

        return asyncio.run(run_work())

    def write(self, *steps: Step) -> None:
        """Write steps."""
        self.do(lambda db: db.write(*steps))

    def kids(self) -> tuple[str, ...]:
        """What stands in the key set now."""

        async def read(db: Database) -> tuple[str, ...]:
            keyring = Keyring(await load_ground(db, self.kek, ISSUER), self.kek, NOW)
            return tuple(key["kid"] for key in json.loads(keyring.jwks().body)["keys"])

        kids: tuple[str, ...] = self.do(read)
        return kids

    def give_out(self, etag: str, kids: tuple[str, ...], *fetches: Step, at: int = PUBLISHED) -> None:
        """A key set was fetched."""
        self.write(readiness.add_set(etag, kids, at), *fetches)


@pytest.fixture
def installation(environment: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Keys of one ceremony, clients, and the commands' clock a day later."""
    monkeypatch.setenv("IDP_DATABASE_URL", database_url)
    monkeypatch.setenv("IDP_ISSUER", ISSUER)
    create_kek_file(environment / "kek")
    monkeypatch.setattr("time.time", lambda: float(NOW))
    made = Installation(database_url, environment / "kek")
    made.do(lambda db: establish(db, made.kek, PUBLISHED, keys=ELLIPTIC))
    made.write(*(register(metadata, PUBLISHED)[1] for metadata in REGISTRATIONS.values()))
    return made


def fetch(client_id: str, etag: str, agent: str = "", network: str = "", at: int = PUBLISHED + 60) -> Step:
    bad = 2 if agent else 0
    return readiness.add_fetch(Fetch(client_id, agent, network, etag), Seen(at, at, 5, bad))


def use(*client_ids: str) -> list[Step]:
    return [readiness.add_activity(client_id, NOW - 60) for client_id in client_ids]


def described(run: Any, purpose: str = "id_token", algorithm: str = "ES256") -> Any:
    """The one pending key of a kind."""
    keys = json.loads(run("keys", "readiness", "--json").output)["keys"]
    (found,) = [one for one in keys if (one["purpose"], one["algorithm"]) == (purpose, algorithm)]
    return found


def test_before_the_first_ceremony(
    environment: Path, database_url: str, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDP_DATABASE_URL", database_url)
    create_kek_file(environment / "kek")
    said = run("keys", "readiness")
    assert (said.exit_code, said.output) == (
        0,
        "No key is pending.\n\nNo client has lately shown an old key.\n",
    )
    assert json.loads(run("keys", "readiness", "--json").output) == {"keys": [], "stale": []}


def test_every_pending_key_of_the_key_set_is_judged(installation: Installation, run: Any) -> None:
    keys = json.loads(run("keys", "readiness", "--json").output)["keys"]
    assert {one["kid"] for one in keys} < set(installation.kids())
    signing = [purpose for purpose in policy.PUBLISHED_PURPOSES if purpose is not policy.Purpose.ENCRYPTION]
    assert {(one["purpose"], one["algorithm"]) for one in keys} == {
        (purpose.value, alg) for purpose in signing for alg in ELLIPTIC[purpose.value]
    }
    for one in keys:
        assert one["published_at"] == PUBLISHED
        assert one["earliest_at"] == PUBLISHED + policy.PENDING_LIFETIME
        assert one["planned_at"] == PUBLISHED + policy.ACTIVE_LIFETIME


def test_before_and_after_portals_fetch_and_after_the_rotation(installation: Installation, run: Any) -> None:
    installation.write(*use("ministry", "province"))
    first = described(run)
    assert first["verdict"] == "not yet: 2 of 2 portals have not fetched it"
    kids = installation.kids()
    older = tuple(kid for kid in kids if kid != first["kid"])
    installation.give_out("old", older, fetch("ministry", "old"), fetch("province", "old"))
    assert {one["standing"] for one in described(run)["portals"]} == {"fetched before"}
    installation.give_out("new", kids, fetch("ministry", "new"))
    assert described(run)["verdict"] == "not yet: 1 of 2 portals have not fetched it"
    installation.give_out("new", kids, fetch("province", "new"))
    ready = described(run)
    assert (ready["kid"], ready["ready"]) == (first["kid"], True)
    assert ready["verdict"] == "ready: 2 of 2 portals have fetched it"
    due = PUBLISHED + policy.ACTIVE_LIFETIME
    installation.do(lambda db: turn(db, installation.kek, due))
    successor = described(run)
    assert successor["kid"] not in {first["kid"], *kids}
    assert (successor["ready"], successor["published_at"]) == (False, due)


def test_the_last_tokens_of_a_retiring_key_alarm_nobody(installation: Installation, run: Any) -> None:
    due = PUBLISHED + policy.ACTIVE_LIFETIME
    plan = installation.do(lambda db: turn(db, installation.kek, due))
    retiring = next(kid for kid, key in plan.history.keys.items() if key.state is policy.State.RETIRING)
    note = "is retiring is shown as long as its last tokens live"
    assert note not in run("keys", "readiness").output
    installation.write(
        readiness.add_stale_use(StaleUse("dossiers", "access_token", retiring), Seen(due, due, 1))
    )
    said = run("keys", "readiness").output
    assert f"{retiring}  retiring  1" in said
    assert note in said
    (stale,) = json.loads(run("keys", "readiness", "--json").output)["stale"]
    assert (stale["client_id"], stale["shown"], stale["state"]) == ("dossiers", retiring, "retiring")


def test_what_staff_reads(installation: Installation, run: Any) -> None:
    pending = described(run)
    kids = installation.kids()
    older = tuple(kid for kid in kids if kid != pending["kid"])
    installation.write(
        *use(*ES256_PORTALS - {"app"}),
        readiness.add_stale_use(StaleUse("dossiers", "id_token_hint", pending["kid"]), Seen(NOW, NOW, 3)),
        readiness.add_stale_use(StaleUse("ministry", "key_set", "old"), Seen(NOW - 5, NOW - 5, 1)),
    )
    installation.give_out(
        "old", older, fetch("province", "old"), fetch("", "old", "okhttp", "198.51.100.0/24")
    )
    installation.give_out("new", kids, fetch("ministry", "new"), fetch("", "new", "Java", "203.0.113.0/24"))
    said = run("keys", "readiness")
    assert said.exit_code == 0
    lines = [" ".join(line.split()) for line in said.output.splitlines()]
    verdict = "not yet: 5 of 6 portals have not fetched it; 3 of them cannot show it"
    times = "2026-11-21 00:00:00Z 2026-11-28 00:00:00Z 2027-02-19 00:00:00Z"
    assert f"{pending['kid']} id_token ES256 {times} {verdict}" in lines
    assert f"Portals that rely on {pending['kid']} (id_token, ES256):" in lines
    assert "ministry Cổng dịch vụ công của Bộ has it 2026-11-21 00:01:00Z" in lines
    assert "province Cổng dịch vụ công của tỉnh fetched before 2026-11-21 00:01:00Z" in lines
    assert "dossiers Kho hồ sơ not seen - register its key_set_addresses, or its jwks to sign with" in lines
    assert "Not counted, not used in 30 days: app, hospital" in lines
    assert "Java 203.0.113.0/24 5 2 2026-11-21 00:01:00Z" in lines
    assert (
        f"dossiers showed an ID token of an old key {pending['kid']} pending 3 2026-11-22 00:00:00Z" in lines
    )
    assert (
        "ministry still had an old key set when it asked for the new one old - 1 2026-11-21 23:59:55Z"
        in lines
    )


def test_many_strangers_do_not_fill_the_screen(installation: Installation, run: Any) -> None:
    strangers = [fetch("", "new", "Java", f"10.0.{number}.0/24") for number in range(50)]
    installation.give_out("new", installation.kids(), *strangers)
    said = run("keys", "readiness").output
    assert said.count("Java") == 20
    assert "... and 30 more; --json has them all" in said
    assert len(described(run)["unknown"]) == 50
