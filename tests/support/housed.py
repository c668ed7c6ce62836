"""A running provider with a hardware module beside it, in which its keys live or by which they are certified."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from idp.custody.custodian import Custodian
from keys.backends.pkcs11 import Pkcs11Token
from keys.ground import Ground as KeyGround
from keys.ground import load_ground
from keys.keyring import Keyring
from keys.policy import Purpose, State
from keys.seal import KeyEncryptionKey
from tests.support.installation import ISSUER, impress
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA
from tests.support.provider import Ground, Provider
from tests.support.softhsm import SoftHsm


@dataclass(frozen=True, slots=True)
class Housed:
    """The provider, its custodian, and a way to the module beside them."""

    provider: Provider
    hsm: SoftHsm
    token: Pkcs11Token
    custodian: Custodian

    def at(self, now: int, **changes: Any) -> Custodian:
        """The custodian at a time."""
        return replace(self.custodian, context=replace(self.provider.context(), now=now), **changes)

    async def ground(self) -> KeyGround:
        """Keys and log as they stand."""
        return await load_ground(self.provider.db, self.custodian.kek, ISSUER)

    async def signer(self, now: int) -> str:
        """What a worker would sign ID tokens with."""
        return Keyring(await self.ground(), self.custodian.kek, now).signer(Purpose.ID_TOKEN).kid

    async def signing(self) -> set[str]:
        """The keys that sign by the log, or are to."""
        keys = (await self.ground()).history.keys.values()
        return {key.kid for key in keys if key.state in {State.PENDING, State.ACTIVE}}


@asynccontextmanager
async def housed_provider(
    ground: Ground, hsm: SoftHsm, token: Pkcs11Token, folder: Path, made_at: int, **rotation: Any
) -> AsyncIterator[Housed]:
    """A provider on SQLite whose first ceremony was held with the module; `rotation` is what it approved."""
    kek = KeyEncryptionKey.read_file(ground.kek_file)
    (folder / "ceremony").mkdir()
    impression = await impress(folder / "ceremony", kek, made_at, hardware=token, **rotation)
    async with provider_on_sqlite(
        folder,
        replace(ground, impression=impression),
        citizens=[HOA],
        hardware=token,
        pkcs11_module=hsm.library,
        pkcs11_token="motcua",
        pkcs11_pin_file=hsm.pin_file,
    ) as provider:
        yield Housed(provider, hsm, token, Custodian(provider.context(), kek, token))
