"""Sealing at rest: AES-256-GCM under keys derived afresh for every message (NIST SP 800-38D, RFC 5869).

A sealed value is `version (1 octet) || key id (8) || salt (16) || nonce (12) || ciphertext || tag (16)`; values
sealed under a secret of the caller have no key id. Each message has its own AES key, derived with the salt, so
that random nonces never come near their limit of 2^32 messages for one key (SP 800-38D §8.3), however long one
secret serves.
"""

from __future__ import annotations

import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keys import base64url

_VERSION: Final = b"\x01"
_KEY_OCTETS: Final = 32
_ID_OCTETS: Final = 8
_SALT_OCTETS: Final = 16
_NONCE_OCTETS: Final = 12
_TAG_OCTETS: Final = 16


class SealBroken(Exception):
    """The sealed value was changed, belongs elsewhere, or was sealed under another key."""


class InvalidKeyEncryptionKey(Exception):
    """One sentence for the operator: why the file with the key-encryption key cannot be used."""


def derive(secret: bytes, use: bytes, *, salt: bytes | None = None) -> bytes:
    """256 bits for one use of a secret (HKDF-SHA256, RFC 5869); neither other uses nor the secret follow from them."""
    return HKDF(algorithm=SHA256(), length=_KEY_OCTETS, salt=salt, info=b"motcua v1 " + use).derive(secret)


def _encrypt(secret: bytes, use: bytes, plaintext: bytes, aad: bytes) -> bytes:
    salt, nonce = os.urandom(_SALT_OCTETS), os.urandom(_NONCE_OCTETS)
    return salt + nonce + AESGCM(derive(secret, use, salt=salt)).encrypt(nonce, plaintext, aad)


def _decrypt(secret: bytes, use: bytes, body: bytes, aad: bytes) -> bytes:
    if len(body) < _SALT_OCTETS + _NONCE_OCTETS + _TAG_OCTETS:
        raise SealBroken("The sealed value is too short.")
    salt, nonce = body[:_SALT_OCTETS], body[_SALT_OCTETS : _SALT_OCTETS + _NONCE_OCTETS]
    try:
        cipher = AESGCM(derive(secret, use, salt=salt))
        return cipher.decrypt(nonce, body[_SALT_OCTETS + _NONCE_OCTETS :], aad)
    except InvalidTag as error:
        raise SealBroken("The sealed value was changed, or belongs elsewhere.") from error


def _check_secret(secret: bytes) -> None:
    if len(secret) < _KEY_OCTETS:
        raise ValueError(f"a secret to seal under has at least {_KEY_OCTETS} octets")


def seal_under(secret: bytes, plaintext: bytes, *, aad: bytes = b"") -> bytes:
    """Seal so that only the holder of `secret` opens it: a token of 256 random bits that we keep no copy of.

    Raises:
        ValueError: the secret is shorter than 32 octets.
    """
    _check_secret(secret)
    return _VERSION + _encrypt(secret, b"seal under", plaintext, aad)


def unseal_under(secret: bytes, sealed: bytes, *, aad: bytes = b"") -> bytes:
    """What `seal_under` sealed with the same secret and associated data.

    Raises:
        SealBroken: it was changed, or the secret or the associated data differ.
        ValueError: the secret is shorter than 32 octets.
    """
    _check_secret(secret)
    if sealed[:1] != _VERSION:
        raise SealBroken("The sealed value is of an unknown version.")
    return _decrypt(secret, b"seal under", sealed[1:], aad)


def _context(purpose: str, name: str) -> bytes:
    """Associated data that no other pair of purpose and name spells."""
    spelled = purpose.encode()
    return len(spelled).to_bytes(2, "big") + spelled + name.encode()


@dataclass(frozen=True, slots=True)
class KeyEncryptionKey:
    """The key that seals all other keys in the database; it lives in a file (or a hardware module) beside it."""

    id: bytes
    """8 octets derived from the key, kept in front of what it sealed, so that it can be sealed anew under another."""
    _key: bytes = field(repr=False)

    @classmethod
    def of(cls, key: bytes) -> KeyEncryptionKey:
        """The key-encryption key of 32 random octets."""
        if len(key) != _KEY_OCTETS:
            raise InvalidKeyEncryptionKey(f"A key-encryption key has {_KEY_OCTETS} octets, not {len(key)}.")
        return cls(derive(key, b"kek id")[:_ID_OCTETS], derive(key, b"kek seal"))

    @classmethod
    def read_file(cls, path: Path) -> KeyEncryptionKey:
        """Read the key from a file of 32 octets, or of their base64url spelling in one line.

        Raises:
            InvalidKeyEncryptionKey: missing, unreadable, open to others, or not such a key; one sentence.
        """
        return cls.of(_read_key(path))

    def seal(self, plaintext: bytes, *, purpose: str, name: str) -> bytes:
        """Seal for one place: a value moved to another purpose or name does not open there."""
        return _VERSION + self.id + _encrypt(self._key, b"kek", plaintext, _context(purpose, name))

    def unseal(self, sealed: bytes, *, purpose: str, name: str) -> bytes:
        """What `seal` sealed for the same place.

        Raises:
            SealBroken: changed, from another place, or sealed under another key-encryption key.
        """
        if not self.sealed(sealed):
            raise SealBroken("The keys of this installation were sealed under another key-encryption key.")
        return _decrypt(self._key, b"kek", sealed[1 + _ID_OCTETS :], _context(purpose, name))

    def sealed(self, value: bytes) -> bool:
        """Whether a value says that it was sealed under this key."""
        return value.startswith(_VERSION + self.id)


def _read_key(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(4096)
    except OSError as error:
        raise InvalidKeyEncryptionKey(
            f"The key-encryption key {path} cannot be read: {error.strerror}."
        ) from error
    if not stat.S_ISREG(mode):
        raise InvalidKeyEncryptionKey(f"The key-encryption key {path} is not a regular file.")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InvalidKeyEncryptionKey(
            f"The key-encryption key {path} is open to other accounts (mode {stat.S_IMODE(mode):04o}); chmod 600 it."
        )
    if len(content) == _KEY_OCTETS:
        return content
    try:
        key = base64url.decode(content.strip().decode("ascii").rstrip("="))
    except ValueError:
        key = b""
    if len(key) != _KEY_OCTETS:
        raise InvalidKeyEncryptionKey(
            f"The key-encryption key {path} does not hold {_KEY_OCTETS} octets, plain or as base64url."
        )
    return key


def create_kek_file(path: Path) -> KeyEncryptionKey:
    """Create a key-encryption key in a new file that only its owner may read (mode 0600).

    Raises:
        InvalidKeyEncryptionKey: the file exists, or cannot be written; an existing key is never overwritten.
    """
    key = secrets.token_bytes(_KEY_OCTETS)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64url.encode(key) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InvalidKeyEncryptionKey(f"The file {path} cannot be created: {error.strerror}.") from error
    return KeyEncryptionKey.of(key)
