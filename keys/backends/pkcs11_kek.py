"""The key-encryption key wrapped by a token: what stands in its file is of no use without the token and its PIN.

The line in the file is `pkcs11:LABEL:base64url(nonce || ciphertext || tag)`: the key under AES-256-GCM (NIST SP
800-38D, PKCS #11 v2.40 §2.11.3) with a key of the token that never leaves it. The additional data is the label, so that
a line opens under its own label only. A wrapping key seals few lines in its life: random nonces of 96 bits do.
"""

from __future__ import annotations

import os
import re
from functools import partial
from typing import Any, Final

import pkcs11
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import PKCS11Error

from keys import base64url
from keys.backends.pkcs11 import Pkcs11Token
from keys.backends.pkcs11_keys import UnsafeKey
from keys.backends.pkcs11_session import Connection, NoSuchKey
from keys.seal import InvalidKeyEncryptionKey

PREFIX: Final = "pkcs11:"
"""How a line begins that a token has to open."""

_LINE: Final = re.compile(r"pkcs11:([A-Za-z0-9._-]{1,32}):([A-Za-z0-9_-]+)", re.ASCII)
_LABEL: Final = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)
_KEY_OCTETS: Final = 32
_NONCE_OCTETS: Final = 12
_TAG_OCTETS: Final = 16
_WRAPPING: Final = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.SIGN: False,
    Attribute.VERIFY: False,
    Attribute.WRAP: False,
    Attribute.UNWRAP: False,
    Attribute.DERIVE: False,
}


class InvalidWrappedKey(InvalidKeyEncryptionKey):
    """One sentence for the operator: why a wrapped key-encryption key cannot be opened."""


def wrap_kek(token: Pkcs11Token, label: str, key: bytes) -> str:
    """The line for the file of the key-encryption key `key` (32 octets), wrapped by the token's key with this label.

    A wrapping key is made if the token has none with the label. Blocking.

    Raises:
        ValueError: the label or the key is not of its form.
        TokenUnavailable: no token, or it fails.
    """
    if not _LABEL.fullmatch(label):
        raise ValueError("a label has 1 to 32 letters, digits, points, hyphens or underscores")
    if len(key) != _KEY_OCTETS:
        raise ValueError(f"a key-encryption key has {_KEY_OCTETS} octets")
    sealed = token.call(partial(_encrypt, label, key))
    return f"{PREFIX}{label}:{base64url.encode_text(sealed)}"


def unwrap_kek(token: Pkcs11Token, line: str) -> bytes:
    """The 32 octets that `wrap_kek` wrapped. Blocking.

    Raises:
        InvalidWrappedKey: the line is not of its form, was changed, or was wrapped by another key.
        TokenUnavailable: no token, or it fails.
        NoSuchKey: the token has no wrapping key with the label of the line.
    """
    found = _LINE.fullmatch(line.strip())
    try:
        sealed = base64url.decode(found[2]) if found else b""
    except ValueError:
        sealed = b""
    if found is None or len(sealed) != _NONCE_OCTETS + _KEY_OCTETS + _TAG_OCTETS:
        raise InvalidWrappedKey("The wrapped key-encryption key is not of the form pkcs11:LABEL:BASE64URL.")
    return token.call(partial(_decrypt, found[1], sealed))


def _parameters(label: str, nonce: bytes) -> GCMParams:
    return GCMParams(nonce, b"motcua v1 kek " + label.encode(), _TAG_OCTETS * 8)


def _find(session: pkcs11.Session, label: str) -> Any:
    session.generate_random(64)  # a search in a session that has gone would leave a broken iterator behind
    found = list(
        session.get_objects(
            {
                Attribute.CLASS: ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: KeyType.AES,
                Attribute.LABEL: label,
            }
        )
    )
    if len(found) > 1:
        raise UnsafeKey(f"The token {session.token.label!r} has several AES keys with the label {label}.")
    if found and (found[0][Attribute.EXTRACTABLE] or not found[0][Attribute.SENSITIVE]):
        raise UnsafeKey(f"The AES key {label} may leave the token {session.token.label!r}.")
    return found[0] if found else None


def _encrypt(label: str, key: bytes, connection: Connection) -> bytes:
    session = connection.session
    wrapping = _find(session, label)
    if wrapping is None:
        capabilities = MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
        wrapping = session.generate_key(
            KeyType.AES, 256, label=label, store=True, capabilities=capabilities, template=_WRAPPING
        )
    nonce = os.urandom(_NONCE_OCTETS)
    sealed: bytes = wrapping.encrypt(
        key, mechanism=Mechanism.AES_GCM, mechanism_param=_parameters(label, nonce)
    )
    return nonce + sealed


def _decrypt(label: str, sealed: bytes, connection: Connection) -> bytes:
    session = connection.session
    wrapping = _find(session, label)
    if wrapping is None:
        raise NoSuchKey(f"The token {session.token.label!r} has no AES key with the label {label}.")
    nonce, ciphertext = sealed[:_NONCE_OCTETS], sealed[_NONCE_OCTETS:]
    try:
        key: bytes = wrapping.decrypt(
            ciphertext, mechanism=Mechanism.AES_GCM, mechanism_param=_parameters(label, nonce)
        )
    except PKCS11Error as error:
        session.generate_random(64)  # if the session has gone, that is the reason, and not the line
        raise InvalidWrappedKey(
            f"The wrapped key-encryption key does not open: it was changed, or wrapped by another key than {label}."
        ) from error
    return key
