"""Two workers sign with one hardware module under load: its keys rotate, it goes away, and it comes back."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import delete

from idp.store import leases
from idp.store.database import Database, step
from idp.store.schema import job_leases
from keys import policy
from keys.actions import Generate
from keys.backends.pkcs11 import Pkcs11Token
from keys.seal import KeyEncryptionKey
from tests.support.databases import fresh_database
from tests.support.installation import act, establish
from tests.support.key_load import KeyLoad
from tests.support.officers_at_work import OfficersAtWork
from tests.support.population import AN, HOA, KHANG, MAI, SUONG
from tests.support.provider import Ground
from tests.support.served import ServedProvider, served_provider
from tests.support.softhsm import SoftHsm

KEYS: Final = {
    "id_token": ("ES256", "RS256"),
    "access_token": ("ES256", "RS256"),
    "userinfo": ("ES256",),
}
ID_TOKEN: Final = ("id_token", "ES256")
KINDS: Final = [(purpose, alg) for purpose, algorithms in KEYS.items() for alg in algorithms]
LINES: Final = (
    (0, "dossiers", HOA),
    (1, "dossiers", AN),
    (0, "enterprise", KHANG),
    (1, "enterprise", MAI),
    (0, "legacy-basic", SUONG),
    (1, "legacy-basic", HOA),
)
SOME: Final = 60
"""Flows after which it is believed that all is well."""

pytestmark = [pytest.mark.slow, pytest.mark.hsm, pytest.mark.postgres]


@pytest.fixture
async def served(
    provider_ground: Ground, softhsm: SoftHsm, hsm_token: Pkcs11Token, tmp_path: Path
) -> AsyncIterator[ServedProvider]:
    """Two workers on PostgreSQL; all keys are in the module and have served their time."""

    async def found(db: Database, kek: KeyEncryptionKey, issuer: str) -> None:
        now = int(time.time())
        made = now - policy.ACTIVE_LIFETIME
        await establish(db, kek, made, issuer=issuer, hardware=hsm_token, backend="pkcs11", keys=KEYS)
        spare = Generate(*ID_TOKEN, "pkcs11", publish=True)
        await act(db, kek, now - 10 * 24 * 3600, spare, issuer=issuer, hardware=hsm_token)
        assert await leases.take(db, "rotation", holder="nobody", now=now, lifetime=policy.ACTIVE_LIFETIME)

    async with (
        fresh_database("postgres", "provider", tmp_path) as database_url,
        fresh_database("postgres", "registers", tmp_path) as registers_url,
        served_provider(
            database_url,
            registers_url,
            provider_ground,
            tmp_path,
            workers=2,
            found=found,
            hardware=hsm_token,
            settings={
                "IDP_PKCS11_MODULE": str(softhsm.library),
                "IDP_PKCS11_TOKEN": "motcua",
                "IDP_PKCS11_PIN_FILE": str(softhsm.pin_file),
            },
        ) as running,
    ):
        await running.open_account(provider_ground.verifier, *{citizen for _, _, citizen in LINES})
        yield running


async def until_more(load: KeyLoad, count: int) -> None:
    """So many more whole flows."""
    enough = load.done["code"] + count
    await load.until(lambda: load.done["code"] >= enough, f"{count} flows")


async def test_two_workers_and_one_module(
    served: ServedProvider, provider_ground: Ground, softhsm: SoftHsm, tmp_path: Path
) -> None:
    officers, workers = OfficersAtWork(served, provider_ground, tmp_path), served.workers()
    successors = [await officers.next_key(kind) for kind in KINDS]
    load = KeyLoad(served)
    for line in LINES:
        await load.add_person(*line)
    await load.add_machine(0, "machine-es256")
    await load.add_machine(1, "machine-rs256")
    async with load.running():
        await until_more(load, SOME)
        await served.db.write(step(delete(job_leases)))
        await load.until_all_sign_with(*successors)
        await until_more(load, SOME)
        assert load.failures == [], "a rotation is noticed by nobody"

        with softhsm.away():
            await load.until(lambda: len(load.failures) >= SOME, "the module is missed")
        back = time.time()
        await until_more(load, SOME)
        away = list(load.failures)
        assert all("temporarily_unavailable" in failure.why for failure in away), away
        assert max(failure.begun for failure in away) - back < 5
        load.failures.clear()

        taken, expected = (await officers.active(ID_TOKEN)).kid, await officers.next_key(ID_TOKEN)
        await officers.approve(await officers.propose("revoke", taken, "--reason", "The PIN was seen."))
        await load.until_all_sign_with(expected)
        await until_more(load, SOME)
    assert await load.not_meant({taken}) == [], "nobody is sent away while the workers hear of it"
    assert served.workers() == workers
    assert {key.backend for key in (await officers.ground()).history.keys.values()} == {"pkcs11"}
    held = await softhsm.open().held()
    assert taken not in held
    assert expected in held
