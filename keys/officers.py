"""Key officers: the people whose signatures a change of keys needs. Each signs with a key of their own.

An officer is known by the thumbprint of that key (RFC 7638), never by a name: the key log is public. The key lives in a
file of the officer's, under a passphrase; the provider only ever sees the public half.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from keys import base64url
from keys.jwk import InvalidJwk, read_jwk, thumbprint
from keys.signatures import SignatureMismatch, verify_signature

_ALGORITHM: Final = "EdDSA"
_LARGEST_FILE: Final = 4096


class InvalidOfficerKey(Exception):
    """One sentence for the officer: why the file or the public key cannot be used."""


@dataclass(frozen=True, slots=True)
class Officer:
    """An officer's public key. `kid` is its thumbprint."""

    kid: str
    jwk: Mapping[str, str] = field(hash=False)

    @classmethod
    def read(cls, jwk: Mapping[str, Any]) -> Officer:
        """Read a public key.

        Raises:
            InvalidOfficerKey: not a public Ed25519 key.
        """
        try:
            key = read_jwk({**jwk, "alg": _ALGORITHM})
        except InvalidJwk as error:
            raise InvalidOfficerKey(f"An officer's key cannot be used: {error}") from error
        return cls(thumbprint(key.jwk), dict(key.jwk))

    def verify(self, signature: bytes, signed: bytes) -> None:
        """Return if the signature is this officer's.

        Raises:
            SignatureMismatch: it is not.
        """
        verify_signature(_ALGORITHM, read_jwk({**self.jwk, "alg": _ALGORITHM}).public_key, signature, signed)


@dataclass(frozen=True, slots=True)
class OfficerKey:
    """An officer's private key, in the memory of the officer's own command."""

    officer: Officer
    _key: ed25519.Ed25519PrivateKey = field(repr=False)

    @classmethod
    def _of(cls, key: ed25519.Ed25519PrivateKey) -> OfficerKey:
        x = base64url.encode_text(key.public_key().public_bytes_raw())
        return cls(Officer.read({"kty": "OKP", "crv": "Ed25519", "x": x}), key)

    @classmethod
    def generate(cls) -> OfficerKey:
        """A new key."""
        return cls._of(ed25519.Ed25519PrivateKey.generate())

    @classmethod
    def read_file(cls, path: Path, passphrase: bytes | None) -> OfficerKey:
        """Read the key from its PKCS #8 file.

        Raises:
            InvalidOfficerKey: unreadable, open to others, another kind of key, or not this passphrase.
        """
        content = _read_private_file(path)
        try:
            key = serialization.load_pem_private_key(content, passphrase)
        except (TypeError, ValueError, UnsupportedAlgorithm) as error:
            raise InvalidOfficerKey(
                f"The officer's key {path} does not open: the passphrase is wrong or missing, or it is no key."
            ) from error
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise InvalidOfficerKey(f"The officer's key {path} is not an Ed25519 key.")
        return cls._of(key)

    def create_file(self, path: Path, passphrase: bytes | None) -> None:
        """Write the key into a new file that only its owner may read (mode 0600), under a passphrase if there is one.

        Raises:
            InvalidOfficerKey: the file exists, or cannot be written.
        """
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            encryption = serialization.BestAvailableEncryption(passphrase)
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
        except OSError as error:
            raise InvalidOfficerKey(f"The file {path} cannot be created: {error.strerror}.") from error

    def sign(self, octets: bytes) -> bytes:
        """This officer's signature."""
        return self._key.sign(octets)


def _read_private_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_LARGEST_FILE)
    except OSError as error:
        raise InvalidOfficerKey(f"The officer's key {path} cannot be read: {error.strerror}.") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InvalidOfficerKey(f"The officer's key {path} is open to other accounts; chmod 600 it.")
    return content


__all__ = ["InvalidOfficerKey", "Officer", "OfficerKey", "SignatureMismatch"]
