"""The keys of one worker: loaded when it starts, followed while it runs, and rotated as far as officers approved it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from idp.context import Context
from idp.custody.custodian import ClockWrong, Custodian, check_clock, rotate
from idp.custody.hardware import read_kek, token_of
from idp.settings import Settings
from idp.store.database import Database
from keys.jose import SignerUnavailable
from keys.keyring import Keyring, load_keyring, refresh_keyring
from keys.seal import KeyEncryptionKey

if TYPE_CHECKING:
    from keys.backends.pkcs11 import Pkcs11Token

logger = logging.getLogger("motcua.keys")


@dataclass(frozen=True, slots=True)
class KeysOfWorker:
    """Where a worker's keys come from. The key-encryption key is read anew each time: it may be replaced meanwhile."""

    settings: Settings
    hardware: Pkcs11Token | None
    _cleared: set[str] = field(default_factory=set, repr=False)
    _lost: set[str] = field(default_factory=set, repr=False)

    @classmethod
    async def of(cls, settings: Settings) -> KeysOfWorker:
        """As the settings say.

        Raises:
            InvalidKeyEncryptionKey: the file cannot be used; told before anything else is tried.
        """
        keys = cls(settings, token_of(settings))
        await keys._kek()
        return keys

    async def _kek(self) -> KeyEncryptionKey:
        # In a thread, for a hardware module may have to open it, and may take its time.
        return await asyncio.to_thread(read_kek, self.settings, self.hardware)

    async def load(self, db: Database, now: int) -> Keyring:
        """The keyring of this moment.

        Raises:
            InvalidKeyEncryptionKey, SealBroken, InvalidLog, InvalidHistory, HardwareMissing: one sentence each.
        """
        return _told(await load_keyring(db, await self._kek(), self.settings.issuer, now, self.hardware))

    async def refresh(self, db: Database, keyring: Keyring, now: int) -> Keyring:
        """The same keyring, or a new one if keys have changed.

        Raises:
            as `load`; then the worker goes on with what it has, and asks again.
        """
        fresh = await refresh_keyring(db, await self._kek(), keyring, now, self.hardware)
        return keyring if fresh is keyring else _told(fresh)

    async def rotate(self, context: Context) -> None:
        """Look whether a key is due.

        A worker whose clock is not the database's leaves it to the others: a clock that has jumped must not age keys.
        """
        try:
            await check_clock(context)
        except ClockWrong as error:
            logger.error("keys are not rotated: %s", error)  # noqa: TRY400 - a sentence, not a defect
            return
        custodian = Custodian(context, await self._kek(), self.hardware, self._cleared, self._lost)
        plan = await rotate(custodian)
        for event in plan.events if plan is not None else ():
            logger.info("key %s %s", event["kid"], event["event"])

    async def close(self) -> None:
        """Let go of the hardware module; one that hangs does not keep the rest from being closed."""
        if self.hardware is None:
            return
        try:
            await self.hardware.close()
        except SignerUnavailable as error:
            logger.warning("the hardware module was left as it is: %s", error)


def _told(keyring: Keyring) -> Keyring:
    """Say loudly which keys the key log does not vouch for: somebody has edited the database."""
    for sentence in keyring.ground.refused:
        logger.error("%s", sentence)
    return keyring
