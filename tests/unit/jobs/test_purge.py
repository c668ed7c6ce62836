"""What has outlived its use goes in batches; what has not, stays."""

from __future__ import annotations

from typing import Any

from idp.jobs.purge import purge_expired
from idp.store import accounts, authenticators, purge, single_use

NOW = 1_800_000_000


async def burn(db: Any, number: int, expires_at: int) -> bool:
    return await single_use.burn_jti(db, number.to_bytes(32, "big"), expires_at)


async def test_expired_rows_go_and_others_stay(db: Any) -> None:
    await burn(db, 1, NOW - purge.KEPT_AFTER_EXPIRY - 1)
    await burn(db, 2, NOW - 1)
    await burn(db, 3, NOW + 60)
    await purge_expired(db, NOW)
    assert await burn(db, 1, NOW)
    assert not await burn(db, 2, NOW)
    assert not await burn(db, 3, NOW)


async def test_an_authenticator_that_was_never_confirmed_goes(db: Any) -> None:
    late = NOW - purge.KEPT_AFTER_EXPIRY - authenticators.WAITING_LIFETIME
    for account_id, begun_at in (("old", late - 1), ("young", late + 1), ("confirmed", 1)):
        await db.write(
            accounts.add(account_id, account_id, "02", 1),
            authenticators.begin(account_id, "session", b"sealed", begun_at),
        )
    await db.write(authenticators.confirm("confirmed", "session", b"sealed", 1, 1))
    await purge_expired(db, NOW)
    kept = [await authenticators.find(db, name, b"") for name in ("old", "young", "confirmed")]
    assert [held is not None for held in kept] == [False, True, True]


async def test_a_round_goes_on_until_nothing_is_left(db: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(purge, "BATCH", 3)
    for number in range(10):
        await burn(db, number, 1)
    await purge_expired(db, NOW)
    assert await purge.purge(db, NOW) == 0
