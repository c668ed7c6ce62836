"""Every difference between log, key set, memory and hardware module is one sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from idp.custody.comparison import compare_hardware, compare_key_set, compare_logs, compare_remembered
from keys.history import History
from keys.key_log import KeyLog
from keys.key_record import KeyRecord
from keys.notes import Checkpoint, open_checkpoint
from keys.policy import RETIRING_LIFETIME, State
from tests.support.shown_keys import ShownKeys
from tests.unit.custody.conftest import LATER, Settled

DAY: Final = 24 * 3600


@pytest.fixture
def history(settled: Settled) -> History:
    return settled.keyring.ground.history


def one(history: History, state: State, purpose: str = "id_token") -> KeyRecord:
    """A key in a state."""
    found = [key for key in history.keys.values() if (key.state, key.purpose) == (state, purpose)]
    assert found
    return found[0]


def with_state(history: History, record: KeyRecord, **changes: object) -> History:
    changed = replace(record, **changes)  # type: ignore[arg-type]  # a test names the fields
    return replace(history, keys={**history.keys, record.kid: changed})


def without(shown: ShownKeys, kid: str) -> list[dict[str, str]]:
    return [key for key in shown.keys if key["kid"] != kid]


def test_what_the_service_shows_agrees(history: History, shown: ShownKeys) -> None:
    states = {history.keys[key["kid"]].state for key in shown.keys}
    assert states == {State.PENDING, State.ACTIVE, State.RETIRING}
    assert list(compare_key_set(history, shown.keys, LATER)) == []


def test_a_key_that_is_not_in_the_log(history: History, shown: ShownKeys) -> None:
    keys = [*shown.keys, shown.keys[0] | {"kid": "stranger"}]
    assert list(compare_key_set(history, keys, LATER)) == [
        "The key stranger stands in the key set, but not in the key log."
    ]


def test_another_public_key_under_a_name(history: History, shown: ShownKeys) -> None:
    kid = shown.keys[0]["kid"]
    for change in ({"x": shown.keys[1]["x"]}, {"use": "enc"}, {"d": "private"}):
        keys = [shown.keys[0] | change, *shown.keys[1:]]
        assert list(compare_key_set(history, keys, LATER)) == [
            f"Under {kid} the key set shows another public key than the key log."
        ]


def test_a_key_that_stands_there_twice(history: History, shown: ShownKeys) -> None:
    keys = [*shown.keys, shown.keys[0]]
    assert list(compare_key_set(history, keys, LATER)) == [
        f"The key {shown.keys[0]['kid']} stands in the key set 2 times."
    ]


@pytest.mark.parametrize("state", [State.PENDING, State.ACTIVE, State.RETIRING])
def test_a_key_that_should_be_published(history: History, shown: ShownKeys, state: State) -> None:
    record = one(history, state)
    (told,) = compare_key_set(history, without(shown, record.kid), LATER)
    named = f"{record.kid} (id_token, {record.alg}, {state})"
    assert told == f"The key {named} should stand in the key set by the key log, and does not."


@pytest.mark.parametrize(
    "changes",
    [{"state": State.RETIRED}, {"state": State.REVOKED}, {"published_at": None}, {"purpose": "federation"}],
)
def test_a_key_that_must_not_be_published(
    history: History, shown: ShownKeys, changes: dict[str, object]
) -> None:
    record = one(history, State.PENDING)
    (told,) = compare_key_set(with_state(history, record, **changes), shown.keys, LATER)
    assert told.startswith(f"The key {record.kid} (")
    assert told.endswith("stands in the key set, where the key log does not allow it.")


def test_only_the_active_encryption_key_is_shown(history: History, shown: ShownKeys) -> None:
    waiting = one(history, State.PENDING, "encryption")
    (told,) = compare_key_set(history, [*shown.keys, dict(waiting.jwk)], LATER)
    assert waiting.kid in told


def test_a_key_whose_time_is_over_may_be_gone_already(history: History, shown: ShownKeys) -> None:
    over = LATER + RETIRING_LIFETIME
    assert list(compare_key_set(history, shown.keys, over)) == []
    kept = [key for key in shown.keys if history.keys[key["kid"]].state is not State.RETIRING]
    assert list(compare_key_set(history, kept, over)) == []
    assert list(compare_key_set(history, kept, over - 3600)) != []


async def test_logs_of_database_and_service(settled: Settled, shown: ShownKeys) -> None:
    own = settled.keyring.ground.log
    assert own is not None
    longer = KeyLog.signed(await settled.next_entries(LATER + 90 * DAY), shown.signer)
    assert list(compare_logs(own, own)) == []
    assert list(compare_logs(own, longer)) == []
    (told,) = compare_logs(longer, own)
    assert told == f"The service shows a key log of {own.size} entries, and the database has {longer.size}."
    other = KeyLog.signed(await settled.next_entries(LATER + 91 * DAY), shown.signer)
    assert list(compare_logs(longer, other)) == [
        (
            f"The service shows another key log than the database, from entry {own.size} on, and both are signed by its"
            " key: this is a split view."
        )
    ]


async def test_the_log_beside_what_it_was(settled: Settled, shown: ShownKeys) -> None:
    def checkpoint(log: KeyLog) -> Checkpoint:
        return open_checkpoint(log.checkpoint, shown.signer.verifier)

    longer = KeyLog.signed(await settled.next_entries(LATER + 90 * DAY), shown.signer)
    other = KeyLog.signed(await settled.next_entries(LATER + 91 * DAY), shown.signer)
    for size in (1, 2, 3, 7, shown.log.size):
        early = KeyLog.signed(shown.log.entries[:size], shown.signer)
        assert list(compare_remembered(checkpoint(early), longer)) == []
    assert list(compare_remembered(checkpoint(longer), longer)) == []
    assert list(compare_remembered(checkpoint(longer), shown.log)) == [
        f"The key log has {shown.log.size} entries, and had {longer.size}: it was shortened."
    ]
    for before, log in ((longer, other), (other, longer)):
        (told,) = compare_remembered(checkpoint(before), log)
        assert "rewritten, or this is a split view" in told


def test_the_hardware_module(history: History) -> None:
    keys = {kid: replace(key, backend="pkcs11") for kid, key in history.keys.items()}
    inside = replace(history, keys=keys)
    later = history.last_at + DAY
    held = {key.kid for key in keys.values() if key.state in {State.PENDING, State.ACTIVE}}
    assert list(compare_hardware(inside, held, later)) == []
    assert list(compare_hardware(history, (), later)) == []
    active, gone = one(inside, State.ACTIVE), one(inside, State.RETIRING)
    wrong = held - {active.kid} | {gone.kid, "motcua unfinished 1", "stranger"}
    destroyed = "is still in the hardware module, where it was to be destroyed."
    assert set(compare_hardware(inside, wrong, later)) == {
        f"The key {active.kid} (id_token, {active.alg}, active) is not in the hardware module.",
        f"The key {gone.kid} (id_token, {gone.alg}, retiring) {destroyed}",
        "The hardware module holds an unfinished key, motcua unfinished 1: a process died while it made it.",
        "The hardware module holds the key stranger, which is not in the key log.",
    }
    assert gone.retiring_at is not None
    assert list(compare_hardware(inside, held | {gone.kid}, gone.retiring_at + 60)) == [], (
        "some worker signs yet"
    )


def test_the_key_that_certifies_others_is_known(history: History) -> None:
    assert history.rotation is not None
    certifier = dict(one(history, State.ACTIVE).jwk) | {"kid": "certifier"}
    approved = replace(history, rotation=replace(history.rotation, certifier=certifier))
    assert list(compare_hardware(approved, {"certifier"}, history.last_at)) == []
    assert list(compare_hardware(history, {"certifier"}, history.last_at)) != []
