"""A process that is killed between any two steps of a change of keys: nothing is half done, the next try completes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest
from sqlalchemy import insert

from idp.custody.custodian import Custodian, approve, carry_out, propose, rotate
from idp.store.database import Database, Row, Step, step
from keys import changes, policy
from keys.actions import Activate, Revoke
from keys.history import InvalidHistory
from keys.policy import State
from keys.tables import key_log
from tests.support.custody import (
    DUE,
    FEW,
    ID_TOKEN,
    KEK,
    NOW,
    active,
    check_whole,
    custodian,
    ground_of,
    keyring_of,
    rows_of,
    waiting,
)
from tests.support.installation import ISSUER, OFFICERS, act, establish, first_actions, signed

_IMPOSSIBLE: Final = step(insert(key_log).values(position=-1, entry=b""))
"""The database breaks the transaction off here, as it does when the other end of the connection is gone."""


class Killed(Exception):
    """The process is no more."""


@dataclass
class MortalDatabase:
    """A database whose user dies at the n-th thing it does: a read, a step within a write, or right after a commit."""

    db: Database
    lives: int
    name: str = "mortal"

    def _live(self) -> None:
        if self.lives == 0:
            raise Killed
        self.lives -= 1

    async def fetch_all(self, query: Any, /, **values: object) -> Sequence[Row]:
        """See `Database.fetch_all`."""
        self._live()
        return await self.db.fetch_all(query, **values)

    async def write(self, *steps: Step) -> None:
        """See `Database.write`."""
        if self.lives <= len(steps):
            with pytest.raises(Exception, match=r"(?i)check"):
                await self.db.write(*steps[: self.lives], _IMPOSSIBLE)
            raise Killed
        self.lives -= len(steps) + 1
        await self.db.write(*steps)
        self._live()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)


Attempt = Callable[[Custodian], Awaitable[Any]]


async def _walk(db: Database, now: int, attempt: Attempt, check: Callable[[], Awaitable[None]]) -> int:
    """Try with more and more lives until it is done; the number of deaths in between."""
    before, deaths = await rows_of(db), 0
    while True:
        mortal: Any = MortalDatabase(db, deaths)
        try:
            await attempt(custodian(mortal, now))
        except Killed:
            deaths += 1
        else:
            return deaths
        if await rows_of(db) != before:
            return deaths  # it died right after the commit: all of it was done
        await check()


async def _install(db: Database) -> None:
    await establish(db, KEK, NOW, keys=FEW)


async def test_the_first_ceremony(db: Database) -> None:
    change = changes.propose(ISSUER, first_actions(NOW, keys=FEW), NOW)

    async def nothing_yet() -> None:
        assert (await keyring_of(db)).log is None

    async def ceremony(one: Custodian) -> None:
        await carry_out(one, change, signed(change))

    deaths = await _walk(db, NOW, ceremony, nothing_yet)
    assert deaths > 40
    await check_whole(db, NOW)
    with pytest.raises(InvalidHistory, match="carried out before"):
        await ceremony(custodian(db))


async def test_a_rotation(db: Database) -> None:
    await _install(db)
    first, second = await active(db), await waiting(db)

    async def still_the_first() -> None:
        await check_whole(db, DUE)
        assert (await active(db)).kid == first.kid

    assert await _walk(db, DUE, rotate, still_the_first) > 25
    await check_whole(db, DUE)
    assert (await active(db)).kid == second.kid
    assert await rotate(custodian(db, DUE)) is None
    assert len((await ground_of(db)).history.waiting(ID_TOKEN)) == 1


async def _walk_an_approval(db: Database, change: changes.Change, now: int) -> None:
    first = await active(db)
    await propose(custodian(db, now), change, changes.approve(change, OFFICERS[0]))

    async def still_the_first() -> None:
        await check_whole(db, now)
        assert (await active(db)).kid == first.kid

    async def second_signature(one: Custodian) -> None:
        await approve(one, change.change_id, changes.approve(change, OFFICERS[1]))

    assert await _walk(db, now, second_signature, still_the_first) > 10
    await check_whole(db, now)
    assert (await active(db)).kid != first.kid


async def test_an_early_activation(db: Database) -> None:
    await _install(db)
    now = NOW + policy.FETCHED_SECONDS
    second = await waiting(db)
    await _walk_an_approval(db, changes.propose(ISSUER, [Activate(second.kid)], now), now)
    assert (await active(db)).kid == second.kid


async def test_an_emergency_with_a_waiting_successor(db: Database) -> None:
    await _install(db)
    second = await waiting(db)
    change = changes.propose(ISSUER, [Revoke((await active(db)).kid, "stolen", 0)], NOW)
    await _walk_an_approval(db, change, NOW)
    assert (await active(db)).kid == second.kid


async def test_an_emergency_without_a_waiting_successor(db: Database) -> None:
    await _install(db)
    await act(db, KEK, NOW, Revoke((await waiting(db)).kid, "lost", 0))
    revoked = await active(db)
    change = changes.propose(ISSUER, [Revoke(revoked.kid, "stolen", 0)], NOW + 1)
    await _walk_an_approval(db, change, NOW + 1)
    assert (await active(db)).generated_at == NOW + 1
    assert (await ground_of(db)).history.keys[revoked.kid].state is State.REVOKED


async def test_a_proposal(db: Database) -> None:
    await _install(db)
    change = changes.propose(ISSUER, [Revoke((await active(db)).kid, "stolen", 0)], NOW)

    async def still_whole() -> None:
        await check_whole(db, NOW)

    async def first_signature(one: Custodian) -> None:
        await propose(one, change, changes.approve(change, OFFICERS[0]))

    await _walk(db, NOW, first_signature, still_whole)
    assert await approve(custodian(db), change.change_id, changes.approve(change, OFFICERS[1])) is not None
