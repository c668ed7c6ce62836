"""What commands work with: settings from the environment, databases and keys opened and closed again."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NoReturn, cast

from idp.context import Context
from idp.custody.hardware import read_kek, token_of
from idp.settings import Settings, read_settings
from idp.store.database import Database, DatabaseError, open_database
from keys.keyring import load_keyring

LOCAL: Final = "local"
"""Stands in the audit where a request has its network address."""


def settings_of_environment() -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: one sentence.
    """
    return read_settings(os.environ)


def operator() -> str:
    """The account of the operating system that gave the command, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's account may have no name
        return f"uid {os.getuid()}"


@asynccontextmanager
async def open_provider(settings: Settings, *, read_only: bool = False) -> AsyncIterator[Database]:
    """The provider's own database, migrated.

    Raises:
        DatabaseError: one sentence, also when migrations are missing.
    """
    from idp.store.migrate import HEAD, version

    db = await open_database(settings.database_url, pool_size=1, read_only=read_only)
    try:
        if await version(db) != HEAD:
            raise DatabaseError("The database is not at the schema of this release: run `motcua migrate`.")
        yield db
    finally:
        await db.close()


class RegistersNotOpened:
    """Stands for the registers in commands that never ask them, so that they work while the registers are away."""

    def __getattr__(self, name: str) -> NoReturn:
        raise DatabaseError("This command does not open the registers.")


@asynccontextmanager
async def open_runtime(settings: Settings, *, registers: bool = True) -> AsyncIterator[Context]:
    """Everything that a command with the rights of the provider needs; `registers` where it asks them.

    Raises:
        DatabaseError: one sentence.
        InvalidKeyEncryptionKey: the key-encryption key cannot be read.
        SealBroken: it is not the one that the keys were sealed under.
    """
    token = token_of(settings)
    kek = read_kek(settings, token)
    now = int(time.time())
    async with open_provider(settings) as db, _open_registers(settings, wanted=registers) as opened:
        yield Context(
            settings=settings,
            db=db,
            registers=opened,
            keyring=await load_keyring(db, kek, settings.issuer, now, token),
            now=now,
            request_id=os.urandom(8).hex(),
            address=LOCAL,
            network=LOCAL,
        )


@asynccontextmanager
async def _open_registers(settings: Settings, *, wanted: bool) -> AsyncIterator[Database]:
    if not wanted:
        yield cast("Database", RegistersNotOpened())
        return
    registers = await open_database(settings.registers_url, pool_size=1, read_only=True)
    try:
        yield registers
    finally:
        await registers.close()
