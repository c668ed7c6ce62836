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
from keys.seal import KeyEncryptionKey
from keys.signatures import SignatureMismatch
from keys.tables import signing_keys
from tests.support.custody import (
    DUE,
    KEK,
    NOW,
    active,
    ground_of,
    live,
    rows_of,
)
from tests.support.installation import ISSUER, OFFICERS, act, steps
from tests.support.installation import signed as approved

FOREIGN_KEK = KeyEncryptionKey.of(b"x" * 32)
K = signing_keys.c


@pytest.fixture
async def installed(db: Database) -> Database:
    """An installation with a life behind it."""
    await live(db)
    return db


async def _tried(db: Database, change: Change, approvals: list[Any], now: int = DUE + 2) -> None:
    plan = Plan(await ground_of(db), KEK, now)
    await plan.carry_out(change, approvals, proposed=False)
    await db.write(*steps(plan.statements()))


async def _revocation(db: Database, now: int = DUE + 2, **changes: Any) -> Change:
    return propose(changes.get("issuer", ISSUER), [Revoke((await active(db)).kid, "stolen", 0)], now)


async def test_signatures_are_used_once(installed: Database) -> None:
    change = propose(ISSUER, [Officers(tuple(key.officer for key in OFFICERS))], DUE + 2)
    await _tried(installed, change, approved(change))
    with pytest.raises(InvalidHistory, match="carried out before"):
        await _tried(installed, change, approved(change))


async def test_signatures_are_good_for_one_document(installed: Database) -> None:
    harmless = propose(ISSUER, [Officers(tuple(key.officer for key in OFFICERS))], DUE + 2)
    with pytest.raises(InvalidHistory, match="not one under this change"):
        await _tried(installed, await _revocation(installed), approved(harmless))


async def test_one_officer_is_one_officer(installed: Database) -> None:
    change = await _revocation(installed)
    with pytest.raises(InvalidHistory, match="it has 1"):
        await _tried(installed, change, approved(change, OFFICERS[0], OFFICERS[0]))
    with pytest.raises(InvalidHistory, match="it has 1"):
        await _tried(installed, change, approved(change, OFFICERS[0]))


async def test_officers_of_elsewhere_have_no_say(installed: Database) -> None:
    change = await _revocation(installed)
    with pytest.raises(InvalidHistory, match="is not an officer of this installation"):
        await _tried(installed, change, approved(change, OFFICERS[0], OfficerKey.generate()))
    forged = Approval(OFFICERS[1].officer.kid, approve(change, OfficerKey.generate()).signature)
    with pytest.raises(InvalidHistory, match="not one under this change"):
        await _tried(installed, change, [approve(change, OFFICERS[0]), forged])


async def test_a_change_for_another_installation_is_not_ours(installed: Database) -> None:
    change = await _revocation(installed, issuer="https://elsewhere.example.vn")
    with pytest.raises(InvalidHistory, match=r"the change is for https://elsewhere\.example\.vn"):
        await _tried(installed, change, approved(change))


async def test_a_change_has_its_time(installed: Database) -> None:
    change = await _revocation(installed)
    with pytest.raises(InvalidHistory, match="before or after its time"):
        await _tried(installed, change, approved(change), DUE + 2 + policy.CHANGE_LIFETIME)
    early = await _revocation(installed, DUE + 3 + policy.CLOCK_DIFFERENCE)
    with pytest.raises(InvalidHistory, match="before or after its time"):
        await _tried(installed, early, approved(early), DUE + 2)
    await _tried(installed, change, approved(change), DUE + 1 + policy.CHANGE_LIFETIME)


async def test_a_former_officer_has_no_say(installed: Database) -> None:
    change = await _revocation(installed)
    await act(installed, KEK, DUE + 2, Officers(tuple(key.officer for key in OFFICERS[1:])))
    with pytest.raises(InvalidHistory, match="is not an officer of this installation"):
        await _tried(installed, change, approved(change))
    await _tried(installed, change, approved(change, *OFFICERS[1:]))


async def test_officers_cannot_appoint_themselves(installed: Database) -> None:
    own = (OfficerKey.generate(), OfficerKey.generate())
    change = propose(ISSUER, [Officers(tuple(key.officer for key in own))], DUE + 2)
    with pytest.raises(InvalidHistory, match="is not an officer of this installation"):
        await _tried(installed, change, approved(change, *own))


async def test_what_is_refused_leaves_no_trace(installed: Database) -> None:
    before = await rows_of(installed)
    change = await _revocation(installed)
    with pytest.raises(InvalidHistory):
        await _tried(installed, change, approved(change, OFFICERS[0]))
    assert await rows_of(installed) == before


def test_a_signature_under_a_change_is_never_one_under_a_token() -> None:
    change = propose(ISSUER, [Revoke("k", "stolen", 0)], NOW)
    signature = base64url.decode(approve(change, OFFICERS[0]).signature)
    with pytest.raises(SignatureMismatch):
        OFFICERS[0].officer.verify(signature, canonical(change.document()))
