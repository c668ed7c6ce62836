"""What the registers say of a person ends their sessions and is told to their portals, whoever else is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest
from sqlalchemy import insert, select, update

from idp.jobs import register_watch
from idp.jobs.register_watch import LONGEST_REST, RegisterWatch
from idp.registers.calendar import today
from idp.registers.schema import load_progress, people, personal_numbers
from idp.registers.standing import Standing
from idp.registers.standings import AT_ONCE, LoadMark, find_mark, find_standings
from idp.registers.types import PersonStatus
from idp.store import sessions
from idp.store.database import step
from idp.store.schema import sessions as sessions_table
from tests.support.logouts import follow_registers, queued
from tests.support.on_sqlite import on_sqlite
from tests.support.persons import open_session
from tests.support.population import AN, HEN, HOA, KHANG, MAI, SUONG, Citizen, change_citizen
from tests.support.provider import Provider

STOPS: Final[Mapping[Citizen, tuple[dict[str, str | None], str]]] = {
    HOA: ({"status": "deceased"}, "deceased"),
    KHANG: ({"status": "missing"}, "missing"),
    MAI: ({"card_status": "locked"}, "card_locked"),
    HEN: ({"card_status": "none", "card_expires_on": None}, "no_card"),
    SUONG: ({"card_expires_on": "2026-11-21"}, "card_expired"),
}


async def open_for(one: Provider, citizen: Citizen, *names: str) -> str:
    """Sessions of a person in which the portal `told` takes part; the account."""
    account_id, now = (await one.account(citizen)).account_id, int(one.clock())
    for name in names:
        await one.db.write(open_session(name, account_id, now), sessions.join_client(name, "told", None, now))
    return account_id


async def ended(one: Provider) -> dict[str, str | None]:
    """Every session, and why it was ended."""
    rows = await one.db.fetch_all(select(sessions_table).order_by(sessions_table.c.session_id))
    return {row["session_id"]: row["end_reason"] for row in rows}


async def note_load(one: Provider, load_id: int, bytes_done: int, finished_at: int | None = None) -> None:
    """What a load writes with a batch, in one file."""
    row = {
        "load_id": load_id, "file_digest": b"f" * 32, "set_digest": b"s" * 32, "file_name": "people.csv",
        "file_size": 9_000, "bytes_done": bytes_done, "lines_done": 1, "rows_kept": 1, "rows_rejected": 0,
        "rows_to_review": 0, "rejects_size": 0, "started_at": 1, "finished_at": finished_at,
    }  # fmt: skip
    changed = update(load_progress).where(load_progress.c.load_id == load_id).values(row)
    found = await one.registers.fetch_all(changed.returning(load_progress.c.load_id))
    if not found:
        await one.registers.write(step(insert(load_progress).values(row)))


@on_sqlite
async def test_every_session_of_such_a_person_ends_and_is_told_and_nobody_elses(one: Provider) -> None:
    expected = {}
    for citizen, (change, standing) in STOPS.items():
        account_id = await open_for(one, citizen, f"{citizen.record_id}-1", f"{citizen.record_id}-2")
        await change_citizen(one.registers, citizen, **change)
        expected[account_id] = {"reason": "register", "standing": standing, "all": True}
    await open_for(one, AN, "well")
    await follow_registers(one)
    await follow_registers(one)
    sessions_ended = await ended(one)
    assert sessions_ended.pop("well") is None
    assert set(sessions_ended.values()) == {"register"}
    assert sorted(row["session_id"] for row in await queued(one)) == sorted(sessions_ended)
    events = await one.events("session.ended")
    assert len(events) == len(STOPS)
    assert {event.account_id: event.details for event in events} == expected


async def test_a_walk_goes_over_all_sessions_in_batches(
    one: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register_watch, "BATCH", 3)
    monkeypatch.setattr(register_watch, "PAUSE_SECONDS", 0)
    await open_for(one, AN, *(f"a{number}" for number in range(7)))
    one.clock.advance(60)
    await open_for(one, KHANG, "k1")
    await open_for(one, HOA, "h1")
    await change_citizen(one.registers, HOA, status="deceased")
    await follow_registers(one)
    assert [name for name, reason in (await ended(one)).items() if reason] == ["h1"]


@on_sqlite
async def test_a_walk_that_is_not_through_goes_on_in_the_next_round(
    one: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register_watch, "BATCH", 2)
    monkeypatch.setattr(register_watch, "MOST_BATCHES", 1)
    await open_for(one, AN, "a1", "a2")
    await open_for(one, HOA, "h1")
    await change_citizen(one.registers, HOA, status="deceased")
    watch = RegisterWatch(one.context)
    await watch.look()
    assert (await ended(one))["h1"] is None
    await watch.look()
    assert (await ended(one))["h1"] == "register"


@on_sqlite
async def test_walks_begin_where_a_load_came_further_a_day_began_or_after_a_while(one: Provider) -> None:
    watch = RegisterWatch(one.context)
    await watch.look()

    async def seen(citizen: Citizen, session_id: str) -> bool:
        await open_for(one, citizen, session_id)
        await change_citizen(one.registers, citizen, card_status="locked")
        await watch.look()
        return (await ended(one))[session_id] is not None

    assert not await seen(HOA, "h1"), "no load, no new day, no time: no walk"
    await note_load(one, 1, 100)
    await watch.look()
    assert (await ended(one))["h1"]
    await note_load(one, 1, 200)
    assert await seen(AN, "a1")
    await note_load(one, 1, 200, finished_at=9)
    assert await seen(KHANG, "k1")
    for number, (advance, expected) in enumerate([(LONGEST_REST - 1, False), (1, True), (17 * 3600, True)]):
        one.clock.advance(advance)
        assert await seen(HOA, f"later-{number}") is expected
        await change_citizen(one.registers, HOA, card_status="valid")
        if not expected:
            await change_citizen(one.registers, HOA, card_status="locked")


@on_sqlite
async def test_a_register_that_is_not_whole_signs_nobody_out(one: Provider) -> None:
    await open_for(one, HOA, "h1")
    await one.registers.write(
        step(personal_numbers.delete().where(personal_numbers.c.record_id == HOA.record_id)),
        step(people.delete().where(people.c.record_id == HOA.record_id)),
    )
    await follow_registers(one)
    assert await ended(one) == {"h1": None}


async def test_standings_of_many_are_asked_in_statements_of_one_size(one: Provider) -> None:
    names = [f"nobody-{number}" for number in range(AT_ONCE)]
    await change_citizen(one.registers, AN, status=PersonStatus.MISSING.value)
    asked = [*names, HOA.record_id, AN.record_id, HOA.record_id]
    day = today(int(one.clock()))
    found = await find_standings(one.registers, asked, day)
    assert found == {HOA.record_id: Standing.OK, AN.record_id: Standing.MISSING}
    assert await find_standings(one.registers, [], day) == {}


async def test_the_mark_moves_with_every_batch(one: Provider) -> None:
    marks: list[Any] = [await find_mark(one.registers)]
    for load_id, done, finished in ((1, 10, None), (1, 20, None), (1, 20, 5), (2, 10, None)):
        await note_load(one, load_id, done, finished)
        marks.append(await find_mark(one.registers))
    assert marks == [
        LoadMark(0, 0, 0),
        LoadMark(1, 10, 0),
        LoadMark(1, 20, 0),
        LoadMark(1, 20, 1),
        LoadMark(2, 10, 0),
    ]
