from __future__ import annotations

import asyncio

import pytest
from argon2 import PasswordHasher as Argon2

from idp.authentication import hashing
from idp.authentication.hashing import PasswordHasher
from idp.errors import Unavailable

PASSWORD = "bida hoa sen 77"


async def test_a_hash_names_its_policy_and_proves_its_password_only(hasher: PasswordHasher) -> None:
    verifier = await hasher.hash(PASSWORD)
    assert verifier.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await hasher.verify(verifier, PASSWORD)
    assert not await hasher.verify(verifier, PASSWORD + "!")
    assert not await hasher.verify(verifier, "")
    assert not hasher.needs_rehash(verifier)


async def test_nobody_has_no_password(hasher: PasswordHasher) -> None:
    assert not await hasher.verify(None, PASSWORD)
    assert not await hasher.verify("", PASSWORD)
    assert not await hasher.verify("not a hash", PASSWORD)


async def test_a_password_is_the_same_from_every_keyboard(hasher: PasswordHasher) -> None:
    verifier = await hasher.hash("cửa sổ ra vườn")
    assert await hasher.verify(verifier, "cu\u031b\u0309a so\u0302\u0309 ra vu\u031bo\u031b\u0300n")


async def test_what_is_longer_than_any_password_is_wrong(hasher: PasswordHasher) -> None:
    verifier = await hasher.hash("x" * 128)
    assert not await hasher.verify(verifier, "x" * 129)


async def test_hashes_of_another_policy_are_to_be_renewed(hasher: PasswordHasher) -> None:
    older = Argon2(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    assert hasher.needs_rehash(older)
    assert await hasher.verify(older, PASSWORD)


async def test_beyond_the_queue_strangers_are_refused_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "MOST_STRANGERS_WAITING", 2)
    monkeypatch.setattr(hashing, "MOST_WAITING", 3)
    small = PasswordHasher()
    waiting = [asyncio.create_task(small.verify(None, PASSWORD)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refused:
        await small.verify(None, PASSWORD)
    assert refused.value.retry_after > 0
    with pytest.raises(Unavailable):
        small.require_room()
    small.require_room(known_browser=True)
    known = asyncio.create_task(small.verify(None, PASSWORD, known_browser=True))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await small.hash(PASSWORD)
    assert await asyncio.gather(*waiting, known) == [False, False, False]
    small.require_room()
    small.close()


async def test_who_goes_away_leaves_their_place() -> None:
    own = PasswordHasher()
    waiting = [asyncio.create_task(own.verify(None, PASSWORD)) for _ in range(hashing.MOST_STRANGERS_WAITING)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert not await own.verify(None, PASSWORD)
    own.close()
