"""Sessions that merely expire are ended once, with their portals told, and none that is still used."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from idp.accounts.sessions import end_session
from idp.jobs import expired_sessions
from idp.jobs.expired_sessions import end_expired_sessions
from idp.store import purge, sessions, sessions_watched
from idp.store.database import NothingChanged
from idp.store.schema import sessions as sessions_table
from idp.store.sessions import ABSOLUTE_LIFETIME, IDLE_LIFETIME, TOUCH_INTERVAL
from idp.store.sessions_watched import EXPIRED
from tests.support.browsing import Browser
from tests.support.logouts import expire, queued
from tests.support.on_sqlite import on_sqlite
from tests.support.persons import open_session
from tests.support.population import HOA
from tests.support.provider import Provider

ALL = select(sessions_table).order_by(sessions_table.c.session_id)


async def kept(one: Provider) -> list[Any]:
    """Every session as it stands."""
    return list(await one.db.fetch_all(ALL))


async def open_some(one: Provider, *names: str) -> str:
    """Sessions of one person in which the portal `told` takes part; the account."""
    account_id, now = (await one.account(HOA)).account_id, int(one.clock())
    for name in names:
        await one.db.write(open_session(name, account_id, now), sessions.join_client(name, "told", None, now))
    return account_id


async def test_a_session_that_nobody_uses_is_ended_and_told_once(one: Provider) -> None:
    account_id = await open_some(one, "s1")
    one.clock.advance(IDLE_LIFETIME - 1)
    await expire(one)
    assert (await kept(one))[0]["ended_at"] is None
    one.clock.advance(1)
    await asyncio.gather(expire(one), expire(one))
    await expire(one)
    (row,) = await kept(one)
    assert (row["ended_at"], row["end_reason"]) == (int(one.clock()), EXPIRED)
    assert [(row["client_id"], row["session_id"]) for row in await queued(one)] == [("told", "s1")]
    (event,) = await one.events("session.ended")
    assert (event.account_id, event.details) == (account_id, {"reason": EXPIRED})


async def test_a_session_in_use_is_looked_at_again_when_it_will_be_over(
    one: Provider, browser: Browser
) -> None:
    """Once in half an hour, however often it is used; a use does not touch `check_at`."""
    await one.enter("ministry", HOA, browser)
    (opened,) = await kept(one)
    one.clock.advance(TOUCH_INTERVAL + 60)
    await one.enter("ministry", HOA, browser)
    (used,) = await kept(one)
    assert used["seen_at"] == int(one.clock())
    assert used["check_at"] == opened["check_at"] == opened["created_at"] + IDLE_LIFETIME
    one.clock.now = opened["check_at"]
    await expire(one)
    (moved,) = await kept(one)
    assert (moved["ended_at"], moved["check_at"]) == (None, used["seen_at"] + IDLE_LIFETIME)
    one.clock.now = moved["check_at"]
    await expire(one)
    assert (await kept(one))[0]["end_reason"] == EXPIRED


@on_sqlite
async def test_no_session_outlives_its_day(one: Provider) -> None:
    await open_some(one, "s1")
    began = one.clock.now
    while one.clock.now < began + ABSOLUTE_LIFETIME - 1:
        one.clock.now = min(one.clock.now + IDLE_LIFETIME - 1, began + ABSOLUTE_LIFETIME - 1)
        await expire(one)
        (row,) = await kept(one)
        assert row["ended_at"] is None
        used = sessions.TOUCH.returning(sessions_table.c.session_id)
        await one.db.fetch_all(used, session="s1", now=int(one.clock()))
    one.clock.advance(1)
    await expire(one)
    assert (await kept(one))[0]["end_reason"] == EXPIRED


async def test_a_portal_that_refreshes_keeps_the_session_from_expiring(
    one: Provider, browser: Browser
) -> None:
    """The person may sign on with it no longer; the portal's tokens work on, and the account page shows it."""
    portal = one.portal("dossiers")
    tokens = await one.tokens("dossiers", HOA, browser)
    one.clock.advance(IDLE_LIFETIME - 60)
    tokens = await portal.read(await portal.refresh(tokens.refresh_token))
    one.clock.advance(61)
    await expire(one)
    (row,) = await kept(one)
    assert (row["ended_at"], row["check_at"]) == (None, int(one.clock()) - 61 + IDLE_LIFETIME)
    assert (await portal.userinfo(tokens.access_token)).status_code == 200
    _, visit = await one.portal("ministry").send(browser, prompt="none")
    assert visit.error == "login_required"
    listed = await sessions.live(one.db, row["account_id"], int(one.clock()))
    assert [line["session_id"] for line in listed] == [row["session_id"]]

    one.clock.now = row["check_at"]
    await expire(one)
    assert (await kept(one))[0]["end_reason"] == EXPIRED
    assert (await portal.refresh(tokens.refresh_token)).json()["error"] == "invalid_grant"


@on_sqlite
async def test_a_revoked_grant_keeps_no_session(one: Provider, browser: Browser) -> None:
    tokens = await one.tokens("dossiers", HOA, browser)
    one.clock.advance(IDLE_LIFETIME - 60)
    fresh = (await one.portal("dossiers").refresh(tokens.refresh_token)).json()
    await one.portal("dossiers").revoke(fresh["refresh_token"])
    one.clock.advance(61)
    await expire(one)
    assert (await kept(one))[0]["end_reason"] == EXPIRED


@on_sqlite
async def test_a_round_goes_on_batch_by_batch_until_nothing_is_due(
    one: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expired_sessions, "BATCH", 3)
    monkeypatch.setattr(expired_sessions, "PAUSE_SECONDS", 0)
    await open_some(one, *(f"s{number}" for number in range(10)))
    one.clock.advance(IDLE_LIFETIME)
    await expire(one)
    assert {row["end_reason"] for row in await kept(one)} == {EXPIRED}
    assert len(await queued(one)) == len(await one.events("session.ended")) == 10


async def test_who_ends_it_in_the_same_moment_is_first_and_it_is_told_once(one: Provider) -> None:
    account_id = await open_some(one, "s1", "s2")
    one.clock.advance(IDLE_LIFETIME)
    now = int(one.clock())
    seen = await sessions_watched.due(one.db, now, 10)
    assert [session.session_id for session in seen] == ["s1", "s2"]
    assert await end_session(one.context(), await one.account(HOA), "s1", "officer-1")
    used = sessions.TOUCH.returning(sessions_table.c.session_id)
    await one.db.fetch_all(used, session="s2", now=now)
    for session in seen:
        with pytest.raises(NothingChanged):
            await one.db.write(*sessions_watched.expire(session, now))
    assert [row["end_reason"] for row in await kept(one)] == ["staff", None]
    assert [row["session_id"] for row in await queued(one)] == ["s1"]
    assert account_id


async def test_what_nobody_looked_at_for_long_is_not_thrown_away_untold(one: Provider) -> None:
    """As after a night without any worker: the purge leaves it to the job."""
    await open_some(one, "s1")
    one.clock.advance(ABSOLUTE_LIFETIME + 86_400)
    await purge.purge(one.db, int(one.clock()))
    assert len(await kept(one)) == 1
    await expire(one)
    assert len(await queued(one)) == 1
    await purge.purge(one.db, int(one.clock()))
    assert await kept(one) == []


@on_sqlite
async def test_a_crash_in_the_middle_is_made_good_by_the_next_round(
    one: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await open_some(one, *(f"s{number}" for number in range(8)))
    one.clock.advance(IDLE_LIFETIME)
    whole, done = sessions_watched.expire, 0

    def breaking(*given: Any) -> Any:
        nonlocal done
        done += 1
        if done > 5:
            raise ConnectionError("gone")
        return whole(*given)

    monkeypatch.setattr(sessions_watched, "expire", breaking)
    with pytest.raises(ConnectionError):
        await end_expired_sessions(one.context)
    monkeypatch.setattr(sessions_watched, "expire", whole)
    await expire(one)
    assert sorted(row["session_id"] for row in await queued(one)) == [f"s{number}" for number in range(8)]
    assert len(await one.events("session.ended")) == 8


def test_a_use_of_a_session_changes_no_index() -> None:
    """PostgreSQL updates a row in place only where no index names a changed column, in its columns or its condition."""
    for index in sessions_table.indexes:
        condition = index.dialect_options["postgresql"]["where"]
        assert "seen_at" not in {column.name for column in index.columns}
        assert "seen_at" not in str(condition)
