"""An emergency revocation ends every grant that the key may have signed for and queues exactly their portals."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest

from idp.context import Context
from idp.jobs.incidents import end_incident, end_incidents
from idp.settings import Settings
from idp.store import accounts, clients, grants, incidents, logout_outbox
from idp.store.database import NothingChanged
from idp.store.grants import Grant
from idp.store.schema import audit_events
from idp.store.schema import grants as grants_table
from keys.policy import Purpose
from tests.support.persons import open_session, secrets_only

NOW = 1_795_305_600
HOUR = 3600
ACCOUNT = "account-1"
INCIDENT = "incident-1"
TOLD = "https://portal.example/logout"
GRANT = Grant(
    grant_id="g",
    client_id="es",
    account_id=ACCOUNT,
    session_id="s1",
    redirect_uri="https://portal.example/callback",
    code_challenge=None,
    nonce=None,
    scope=("openid",),
    claims="{}",
    auth_time=NOW,
    amr=("pwd",),
    authentication_level=1,
    acting_for="",
    created_at=NOW - HOUR,
    code_expires_at=NOW - HOUR + 60,
    revoked_at=None,
    expires_at=NOW + HOUR,
)
CLIENTS = {
    "es": {"backchannel_logout_uri": TOLD},
    "es-deaf": {},
    "rs": {
        "backchannel_logout_uri": TOLD,
        "id_token_signed_response_alg": "RS256",
        "access_token_signed_response_alg": "RS256",
    },
    "mixed": {"backchannel_logout_uri": TOLD, "id_token_signed_response_alg": "RS256"},
}


async def keep(db: Any, *, redeemed: bool = True, **changes: Any) -> str:
    """A grant, its code redeemed as soon as it was made."""
    grant = replace(GRANT, **changes)
    digest = grant.grant_id.encode().ljust(32)
    await db.write(grants.add(grant, digest))
    if redeemed:
        assert await grants.burn_code(db, digest, grant.created_at)
    return grant.grant_id


@pytest.fixture
async def country(db: Any) -> Any:
    """A database with one account, its session, and clients of several algorithms."""
    await db.write(
        accounts.add(ACCOUNT, "p-1", "02", NOW),
        *(
            clients.add(name, orjson.dumps(metadata).decode(), secret_digest=None, now=NOW)
            for name, metadata in CLIENTS.items()
        ),
    )
    await db.write(*(open_session(name, ACCOUNT) for name in ("s1", "s2")))
    return db


def revocation(
    alg: str = "ES256", *purposes: Purpose, from_at: int = NOW - 2 * HOUR, until_at: int = NOW
) -> Any:
    """The steps of an emergency."""
    return incidents.revoke_signed(
        INCIDENT,
        alg,
        purposes or (Purpose.ID_TOKEN, Purpose.ACCESS_TOKEN),
        from_at=from_at,
        until_at=until_at,
        reason="key_revoked",
        now=NOW,
    )


async def live(db: Any, *grant_ids: str) -> set[str]:
    """Which of these still work."""
    return {one for one in grant_ids if await grants.find_live(db, one, NOW) is not None}


async def queued(db: Any) -> list[tuple[str, str]]:
    return sorted((row["session_id"], row["client_id"]) for row in await logout_outbox.page(db))


async def found(db: Any) -> incidents.Incident:
    incident = await incidents.find(db, INCIDENT)
    assert incident is not None
    return incident


async def test_the_write_that_revokes_the_key_ends_the_grants_and_queues_their_portals(country: Any) -> None:
    for name, client_id, session_id in (
        ("a1", "es", "s1"),
        ("a2", "es", "s1"),
        ("a3", "es", "s2"),
        ("a4", "es-deaf", "s1"),
        ("a5", "rs", "s1"),
        ("a6", "mixed", "s2"),
    ):
        await keep(country, grant_id=name, client_id=client_id, session_id=session_id)
    await country.write(*revocation())
    assert await live(country, "a1", "a2", "a3", "a4", "a5", "a6") == {"a5"}
    assert await queued(country) == [("s1", "es"), ("s2", "es"), ("s2", "mixed")]
    assert (await found(country)).grants_revoked == 5


@pytest.mark.parametrize(
    ("alg", "purpose", "ended"),
    [
        ("ES256", Purpose.ID_TOKEN, {"es"}),
        ("ES256", Purpose.ACCESS_TOKEN, {"es", "mixed"}),
        ("RS256", Purpose.ID_TOKEN, {"rs", "mixed"}),
        ("RS256", Purpose.ACCESS_TOKEN, {"rs"}),
        ("EdDSA", Purpose.ID_TOKEN, set()),
    ],
)
async def test_a_client_is_concerned_by_the_algorithm_of_the_purpose(
    country: Any, alg: str, purpose: Purpose, ended: set[str]
) -> None:
    for name in CLIENTS:
        await keep(country, grant_id=name, client_id=name)
    await country.write(*revocation(alg, purpose))
    assert set(CLIENTS) - await live(country, *CLIENTS) == ended | ({"es-deaf"} if "es" in ended else set())


def test_nothing_follows_from_a_key_of_another_purpose() -> None:
    assert revocation("ES256", Purpose.AUDIT, Purpose.FEDERATION) == ()


@pytest.mark.parametrize(
    ("created_at", "expires_at", "is_ended"),
    [
        (NOW - 3 * HOUR, NOW - HOUR, True),  # reaches into the time
        (NOW - 3 * HOUR, NOW - 2 * HOUR, False),  # was over when it began
        (NOW - 1, NOW + HOUR, True),
        (NOW, NOW + HOUR, False),  # made by the next key
    ],
)
async def test_a_grant_is_concerned_by_its_time(
    country: Any, created_at: int, expires_at: int, *, is_ended: bool
) -> None:
    await keep(country, created_at=created_at, expires_at=expires_at)
    await country.write(*revocation())
    assert (await queued(country) == [("s1", "es")]) is is_ended
    assert (await found(country)).grants_revoked == int(is_ended)


async def test_a_code_that_was_not_redeemed_yet_is_left_to_the_next_key(country: Any) -> None:
    await keep(country, redeemed=False)
    await country.write(*revocation())
    assert await live(country, "g") == {"g"}
    digest = b"g".ljust(32)
    assert await grants.burn_code(country, digest, NOW + 1)
    await end_incidents(lambda: _context(country, NOW + incidents.SETTLING))
    assert await live(country, "g") == {"g"}
    assert await queued(country) == []


async def test_a_grant_that_was_revoked_before_stays_as_it_was(country: Any) -> None:
    await keep(country)
    await country.write(grants.revoke("g", "client", NOW - 5))
    await country.write(*revocation())
    row = await country.fetch_one(grants_table.select().where(grants_table.c.grant_id == "g"))
    assert (row["revoked_at"], row["revoke_reason"]) == (NOW - 5, "client")
    assert await queued(country) == []


async def test_what_undoes_the_write_undoes_all_of_it(country: Any) -> None:
    await keep(country)
    with pytest.raises(NothingChanged):
        await country.write(*revocation(), accounts.unlock(ACCOUNT))
    assert await live(country, "g") == {"g"}
    assert await queued(country) == []
    assert await incidents.find(country, INCIDENT) is None


NAMES = tuple(f"g{number:02}" for number in range(10))


@pytest.fixture
async def many(country: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """More grants than one write looks at."""
    monkeypatch.setattr(incidents, "STRETCH", 3)
    for number, name in enumerate(NAMES):
        await keep(country, grant_id=name, session_id=f"s{number % 2 + 1}")
    return country


async def step_on(db: Any, now: int) -> bool:
    """Go on by one write; whether there was one."""
    steps = incidents.go_on(await found(db), now)
    if steps:
        await db.write(*steps)
    return bool(steps)


async def test_a_write_is_bounded_and_the_next_ones_go_on_to_the_end(many: Any) -> None:
    await many.write(*revocation())
    assert await live(many, *NAMES) == set(NAMES[3:])
    left = []
    while await step_on(many, NOW + 1):
        left.append(len(await live(many, *NAMES)))
    assert left == [4, 1, 0, 0]
    assert (await found(many)).grants_revoked == 10
    assert (await found(many)).finished_at is None
    assert await queued(many) == [("s1", "es"), ("s2", "es")]


async def test_grants_made_by_a_worker_that_had_not_heard_are_found_by_the_last_walk(many: Any) -> None:
    await many.write(*revocation(until_at=NOW + 5))
    while await step_on(many, NOW + 1):
        pass
    await keep(many, grant_id="a-late-one", created_at=NOW + 4)
    await keep(many, grant_id="a-new-one", created_at=NOW + 5)
    later = NOW + 5 + incidents.SETTLING
    assert not await step_on(many, later - 1)
    while await step_on(many, later):
        pass
    assert await live(many, "a-late-one", "a-new-one") == {"a-new-one"}
    assert (await found(many)).finished_at == later
    assert (await found(many)).grants_revoked == 11
    assert await incidents.unfinished(many) == []


async def test_of_several_who_go_on_at_once_each_stretch_is_done_once(many: Any) -> None:
    await many.write(*revocation())
    seen = await found(many)

    async def attempt() -> bool:
        try:
            await many.write(*incidents.go_on(seen, NOW + 1))
        except NothingChanged:
            return False
        return True

    assert sum(await asyncio.gather(*(attempt() for _ in range(8)))) == 1
    assert (await found(many)).grants_revoked == 6


async def test_the_job_ends_it_and_tells_the_audit(many: Any) -> None:
    context = _context(many, NOW + incidents.SETTLING)
    await many.write(*revocation())
    await end_incidents(lambda: context)
    assert await live(many, *NAMES) == set()
    events = await many.fetch_all(audit_events.select())
    assert [(row["kind"], orjson.loads(row["details"])) for row in events] == [
        (
            "incident.ended",
            {"incident": INCIDENT, "reason": "key_revoked", "grants_revoked": 10, "logouts_queued": 2},
        )
    ]
    await end_incidents(lambda: context)
    assert len(await many.fetch_all(audit_events.select())) == 1
    ended = await end_incident(lambda: context, INCIDENT)
    assert ended is not None
    assert ended.finished_at == NOW + incidents.SETTLING


async def test_before_everybody_has_heard_the_job_does_what_it_can(many: Any) -> None:
    await many.write(*revocation())
    await end_incidents(lambda: _context(many, NOW + 1))
    assert await live(many, *NAMES) == set()
    assert [one.incident_id for one in await incidents.unfinished(many)] == [INCIDENT]


async def test_without_any_grant_it_ends_as_well(country: Any) -> None:
    await country.write(*revocation())
    await end_incidents(lambda: _context(country, NOW + incidents.SETTLING))
    assert (await found(country)).grants_revoked == 0
    assert await incidents.unfinished(country) == []


def _context(db: Any, now: int) -> Any:

    return Context(
        settings=Settings(),
        db=db,
        registers=db,
        keyring=secrets_only(),
        now=now,
        request_id="job-1",
        address="local",
        network="local",
    )
