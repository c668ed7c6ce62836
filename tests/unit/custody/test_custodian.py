"""What custody adds to the life of keys: proposals, approvals, audit, incidents, and one write for all of it."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from sqlalchemy import delete, insert, select, update

from idp.custody.custodian import (
    KeysMoved,
    NoSuchChange,
    approve,
    carry_out,
    propose,
    rotate,
)
from idp.store import versions
from idp.store.database import Database, step
from idp.store.schema import audit_events, key_incidents
from keys import changes, policy, store
from keys.actions import Action, Activate, Officers, Revoke
from keys.changes import Change, NotApproved
from keys.documents import canonical
from keys.history import InvalidHistory
from keys.key_log import InvalidLog
from keys.keyring import refresh_keyring
from keys.officers import OfficerKey
from keys.policy import Purpose, State
from keys.tables import key_approvals, key_changes, key_log
from tests.support.custody import (
    ACCESS_TOKEN,
    DUE,
    FEW,
    KEK,
    NOW,
    active,
    at,
    check_whole,
    custodian,
    ground_of,
    keyring_of,
    rows_of,
    waiting,
)
from tests.support.databases import connections
from tests.support.installation import ISSUER, OFFICERS, act, establish, first_actions, rotation, signed

FIRST, SECOND, THIRD = OFFICERS


def _change(*actions: Action, now: int = NOW) -> Change:
    return changes.propose(ISSUER, actions, now)


async def _revocation(db: Database, since: int = NOW) -> Change:
    return _change(Revoke((await active(db)).kid, "stolen", since))


async def _events(db: Database, kind: str) -> list[dict[str, object]]:
    rows = await db.fetch_all(select(audit_events).where(audit_events.c.kind == kind))
    return [orjson.loads(row["details"]) for row in rows]


async def test_a_ceremony_is_one_write_with_its_audit_and_the_signal_to_the_workers(db: Database) -> None:
    change = _change(*first_actions(NOW, keys=FEW))
    version = (await versions.current(db))["keys"]
    await carry_out(custodian(db), change, signed(change))
    (event,) = await _events(db, "keys.changed")
    assert event["change"] == change.change_id
    assert "pairwise" in str(event["secrets"])
    assert (await versions.current(db))["keys"] == version + 1
    (stored,) = await store.find_changes(db)
    assert (stored.change_id, stored.applied_at) == (change.change_id, NOW)
    await check_whole(db, NOW)


async def test_the_job_does_what_is_due_once(installed: Database) -> None:
    version = (await versions.current(installed))["keys"]
    assert await rotate(custodian(installed, DUE - 1)) is None
    plan = await rotate(custodian(installed, DUE))
    assert plan is not None
    assert (await versions.current(installed))["keys"] == version + 1
    assert len(await _events(installed, "keys.rotated")) == 1
    assert await rotate(custodian(installed, DUE)) is None
    await check_whole(installed, DUE)


async def test_the_second_officer_sets_a_change_off(installed: Database) -> None:
    first, second = await active(installed), await waiting(installed)
    change = await _revocation(installed)
    await propose(custodian(installed), change, changes.approve(change, FIRST))
    assert (await active(installed)).kid == first.kid
    assert await _events(installed, "keys.proposed") == [
        {"change": change.change_id, "officer": FIRST.officer.kid, "actions": ["revoke"]}
    ]
    plan = await approve(custodian(installed), change.change_id, changes.approve(change, SECOND))
    assert plan is not None
    assert (await active(installed)).kid == second.kid
    assert [event["kid"] for event in await _events(installed, "keys.revoked")] == [first.kid]
    with pytest.raises(NoSuchChange, match="carried out before"):
        await approve(custodian(installed), change.change_id, changes.approve(change, THIRD))
    await check_whole(installed, NOW)


async def test_one_officer_signs_once(installed: Database) -> None:
    change = await _revocation(installed)
    await propose(custodian(installed), change, changes.approve(change, FIRST))
    with pytest.raises(NotApproved, match="has signed this change"):
        await approve(custodian(installed), change.change_id, changes.approve(change, FIRST))
    with pytest.raises(KeysMoved, match="proposed before"):
        await propose(custodian(installed), change, changes.approve(change, SECOND))


async def test_nobody_from_elsewhere_proposes_or_approves(installed: Database) -> None:
    stranger = OfficerKey.generate()
    change = await _revocation(installed)
    before = await rows_of(installed)
    with pytest.raises(NotApproved, match="not an officer"):
        await propose(custodian(installed), change, changes.approve(change, stranger))
    elsewhere = changes.propose("https://elsewhere.example.vn", change.actions, NOW)
    with pytest.raises(NotApproved, match="is for https"):
        await propose(custodian(installed), elsewhere, changes.approve(elsewhere, FIRST))
    assert await rows_of(installed) == before
    await propose(custodian(installed), change, changes.approve(change, FIRST))
    for approval in (changes.approve(change, stranger), changes.approve(elsewhere, SECOND)):
        with pytest.raises(NotApproved):
            await approve(custodian(installed), change.change_id, approval)
    assert len(await installed.fetch_all(select(key_approvals))) == 1


async def test_a_changed_byte_in_a_proposal_is_noticed(installed: Database) -> None:
    change = await _revocation(installed)
    await propose(custodian(installed), change, changes.approve(change, FIRST))
    octets = canonical(change.document())
    mine = key_changes.c.change_id == change.change_id
    for edited in (
        octets.replace(b"stolen", b"stolem"),
        octets[:-1],
        b" " + octets,
        octets.replace(b'"kid"', b'"kit"'),
        b"[]",
        orjson.dumps(
            {**orjson.loads(octets), "actions": [{"action": "officers", "officers": [{"kty": "x"}] * 2}]}
        ),
    ):
        await installed.write(step(update(key_changes).where(mine).values(document=edited)))
        with pytest.raises(NotApproved, match="edited after it was proposed"):
            await approve(custodian(installed), change.change_id, changes.approve(change, SECOND))
    assert (await active(installed)).state is State.ACTIVE


async def test_a_proposal_that_is_too_old_is_not_carried_out_even_if_its_row_says_otherwise(
    installed: Database,
) -> None:
    change = await _revocation(installed)
    await propose(custodian(installed), change, changes.approve(change, FIRST))
    late = custodian(installed, change.expires_at)
    with pytest.raises(NoSuchChange, match="too old"):
        await approve(late, change.change_id, changes.approve(change, SECOND))
    await installed.write(step(update(key_changes).values(expires_at=change.expires_at + 10**6)))
    with pytest.raises(InvalidHistory, match="before or after its time"):
        await approve(late, change.change_id, changes.approve(change, SECOND))


async def test_a_change_that_was_carried_out_is_not_done_again_even_if_its_row_says_otherwise(
    installed: Database,
) -> None:
    change = _change(Officers(tuple(key.officer for key in OFFICERS)))
    await propose(custodian(installed), change, changes.approve(change, FIRST))
    await approve(custodian(installed), change.change_id, changes.approve(change, SECOND))
    await installed.write(step(update(key_changes).values(applied_at=None)))
    with pytest.raises(InvalidHistory, match="carried out before"):
        await approve(custodian(installed), change.change_id, changes.approve(change, THIRD))


async def test_approvals_that_were_moved_to_another_change_count_for_nothing(installed: Database) -> None:
    harmless = _change(Officers(tuple(key.officer for key in OFFICERS)))
    change = await _revocation(installed)
    await propose(custodian(installed), change, changes.approve(change, FIRST))
    moved = changes.approve(harmless, SECOND)
    row = {"change_id": change.change_id, "approved_at": NOW}
    await installed.write(
        step(insert(key_approvals).values(officer=moved.officer, signature=moved.signature, **row))
    )
    # The officer whose place was taken signs all the same, and the log holds good signatures only.
    plan = await approve(custodian(installed), change.change_id, changes.approve(change, SECOND))
    assert plan is not None
    await check_whole(installed, NOW)
    assert moved.signature not in str(await store.find_changes(installed))


async def test_signatures_of_former_officers_neither_count_nor_hinder(installed: Database) -> None:
    change = await _revocation(installed)
    await propose(custodian(installed), change, changes.approve(change, FIRST))
    await act(installed, KEK, NOW, Officers((SECOND.officer, THIRD.officer)))
    assert await approve(custodian(installed), change.change_id, changes.approve(change, SECOND)) is None
    assert await approve(custodian(installed), change.change_id, changes.approve(change, THIRD)) is not None
    await check_whole(installed, NOW)


async def test_what_was_proposed_may_be_carried_out_from_a_file(installed: Database) -> None:
    change = await _revocation(installed)
    await propose(custodian(installed), change, changes.approve(change, FIRST))
    await carry_out(custodian(installed), change, signed(change))
    with pytest.raises(NoSuchChange, match="carried out before"):
        await approve(custodian(installed), change.change_id, changes.approve(change, SECOND))
    with pytest.raises(InvalidHistory, match="carried out before"):
        await carry_out(custodian(installed), change, signed(change))


async def _incident(db: Database) -> tuple[int, int]:
    (row,) = await db.fetch_all(select(key_incidents))
    return int(row["from_at"]), int(row["until_at"])


async def test_an_incident_covers_the_time_in_which_the_key_signed(installed: Database) -> None:
    change = await _revocation(installed, since=0)
    await carry_out(custodian(installed, NOW + 50), change, signed(change))
    assert await _incident(installed) == (NOW, NOW + 51)


async def test_the_grants_of_its_successor_are_not_those_of_a_key_that_had_retired(
    installed: Database,
) -> None:
    first = await active(installed)
    await rotate(custodian(installed, DUE))
    change = _change(Revoke(first.kid, "stolen", NOW + 5), now=DUE + 7200)
    await carry_out(custodian(installed, DUE + 7200), change, signed(change))
    assert await _incident(installed) == (NOW + 5, DUE + policy.PUBLISHING_SECONDS)


async def test_a_key_that_never_signed_has_no_incident(installed: Database) -> None:
    change = _change(Revoke((await waiting(installed)).kid, "lost", 0))
    await carry_out(custodian(installed), change, signed(change))
    assert await installed.fetch_all(select(key_incidents)) == []


# Clocks.


async def test_a_clock_that_is_behind_the_log_rotates_nothing(
    installed: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await rotate(custodian(installed, DUE))
    assert await rotate(custodian(installed, DUE - 30)) is None
    assert not caplog.records
    assert await rotate(custodian(installed, NOW)) is None
    assert "of a time to come" in caplog.text
    await check_whole(installed, NOW)


async def test_a_clock_that_is_a_little_behind_still_revokes(installed: Database) -> None:
    change = await _revocation(installed)
    slow = custodian(installed, NOW - policy.CLOCK_DIFFERENCE)
    await propose(slow, change, changes.approve(change, FIRST))
    assert await approve(slow, change.change_id, changes.approve(change, SECOND)) is not None
    await check_whole(installed, NOW)
    (start, end) = await _incident(installed)
    assert start < end


async def test_after_a_clock_ran_ahead_changes_are_made_in_the_time_of_the_log(installed: Database) -> None:
    """A year was written into the log; nothing is stuck, and the key that signs is still the one of the log."""
    year = NOW + 360 * 86400
    await rotate(custodian(installed, year))
    change = changes.propose(ISSUER, [Revoke((await active(installed)).kid, "stolen", NOW)], year)
    await propose(custodian(installed), change, changes.approve(change, FIRST))
    await approve(custodian(installed), change.change_id, changes.approve(change, SECOND))
    await check_whole(installed, NOW + 10)
    late = _change(Activate((await waiting(installed, ACCESS_TOKEN)).kid))
    with pytest.raises(InvalidHistory, match="before or after its time"):
        await carry_out(custodian(installed), late, signed(late))


# Several at once.


async def test_of_eight_rotators_at_once_one_wins_and_the_others_see_it(database_url: str) -> None:
    async with connections(database_url, 8) as opened:
        await establish(opened[0], KEK, NOW, keys=FEW)
        rings = [await keyring_of(one) for one in opened]
        plans = await asyncio.gather(*(rotate(custodian(one, DUE)) for one in opened))
        assert sum(plan is not None for plan in plans) == 1
        assert len(await _events(opened[0], "keys.rotated")) == 1
        fresh = [await refresh_keyring(one, KEK, ring, DUE) for one, ring in zip(opened, rings, strict=True)]
        assert {ring.signer(Purpose.ID_TOKEN).kid for ring in fresh} == {(await active(opened[0])).kid}
        assert rings[0].signer(Purpose.ID_TOKEN).kid != fresh[0].signer(Purpose.ID_TOKEN).kid
        await check_whole(opened[0], DUE)


async def test_of_second_signatures_at_once_one_sets_it_off(database_url: str) -> None:
    async with connections(database_url, 2) as opened:
        await establish(opened[0], KEK, NOW, keys=FEW)
        change = await _revocation(opened[0])
        await propose(custodian(opened[0]), change, changes.approve(change, FIRST))
        results = await asyncio.gather(
            *(
                approve(custodian(one), change.change_id, changes.approve(change, key))
                for one, key in zip(opened, (SECOND, THIRD), strict=True)
            ),
            return_exceptions=True,
        )
        refused = [one for one in results if isinstance(one, BaseException)]
        assert [type(one) for one in refused] == [NoSuchChange]
        assert len(await _events(opened[0], "keys.revoked")) == 1
        await check_whole(opened[0], NOW)


async def test_a_revocation_in_the_middle_of_a_rotation_is_carried_out(database_url: str) -> None:
    async with connections(database_url, 2) as opened:
        await establish(opened[0], KEK, NOW, keys=FEW)
        change = changes.propose(ISSUER, [Revoke((await active(opened[0])).kid, "stolen", 0)], DUE)
        await propose(custodian(opened[0], DUE), change, changes.approve(change, FIRST))
        await asyncio.gather(
            rotate(custodian(opened[0], DUE)),
            approve(custodian(opened[1], DUE), change.change_id, changes.approve(change, SECOND)),
        )
        await rotate(custodian(opened[0], DUE))
        history = (await check_whole(opened[0], DUE)).ground.history
        assert sum(key.state is State.REVOKED for key in history.keys.values()) == 1


async def test_a_worker_adds_nothing_to_a_log_that_does_not_continue_what_it_has_seen(
    installed: Database,
) -> None:
    await rotate(custodian(installed, DUE))
    keyring = await keyring_of(installed, DUE)
    rows = await installed.fetch_all(select(key_log).where(key_log.c.checkpoint.is_not(None)))
    cut = min(row["position"] for row in rows)
    await installed.write(step(delete(key_log).where(key_log.c.position > cut)))
    before = await rows_of(installed)
    worker = custodian(installed, DUE + policy.ACTIVE_LIFETIME, keyring)
    with pytest.raises(InvalidLog, match="shortened or rewritten"):
        await rotate(worker)
    change = _change(rotation(DUE, keys=FEW), now=DUE)
    with pytest.raises(InvalidLog, match="shortened or rewritten"):
        await carry_out(at(worker, DUE), change, signed(change))
    assert await rows_of(installed) == before
    assert keyring.signer(Purpose.ID_TOKEN).kid == (await waiting(installed)).kid


async def test_a_custodian_that_has_seen_the_log_reads_on_from_there(installed: Database) -> None:
    keyring = await keyring_of(installed)
    worker = custodian(installed, DUE, keyring)
    assert await rotate(worker) is not None
    ground = await ground_of(installed, keyring.ground)
    assert ground.history == (await ground_of(installed)).history
