"""Keys change while a country logs in: no portal that follows the cache rules has a request that fails.

The portals fetch the key set once and keep it, as they may for a quarter of an hour: what signs next has stood in it
for days.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import jwt
import pytest
from sqlalchemy import delete, select

from idp.store import leases
from idp.store.database import Database, step
from idp.store.schema import audit_events, grants, job_leases, key_incidents
from keys import policy
from keys.actions import Generate
from keys.ground import Ground as KeyGround
from keys.policy import State
from keys.seal import KeyEncryptionKey
from tests.support.caching_portal import CachingPortal
from tests.support.databases import fresh_database
from tests.support.installation import act, establish
from tests.support.key_load import KeyLoad
from tests.support.officers_at_work import OfficersAtWork
from tests.support.population import AN, HEN, HOA, KHANG, MAI, SUONG
from tests.support.provider import Ground
from tests.support.receiving_portal import ReceivingPortal
from tests.support.served import ServedProvider, served_provider

DAY: Final = 24 * 3600
STALE_SECONDS: Final = 10
"""A worker that is slow to hear of a change may sign for so long with the key before it."""

ID_TOKEN: Final = ("id_token", "ES256")
ACCESS_TOKEN: Final = ("access_token", "ES256")
KEYS: Final = {
    "id_token": ("ES256", "RS256"),
    "access_token": ("ES256", "RS256"),
    "userinfo": ("ES256",),
}
KINDS: Final = [(purpose, alg) for purpose, algorithms in KEYS.items() for alg in algorithms]
SIGNED: Final = Counter(dict.fromkeys(KINDS, 2) | {ID_TOKEN: 4, ACCESS_TOKEN: 3})
"""How many keys of each kind sign in all: one before and one after the rotation, and those that officers called."""

PEOPLE: Final = (HOA, AN, KHANG, MAI, HEN, SUONG)
SHOWN: Final = {State.PENDING, State.ACTIVE, State.RETIRING}
PORTALS: Final = ("dossiers", "legacy-basic", "told", "enterprise")

logger = logging.getLogger(__name__)

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


async def found_long_ago(db: Database, kek: KeyEncryptionKey, issuer: str) -> None:
    """Keys that have served their time, successors enough for an eventful evening, and a job that waits for us."""
    now = int(time.time())
    await establish(db, kek, now - policy.ACTIVE_LIFETIME, issuer=issuer, keys=KEYS)
    more = [Generate(*kind, "software", publish=True) for kind in (ID_TOKEN, ACCESS_TOKEN) for _ in range(2)]
    await act(db, kek, now - 10 * DAY, *more, issuer=issuer)
    assert await leases.take(db, "rotation", holder="nobody", now=now, lifetime=DAY)


@asynccontextmanager
async def running(ground: Ground, folder: Path, told: ReceivingPortal) -> AsyncIterator[ServedProvider]:
    """Two workers on PostgreSQL, and a portal that is told of logouts."""
    async with (
        fresh_database("postgres", "provider", folder) as database_url,
        fresh_database("postgres", "registers", folder) as registers_url,
        served_provider(
            database_url,
            registers_url,
            ground,
            folder,
            workers=2,
            outbound_networks="127.0.0.0/8",
            found=found_long_ago,
        ) as served,
    ):
        await served.open_account(ground.verifier, *PEOPLE)
        await served.add_portal("told", told.uri)
        yield served


async def begin(served: ServedProvider) -> KeyLoad:
    load = KeyLoad(served)
    for number, citizen in enumerate(PEOPLE):
        await load.add_person(number % 2, PORTALS[number // 2 % 4], citizen)
    await load.add_person(0, "enterprise", HOA)
    await load.add_machine(0, "machine-es256")
    await load.add_machine(1, "machine-es256")
    return load


async def rotated(load: KeyLoad, officers: OfficersAtWork) -> dict[str, float]:
    """(a) The workers' own job finds keys due, as soon as it is let."""
    before = await officers.active(ID_TOKEN)
    expected = [await officers.next_key(kind) for kind in (ID_TOKEN, ACCESS_TOKEN, ("id_token", "RS256"))]
    await load.until(lambda: load.done["code"] >= 50, "the load has begun")
    await load.served.db.write(step(delete(job_leases)))

    async def has_rotated() -> bool:
        return (await officers.active(ID_TOKEN)).kid != before.kid

    waited = await load.until(has_rotated, "rotation")
    return {"rotation found due": waited, "rotation, all sign": await load.until_all_sign_with(*expected)}


async def activated(load: KeyLoad, officers: OfficersAtWork) -> dict[str, float]:
    """(b) Two officers do not want to wait for the day."""
    expected = await officers.next_key(ID_TOKEN)
    change = await officers.propose("activate", expected)
    begun = time.monotonic()
    await officers.approve(change)
    command = time.monotonic() - begun
    return {"activation, command": command, "activation, all sign": await load.until_all_sign_with(expected)}


async def revoked(load: KeyLoad, officers: OfficersAtWork, told: ReceivingPortal) -> dict[str, float]:
    """(c) What signs now may be in other hands."""
    kinds = (ID_TOKEN, ACCESS_TOKEN)
    taken = [(await officers.active(kind)).kid for kind in kinds]
    expected = [await officers.next_key(kind) for kind in kinds]
    changes = [await officers.propose("revoke", kid, "--reason", "A backup was lost.") for kid in taken]
    seconds = {}
    stolen = load.tokens[0]
    for change, kid in zip(changes, expected, strict=True):
        begun = time.monotonic()
        await officers.approve(change)
        seconds[f"revocation, command for {kid[:6]}"] = time.monotonic() - begun
    seconds["revocation, all sign"] = await load.until_all_sign_with(*expected)
    begun = time.monotonic()
    for worker in range(2):
        asking = load.portal("dossiers")
        with load.served.only(load.served.workers()[worker]):
            assert (await asking.http.get("/health/live")).status_code == 200

        async def is_refused(asking: CachingPortal = asking) -> bool:
            answered = await asking.introspect(stolen.access_token)
            return answered == {"active": False} and (
                (await asking.userinfo(stolen.access_token)).status_code == 401
            )

        await load.until(is_refused, "a stolen token is refused")
        assert (await asking.refresh(stolen.refresh_token)).status_code == 400
    seconds["revocation, refused at all"] = time.monotonic() - begun
    seconds["revocation, portal told"] = await load.until(lambda: bool(told.received), "a logout token")
    return seconds


async def test_nothing_fails_while_keys_change(
    provider_ground: Ground, tmp_path: Path, receiver: ReceivingPortal
) -> None:
    async with running(provider_ground, tmp_path, receiver) as served:
        officers, load = OfficersAtWork(served, provider_ground, tmp_path), await begin(served)
        async with load.running():
            seconds = await rotated(load, officers)
            seconds |= await activated(load, officers)
            revocation_at = time.time()
            seconds |= await revoked(load, officers, receiver)
            after = load.done["code"] + 50
            await load.until(lambda: load.done["code"] >= after, "life goes on")
        logger.info("done: %s; ended by the revocation: %d", dict(load.done), len(load.failures))
        logger.info("seconds: %s", {name: round(value, 2) for name, value in seconds.items()})
        ground = await officers.ground()
        assert [one for one in load.failures if one.begun < revocation_at] == []
        assert await load.not_meant(revoked_keys(ground)) == []
        check_signatures(load, ground)
        await check_portals(load, ground, receiver)
        await check_incident(served, ground)


def revoked_keys(ground: KeyGround) -> frozenset[str]:
    return frozenset(kid for kid, key in ground.history.keys.items() if key.state is State.REVOKED)


def check_signatures(load: KeyLoad, ground: KeyGround) -> None:
    """Each key signed from when it was active until the last worker had heard that another one is."""
    for one in load.issued:
        key = ground.history.keys[one.kid]
        ended = key.retiring_at or key.revoked_at or one.iat
        assert key.kind == (one.purpose, one.alg)
        assert key.activated_at is not None
        assert key.activated_at <= one.iat <= ended + STALE_SECONDS, (one, key)
    kinds = Counter(ground.history.keys[kid].kind for kid in {one.kid for one in load.issued})
    assert kinds == SIGNED


async def check_portals(load: KeyLoad, ground: KeyGround, told: ReceivingPortal) -> None:
    """Nobody fetched twice; whose time is over fetches what stands now, and is told when nothing has changed."""
    for portal in load.portals:
        assert portal.fetches == 1
    portal = next(one for one in load.portals if one.client_id == "told")
    for request in told.received:
        claims = await portal.verify(request.token)
        header = jwt.get_unverified_header(request.token)
        assert header["typ"] == "logout+jwt"
        assert header["kid"] not in revoked_keys(ground)
        assert claims["events"]
    for unchanged in (0, 1):
        portal.age()
        kids = {key.key_id for key in (await portal.key_set()).keys}
        assert portal.unchanged == unchanged
        states = {kid: key.state for kid, key in ground.history.keys.items()}
        assert kids == {kid for kid, state in states.items() if state in SHOWN}


async def check_incident(served: ServedProvider, ground: KeyGround) -> None:
    """Two keys, two incidents; grants from before are over, and it stands in the audit."""
    incidents = await served.db.fetch_all(select(key_incidents))
    assert {row["incident_id"] for row in incidents} == revoked_keys(ground)
    rows = await served.db.fetch_all(select(grants))
    first = min(row["created_at"] for row in incidents)
    alive = [row for row in rows if row["created_at"] < first and row["revoked_at"] is None]
    assert {row["client_id"] for row in alive} == {"legacy-basic"}, "its tokens are of other keys"
    assert {row["revoke_reason"] for row in rows if row["revoked_at"] is not None} == {"key_revoked"}
    events = await served.db.fetch_all(select(audit_events).where(audit_events.c.kind == "keys.revoked"))
    assert {json.loads(row["details"])["kid"] for row in events} == revoked_keys(ground)
    assert {json.loads(row["details"])["reason"] for row in events} == {"A backup was lost."}
