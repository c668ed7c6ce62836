"""Signatures that were used before, were made for something else, or by nobody who has a say."""

from __future__ import annotations

from typing import Any

import pytest

from idp.store.database import Database
from keys import base64url, policy
from keys.actions import Officers, Revoke
from keys.changes import Approval, Change, approve, propose
from keys.documents import canonical
from keys.history import InvalidHistory
from keys.lifecycle import Plan
from keys.officers import OfficerKey
from keys.signatures import SignatureMismatch
from tests.support.custody import (
    DUE,
    KEK,
    NOW,
    active,
    ground_of,
    rows_of,
)
from tests.support.installation import ISSUER, OFFICERS, act, steps
from tests.support.installation import signed as approved


async def _tried(db: Database, change: Change, approvals: list[Any], now: int = DUE + 2) -> None:
    plan = Plan(await ground_of(db), KEK, now)
    await plan.carry_out(change, approvals, proposed=False)
    await db.write(*steps(plan.statements()))


async def _revocation(db: Database, now: int = DUE + 2, **changes: Any) -> Change:
    return propose(changes.get("issuer", ISSUER), [Revoke((await active(db)).kid, "stolen", 0)], now)


async def test_signatures_are_used_once(seasoned: Database) -> None:
    change = propose(ISSUER, [Officers(tuple(key.officer for key in OFFICERS))], DUE + 2)
    await _tried(seasoned, change, approved(change))
    with pytest.raises(InvalidHistory, match="carried out before"):
        await _tried(seasoned, change, approved(change))


async def test_signatures_are_good_for_one_document(seasoned: Database) -> None:
    harmless = propose(ISSUER, [Officers(tuple(key.officer for key in OFFICERS))], DUE + 2)
    with pytest.raises(InvalidHistory, match="not one under this change"):
        await _tried(seasoned, await _revocation(seasoned), approved(harmless))


async def test_one_officer_is_one_officer(seasoned: Database) -> None:
    change = await _revocation(seasoned)
    with pytest.raises(InvalidHistory, match="it has 1"):
        await _tried(seasoned, change, approved(change, OFFICERS[0], OFFICERS[0]))
    with pytest.raises(InvalidHistory, match="it has 1"):
        await _tried(seasoned, change, approved(change, OFFICERS[0]))


async def test_officers_of_elsewhere_have_no_say(seasoned: Database) -> None:
    change = await _revocation(seasoned)
    with pytest.raises(InvalidHistory, match="is not an officer of this installation"):
        await _tried(seasoned, change, approved(change, OFFICERS[0], OfficerKey.generate()))
    forged = Approval(OFFICERS[1].officer.kid, approve(change, OfficerKey.generate()).signature)
    with pytest.raises(InvalidHistory, match="not one under this change"):
        await _tried(seasoned, change, [approve(change, OFFICERS[0]), forged])


async def test_a_change_for_another_installation_is_not_ours(seasoned: Database) -> None:
    change = await _revocation(seasoned, issuer="https://elsewhere.example.vn")
    with pytest.raises(InvalidHistory, match=r"the change is for https://elsewhere\.example\.vn"):
        await _tried(seasoned, change, approved(change))


async def test_a_change_has_its_time(seasoned: Database) -> None:
    change = await _revocation(seasoned)
    with pytest.raises(InvalidHistory, match="before or after its time"):
        await _tried(seasoned, change, approved(change), DUE + 2 + policy.CHANGE_LIFETIME)
    early = await _revocation(seasoned, DUE + 3 + policy.CLOCK_DIFFERENCE)
    with pytest.raises(InvalidHistory, match="before or after its time"):
        await _tried(seasoned, early, approved(early), DUE + 2)
    await _tried(seasoned, change, approved(change), DUE + 1 + policy.CHANGE_LIFETIME)


async def test_a_former_officer_has_no_say(seasoned: Database) -> None:
    change = await _revocation(seasoned)
    await act(seasoned, KEK, DUE + 2, Officers(tuple(key.officer for key in OFFICERS[1:])))
    with pytest.raises(InvalidHistory, match="is not an officer of this installation"):
        await _tried(seasoned, change, approved(change))
    await _tried(seasoned, change, approved(change, *OFFICERS[1:]))


async def test_officers_cannot_appoint_themselves(seasoned: Database) -> None:
    own = (OfficerKey.generate(), OfficerKey.generate())
    change = propose(ISSUER, [Officers(tuple(key.officer for key in own))], DUE + 2)
    with pytest.raises(InvalidHistory, match="is not an officer of this installation"):
        await _tried(seasoned, change, approved(change, *own))


async def test_what_is_refused_leaves_no_trace(seasoned: Database) -> None:
    before = await rows_of(seasoned)
    change = await _revocation(seasoned)
    with pytest.raises(InvalidHistory):
        await _tried(seasoned, change, approved(change, OFFICERS[0]))
    assert await rows_of(seasoned) == before


def test_a_signature_under_a_change_is_never_one_under_a_token() -> None:
    change = propose(ISSUER, [Revoke("k", "stolen", 0)], NOW)
    signature = base64url.decode(approve(change, OFFICERS[0]).signature)
    with pytest.raises(SignatureMismatch):
        OFFICERS[0].officer.verify(signature, canonical(change.document()))
