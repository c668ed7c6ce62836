"""`motcua keys readiness`, as staff type it before a rotation."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import pytest
from sqlalchemy import bindparam, insert

from idp.store import readiness
from idp.store.database import Database, Step, open_database, step
from idp.store.readiness import Fetch, Seen, StaleUse
from keys.tables import signing_keys
from tests.support.portals import REGISTRATIONS, register

NOW: Final = 1_795_305_600
PUBLISHED: Final = 1_795_219_200
COLUMNS: Final = {
    "kid": "new-key",
    "purpose": "id_token",
    "algorithm": "ES256",
    "backend": "software",
    "state": "pending",
    "public_jwk": "{}",
    "sealed_private_key": b"sealed",
    "created_at": PUBLISHED,
    "published_at": PUBLISHED,
}
ADD_KEY: Final = insert(signing_keys).values(
    {name: bindparam(name) for name in COLUMNS if name in signing_keys.columns}
)
ES256_PORTALS: Final = {"ministry", "province", "enterprise", "dossiers", "library", "legacy-post", "app"}


@pytest.fixture
def fill(environment: Any, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write into the database that the command reads."""
    monkeypatch.setenv("IDP_DATABASE_URL", database_url)

    def write(*steps: Step) -> None:
        async def run_steps() -> None:
            db: Database = await open_database(database_url)
            await db.write(*steps)
            await db.close()

        asyncio.run(run_steps())

    return write


def pending(kid: str = "new-key", **changes: Any) -> Step:
    return step(ADD_KEY, **COLUMNS | {"kid": kid} | changes)


def fetch(client_id: str, etag: str, agent: str = "", network: str = "", at: int = PUBLISHED + 60) -> Step:
    bad = 2 if agent else 0
    return readiness.add_fetch(Fetch(client_id, agent, network, etag), Seen(at, at, 5, bad))


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands' clock stands."""
    monkeypatch.setattr("time.time", lambda: float(NOW))


def test_nothing_is_pending(fill: Any, run: Any) -> None:
    said = run("keys", "readiness")
    assert (said.exit_code, said.output) == (
        0,
        "No key is pending.\nNo client has lately shown an old key.\n",
    )
    assert json.loads(run("keys", "readiness", "--json").output) == {"keys": [], "stale": []}


def prepare(fill: Any) -> None:
    fill(
        pending(),
        *(register(metadata, PUBLISHED)[1] for metadata in REGISTRATIONS.values()),
        *(readiness.add_activity(client_id, NOW - 60) for client_id in ES256_PORTALS - {"app"}),
        readiness.add_set("old", ("old-key",), PUBLISHED - 900),
        readiness.add_set("new", ("old-key", "new-key"), PUBLISHED),
        fetch("ministry", "old", at=PUBLISHED - 60),
        fetch("ministry", "new"),
        fetch("province", "old", at=PUBLISHED - 60),
        fetch("", "new", "Java", "203.0.113.0/24"),
        fetch("", "old", "okhttp", "198.51.100.0/24"),
        readiness.add_stale_use(StaleUse("dossiers", "id_token_hint", "old-key"), Seen(NOW - 5, NOW - 5, 3)),
        readiness.add_stale_use(StaleUse("ministry", "key_set", "old"), Seen(NOW - 5, NOW - 5, 1)),
    )


def test_what_staff_reads(fill: Any, run: Any, now: None) -> None:
    prepare(fill)
    said = run("keys", "readiness")
    assert said.exit_code == 0
    lines = [" ".join(line.split()) for line in said.output.splitlines()]
    assert lines[:3] == [
        "Key new-key (id_token, ES256)",
        "not yet: 5 of 6 portals have not fetched it; 3 of them cannot show it",
        "published 2026-11-21 00:00:00Z, signs at the earliest 2026-11-28 00:00:00Z",
    ]
    assert "ministry Cổng dịch vụ công của Bộ has it 2026-11-21 00:01:00Z" in lines
    assert "province Cổng dịch vụ công của tỉnh fetched before 2026-11-20 23:59:00Z" in lines
    assert "dossiers Kho hồ sơ not seen - register its key_set_addresses, or its jwks to sign with" in lines
    assert "Not counted, not used in 30 days: app" in lines
    assert "Java 203.0.113.0/24 5 2 2026-11-21 00:01:00Z" in lines
    assert not any("okhttp" in line for line in lines)
    assert "dossiers showed an ID token of an old key old-key - 3 2026-11-21 23:59:55Z" in lines
    assert not any(line.startswith("rs256") for line in lines)


def test_what_a_program_reads(fill: Any, run: Any, now: None) -> None:
    prepare(fill)
    said = json.loads(run("keys", "readiness", "--json").output)
    (key,) = said["keys"]
    assert (key["kid"], key["ready"], key["published_at"]) == ("new-key", False, PUBLISHED)
    assert {one["client_id"] for one in key["portals"]} == ES256_PORTALS - {"app"}
    assert [one["client_id"] for one in key["unused"]] == ["app"]
    assert [one["agent"] for one in key["unknown"]] == ["Java"]
    assert {(one["client_id"], one["kind"], one["uses"]) for one in said["stale"]} == {
        ("dossiers", "id_token_hint", 3),
        ("ministry", "key_set", 1),
    }
    fill(*(fetch(client_id, "new", at=NOW) for client_id in ES256_PORTALS))
    (key,) = json.loads(run("keys", "readiness", "--json").output)["keys"]
    assert (key["ready"], key["verdict"]) == (True, "ready: 7 of 7 portals have fetched it")


def test_a_key_that_nobody_relies_on(fill: Any, run: Any, now: None) -> None:
    fill(pending(purpose="userinfo"), pending("unpublished", purpose="access_token", published_at=None))
    lines = run("keys", "readiness").output.splitlines()
    assert "  ready: no portal in use relies on it" in lines
    assert "  not yet: it is not published" in lines


def test_many_strangers_do_not_fill_the_screen(fill: Any, run: Any, now: None) -> None:
    fill(
        pending(),
        readiness.add_set("new", ("new-key",), PUBLISHED),
        *(fetch("", "new", "Java", f"10.0.{number}.0/24") for number in range(50)),
    )
    said = run("keys", "readiness").output
    assert said.count("Java") == 20
    assert "... and 30 more; --json has them all" in said
