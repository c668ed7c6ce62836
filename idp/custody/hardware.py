"""The hardware module and the key-encryption key of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from idp.context import Context
from idp.custody.custodian import Custodian
from idp.settings import Settings
from keys.seal import InvalidKeyEncryptionKey, KeyEncryptionKey, Unwrap

if TYPE_CHECKING:
    from keys.backends.pkcs11 import Pkcs11Token


def token_of(settings: Settings) -> Pkcs11Token | None:
    """The module that is configured; nothing is opened before it is used."""
    configured = settings.hardware_token
    if configured is None:
        return None
    from keys.backends.pkcs11 import Pkcs11Token  # noqa: PLC0415 - its library is loaded where it is configured only

    return Pkcs11Token(*configured)


def read_kek(settings: Settings, token: Pkcs11Token | None) -> KeyEncryptionKey:
    """The key-encryption key of its file, opened by the module where it is wrapped.

    Raises:
        InvalidKeyEncryptionKey: one sentence.
    """
    return KeyEncryptionKey.read_file(settings.kek_file, unwrap_with(token))


def unwrap_with(token: Pkcs11Token | None) -> Unwrap | None:
    """What opens a line that the module wrapped, where there is a module."""
    return None if token is None else lambda line: _unwrap(token, line)


def _unwrap(token: Pkcs11Token, line: str) -> bytes:
    from keys.backends import pkcs11_kek  # noqa: PLC0415 - as above
    from keys.backends.pkcs11 import NoSuchKey, TokenUnavailable  # noqa: PLC0415

    try:
        return pkcs11_kek.unwrap_kek(token, line)
    except (pkcs11_kek.InvalidWrappedKey, NoSuchKey, TokenUnavailable) as error:
        raise InvalidKeyEncryptionKey(str(error)) from error


def custodian_of(context: Context) -> Custodian:
    """The custodian of a command or a job, with the key-encryption key as it is now.

    Raises:
        InvalidKeyEncryptionKey: one sentence.
    """
    token = token_of(context.settings)
    return Custodian(context, read_kek(context.settings, token), token, checks_clock=True)
