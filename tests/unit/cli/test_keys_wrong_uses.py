"""What must not change keys does not: one person alone, a stranger, an edited row, an old signature, two at once."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import bindparam, insert, update

from idp.cli.runtime import open_runtime
from idp.custody.custodian import Custodian, NoSuchChange, approve
from idp.custody.hardware import custodian_of
from idp.settings import read_settings
from keys import changes, store
from keys.actions import Retire
from keys.changes import read_change
from keys.documents import canonical
from keys.policy import State
from keys.store import find_changes
from keys.tables import key_approvals, key_changes
from tests.support.installation import LOCAL, OFFICERS
from tests.support.officers_desk import DAY, STRANGER, Desk

_ALL_CHANGES = update(key_changes).where(key_changes.c.applied_at.is_(None))


@pytest.fixture
def desk(environment: Path, database_url: str) -> Desk:
    return Desk.furnish(environment, database_url)


@pytest.fixture
def change(desk: Desk) -> str:
    """Proposed by the first officer: retire the pending key."""
    return desk.proposed("retire", desk.kid(State.PENDING))


def standing(desk: Desk, change: str) -> dict[str, Any]:
    (found,) = (one for one in json.loads(desk.run("changes", "--json").stdout) if one["change"] == change)
    return dict(found)


def test_one_officer_is_not_two(desk: Desk, change: str) -> None:
    kid = OFFICERS[0].officer.kid
    assert desk.refused(change, officer=0) == f"{kid} has signed this change: another officer must."
    assert desk.kid(State.PENDING)


def test_a_stranger_neither_proposes_nor_approves(desk: Desk, change: str) -> None:
    sentence = f"{STRANGER.officer.kid} is not an officer of this installation."
    assert desk.refused(change, officer=3) == sentence
    proposal = ("retire", desk.kid(State.PENDING), "--officer", str(desk.files[3]))
    assert desk.told(*proposal) == sentence
    assert len(json.loads(desk.run("changes", "--open", "--json").output)) == 1


def test_an_edited_document_is_refused(desk: Desk, change: str) -> None:
    (stored,) = (
        row["document"] for row in desk.read(key_changes.select().where(key_changes.c.applied_at.is_(None)))
    )
    edited = bytes(stored).replace(b'"action":"retire"', b'"action":"publish"')
    desk.write(_ALL_CHANGES.values(document=bindparam("edited")), edited=edited)
    sentence = f"The change {change} was edited after it was proposed."
    assert desk.refused(change) == sentence
    assert (standing(desk, change)["standing"], standing(desk, change)["why"]) == ("refused", sentence)
    assert f"{change}  refused: {sentence}" in desk.run("changes").output
    desk.write(_ALL_CHANGES.values(document=bindparam("edited")), edited=b" " + edited)
    assert desk.refused(change).startswith(f"The change {change} was edited after it was proposed: ")


def test_an_old_proposal_is_void(desk: Desk) -> None:
    proposed_at = int(time.time()) - DAY - 60
    old = changes.propose(LOCAL, (Retire(desk.kid(State.PENDING)),), proposed_at)
    change, document = old.change_id, canonical(old.document())
    for kept in (
        store.add_change(change, document, proposed_at, old.expires_at),
        store.add_approval(change, changes.approve(old, OFFICERS[0]), proposed_at),
    ):
        desk.write(kept.query, **kept.values)
    assert desk.refused(change) == f"The change {change} is too old: propose it anew."
    assert standing(desk, change)["standing"] == "expired"
    desk.write(_ALL_CHANGES.values(expires_at=int(time.time()) + DAY))
    assert desk.refused(change).endswith("the change was carried out before or after its time")
    assert standing(desk, change)["standing"] == "expired"


def test_nothing_is_carried_out_twice(desk: Desk) -> None:
    change = desk.proposed("generate", "--purpose", "id_token", "--alg", "ES256")
    desk.approved(change)
    keys = len(desk.ground().history.keys)
    assert desk.refused(change, officer=2) == f"The change {change} was carried out before."
    desk.write(
        update(key_changes).where(key_changes.c.change_id == bindparam("change")).values(applied_at=None),
        change=change,
    )
    assert desk.refused(change, officer=2).endswith("the change was carried out before")
    assert standing(desk, change)["standing"] == "carried out"
    assert len(desk.ground().history.keys) == keys


def test_a_row_cannot_say_that_it_was_carried_out(desk: Desk, change: str) -> None:
    desk.write(_ALL_CHANGES.values(applied_at=1))
    found = standing(desk, change)
    assert (found["standing"], found["why"]) == (
        "refused",
        "Its row says that it was carried out, and the key log does not.",
    )


def test_a_planted_signature_does_not_count(desk: Desk, change: str) -> None:
    planted = {"officer": OFFICERS[1].officer.kid, "signature": "A" * 86, "approved_at": 1}
    desk.write(insert(key_approvals).values(change_id=change, **planted))
    assert standing(desk, change)["signatures_that_do_not_count"] == [planted["officer"]]
    assert f"a signature that does not count: {planted['officer']}" in desk.run("changes").output
    assert desk.approved(change, officer=2)["carried_out"]
    shown = standing(desk, change)
    assert set(shown["officers"]) == {OFFICERS[0].officer.kid, OFFICERS[2].officer.kid}


def test_what_does_not_exist_is_told(desk: Desk) -> None:
    nothing = "x" * 43
    for command in (("publish",), ("activate",), ("retire",), ("export",), ("revoke", "--reason", "r")):
        told = desk.told(*command, nothing, "--officer", str(desk.files[0]))
        assert told == f"There is no key {nothing}."
    assert desk.refused(nothing) == f"No change {nothing} was proposed."
    assert desk.told("show", nothing) == f"There is no key {nothing}."


def test_an_identifier_may_begin_with_a_hyphen(desk: Desk) -> None:
    hyphened = "-" + "h" * 42
    assert desk.told("show", hyphened) == f"There is no key {hyphened}."
    assert desk.told("retire", hyphened, "--officer", str(desk.files[0])) == f"There is no key {hyphened}."
    assert desk.refused(hyphened) == f"No change {hyphened} was proposed."
    assert desk.told("show", "--", hyphened) == f"There is no key {hyphened}."


def test_a_change_that_became_impossible_is_told_before_it_is_signed(desk: Desk, change: str) -> None:
    kid = desk.kid(State.PENDING)
    desk.done("activate", kid)
    assert desk.refused(change).startswith(f"The key {kid} signs: it retires by itself")
    (one,) = json.loads(desk.run("changes", "--open", "--json").output)
    assert one["officers"] == [OFFICERS[0].officer.kid]


@pytest.mark.parametrize(
    ("passphrase", "sentence"),
    [
        ("right\n", ""),
        ("wrong\n", "does not open: the passphrase is wrong or missing"),
        ("\n", "is empty"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_key_opens_with_its_passphrase(desk: Desk, passphrase: str | None, sentence: str) -> None:
    key, file = desk.folder / "locked.key", desk.folder / "passphrase"
    OFFICERS[0].create_file(key, b"right")
    if passphrase is not None:
        file.touch(mode=0o600)
        file.write_text(passphrase)
    arguments = ("retire", desk.kid(State.PENDING), "--officer", str(key), "--passphrase-file", str(file))
    if sentence:
        assert sentence in desk.told(*arguments)
    else:
        assert desk.run(*arguments).exit_code == 0


def test_a_key_that_others_can_read_is_refused(desk: Desk, change: str) -> None:
    desk.files[1].chmod(0o640)
    assert desk.refused(change).endswith("is open to other accounts; chmod 600 it.")


async def _approvals_at_once(desk: Desk, change_id: str) -> list[object]:
    """Two officers approve in the same moment, each by a process of their own."""
    settings = read_settings(desk.settings)

    async with (
        open_runtime(settings, registers=False) as one,
        open_runtime(settings, registers=False) as other,
    ):
        (stored,) = (row for row in await find_changes(one.db) if row.change_id == change_id)
        change = read_change(orjson.loads(stored.document))
        custodians: list[Custodian] = [custodian_of(one), custodian_of(other)]
        return await asyncio.gather(
            *(
                approve(custodian, change_id, changes.approve(change, key))
                for custodian, key in zip(custodians, OFFICERS[1:], strict=True)
            ),
            return_exceptions=True,
        )


def test_two_approvals_at_once_carry_out_once(desk: Desk) -> None:
    change = desk.proposed("generate", "--purpose", "id_token", "--alg", "ES256")
    keys, size = len(desk.ground().history.keys), desk.ground().history.size
    refusals = [one for one in asyncio.run(_approvals_at_once(desk, change)) if isinstance(one, Exception)]
    assert [type(one) for one in refusals] == [NoSuchChange]
    assert len(desk.ground().history.keys) == keys + 1
    assert desk.ground().history.size == size + 3  # the change, generated, published
    assert len(standing(desk, change)["officers"]) == 2


def test_before_the_first_ceremony_nobody_is_an_officer(environment: Path, run: Any) -> None:
    (environment / "kek").touch(mode=0o600)
    (environment / "kek").write_bytes(b"k" * 32)
    run("migrate")
    key = environment / "officer.key"
    OFFICERS[0].create_file(key, None)
    refused = run("keys", "rotation", "--officer", str(key))
    assert refused.exit_code == 1
    assert refused.output.startswith("Error: There are no officers yet")
