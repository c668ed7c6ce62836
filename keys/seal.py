"""Sealing at rest: AES-256-GCM under keys derived afresh for every message (NIST SP 800-38D, RFC 5869).

A sealed value is `version (1 octet) || key id (8) || salt (16) || nonce (12) || ciphertext || tag (16)`; values
sealed under a secret of the caller have no key id. Each message has its own AES key, derived with the salt, so
that random nonces never come near their limit of 2^32 messages for one key (SP 800-38D §8.3), however long one
secret serves.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keys import base64url
from keys.secret_file import SecretFileUnusable, read_secret_file

_VERSION: Final = b"\x01"
_KEY_OCTETS: Final = 32
_ID_OCTETS: Final = 8
_SALT_OCTETS: Final = 16
_NONCE_OCTETS: Final = 12
_TAG_OCTETS: Final = 16

WRAPPED: Final = "pkcs11:"
"""How a line of the file begins that a hardware module has to open (`keys.backends.pkcs11_kek`)."""

Unwrap: TypeAlias = Callable[[str], bytes]


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


def _kek_id(key: bytes) -> bytes:
    return derive(key, b"kek id")[:_ID_OCTETS]


@dataclass(frozen=True, slots=True)
class KeyEncryptionKey:
    """The key that seals all other keys in the database; it lives in a file beside it, plain or wrapped by hardware.

    While it is replaced, the file holds the new key and below it the former one; each opens what it sealed. Which of
    them is in use the database says and not the file: the one that its values are sealed under (`that_sealed`).
    """

    id: bytes
    """8 octets derived from the key, kept in front of what it sealed, so that it can be sealed anew under another."""
    _key: bytes = field(repr=False)
    _former: Mapping[bytes, bytes] = field(repr=False)

    @classmethod
    def of(cls, key: bytes, *former: bytes) -> KeyEncryptionKey:
        """The key-encryption key of 32 random octets; `former` ones open, and seal nothing."""
        for one in (key, *former):
            if len(one) != _KEY_OCTETS:
                raise InvalidKeyEncryptionKey(
                    f"A key-encryption key has {_KEY_OCTETS} octets, not {len(one)}."
                )
        return cls(
            _kek_id(key), derive(key, b"kek seal"), {_kek_id(old): derive(old, b"kek seal") for old in former}
        )

    @classmethod
    def read_file(cls, path: Path, unwrap: Unwrap | None = None) -> KeyEncryptionKey:
        """Read a file of 32 octets, or of lines: the key as base64url or wrapped by hardware, then the former ones.

        `unwrap` opens a line that hardware wrapped.

        Raises:
            InvalidKeyEncryptionKey: missing, unreadable, open to others, or not such a key; one sentence.
        """
        return cls.of(*read_kek_lines(path, unwrap))

    def seal(self, plaintext: bytes, *, purpose: str, name: str) -> bytes:
        """Seal for one place: a value moved to another purpose or name does not open there."""
        return _VERSION + self.id + _encrypt(self._key, b"kek", plaintext, _context(purpose, name))

    def unseal(self, sealed: bytes, *, purpose: str, name: str) -> bytes:
        """What `seal` sealed for the same place.

        Raises:
            SealBroken: changed, from another place, or sealed under another key-encryption key.
        """
        key_id = sealed[1 : 1 + _ID_OCTETS]
        key = self._key if key_id == self.id else self._former.get(key_id)
        if sealed[:1] != _VERSION or key is None:
            raise SealBroken(
                "The keys of this installation were sealed under another key-encryption key than that of IDP_KEK_FILE."
            )
        return _decrypt(key, b"kek", sealed[1 + _ID_OCTETS :], _context(purpose, name))

    def sealed(self, value: bytes) -> bool:
        """Whether a value says that it was sealed under this key, and not under a former one."""
        return value.startswith(_VERSION + self.id)

    def that_sealed(self, value: bytes) -> KeyEncryptionKey:
        """The same keys, but sealing under the one of them that sealed `value`; unchanged if none of them did."""
        key_id = value[1 : 1 + _ID_OCTETS]
        if self.sealed(value) or key_id not in self._former:
            return self
        others = {old: key for old, key in self._former.items() if old != key_id}
        return KeyEncryptionKey(key_id, self._former[key_id], {self.id: self._key, **others})


def kek_lines(path: Path) -> list[str]:
    """The lines in the file of a key-encryption key as they stand there, the newest first; 32 octets as base64url.

    Raises:
        InvalidKeyEncryptionKey: as `KeyEncryptionKey.read_file`, but for what stands in the lines.
    """
    try:
        content = read_secret_file(path, "The key-encryption key")
    except SecretFileUnusable as error:
        raise InvalidKeyEncryptionKey(str(error)) from error
    if len(content) == _KEY_OCTETS:
        return [base64url.encode_text(content)]
    lines = content.decode("ascii", "replace").split()
    if not lines:
        raise InvalidKeyEncryptionKey(_not_a_key(path))
    return lines


def read_kek_lines(path: Path, unwrap: Unwrap | None = None) -> list[bytes]:
    """The keys in the file of a key-encryption key, the newest first.

    Raises:
        InvalidKeyEncryptionKey: as `KeyEncryptionKey.read_file`.
    """
    return [_read_line(path, line, unwrap) for line in kek_lines(path)]


def _read_line(path: Path, line: str, unwrap: Unwrap | None) -> bytes:
    if line.startswith(WRAPPED):
        if unwrap is None:
            raise InvalidKeyEncryptionKey(
                f"The key-encryption key {path} is wrapped by a hardware module: set IDP_PKCS11_MODULE."
            )
        return unwrap(line)
    try:
        key = base64url.decode(line.rstrip("="))
    except ValueError:
        key = b""
    if len(key) != _KEY_OCTETS:
        raise InvalidKeyEncryptionKey(_not_a_key(path))
    return key


def _not_a_key(path: Path) -> str:
    return f"The key-encryption key {path} does not hold {_KEY_OCTETS} octets, plain or as base64url."


def replace_kek_file(path: Path, lines: Sequence[str]) -> None:
    """Put other lines into the file of a key-encryption key, for its owner: at once and for good, or not at all.

    Raises:
        InvalidKeyEncryptionKey: the folder cannot be written.
    """
    path = path.resolve()  # what a link leads to is replaced, and not the link
    fresh = path.with_name(path.name + ".new")
    try:
        owner = path.stat()
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            os.fchown(
                descriptor, owner.st_uid, owner.st_gid
            )  # whoever gave the command, the provider must read it
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            os.fsync(descriptor)
        fresh.replace(path)
        _keep_folder(path.parent)
    except OSError as error:
        raise InvalidKeyEncryptionKey(f"The file {path} cannot be replaced: {error.strerror}.") from error


def _keep_folder(folder: Path) -> None:
    """Have the disk keep which files a folder has."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_kek_file(path: Path, wrap: Callable[[bytes], str] | None = None) -> KeyEncryptionKey:
    """Create a key-encryption key in a new file that only its owner may read (mode 0600).

    `wrap` has hardware wrap it first, so that the file is of no use without that.

    Raises:
        InvalidKeyEncryptionKey: the file exists, or cannot be written; an existing key is never overwritten.
    """
    key = secrets.token_bytes(_KEY_OCTETS)
    line = base64url.encode(key) if wrap is None else wrap(key).encode()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InvalidKeyEncryptionKey(f"The file {path} cannot be created: {error.strerror}.") from error
    return KeyEncryptionKey.of(key)
