"""Compact JSON Web Encryption (RFC 7516): opening what others encrypted for us, and encrypting for others.

As with signatures, two parsers must agree on what is opened: a reader of ours that refuses everything unusual, then
joserfc.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, RSAKey, import_key

from keys import base64url, policy, private_keys
from keys.jose import InvalidToken, read_object
from keys.jwk import EncryptionKey, public_members, thumbprint
from keys.policy import Purpose
from keys.signatures import PrivateKey

_OpeningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

KEY_TYPES: Final[Mapping[str, str]] = MappingProxyType({"ECDH-ES": "EC", "RSA-OAEP-256": "RSA"})
"""The `kty` of the keys for each algorithm of key management."""

_COMPACT: Final = re.compile(
    r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)", re.ASCII
)
_EPHEMERAL: Final = frozenset({"kty", "crv", "x", "y"})


class _Registry(jwe.JWERegistry):
    """joserfc's checks with our limits, without its opinions on header members that we ignore."""

    max_protected_header_length = policy.MAX_TOKEN_LENGTH
    max_ciphertext_length = policy.MAX_TOKEN_LENGTH


_REGISTRIES: Final = {
    alg: _Registry(algorithms=(alg, *policy.CONTENT_ENCRYPTION), strict_check_header=False)
    for alg in policy.ENCRYPTION_KEYS[Purpose.ENCRYPTION]
}


@dataclass(frozen=True, slots=True)
class DecryptionKey:
    """A private key in the memory of this process that opens what was encrypted for it; imported once."""

    kid: str
    alg: str
    _key: _OpeningKey = field(repr=False)
    _joserfc_key: ECKey | RSAKey = field(repr=False)

    @classmethod
    def generate(cls, alg: str) -> DecryptionKey:
        """A new key for one of `policy.ENCRYPTION_KEYS`. RSA takes a tenth of a second or more."""
        return cls._of(alg, private_keys.generate(KEY_TYPES[alg]))

    @classmethod
    def load(cls, alg: str, pkcs8: bytes) -> DecryptionKey:
        """The key of `to_pkcs8`.

        Raises:
            ValueError: not a private key of the algorithm's type.
        """
        return cls._of(alg, private_keys.load(pkcs8))

    @classmethod
    def _of(cls, alg: str, key: PrivateKey) -> DecryptionKey:
        members = public_members(key.public_key())
        if not isinstance(key, _OpeningKey) or members["kty"] != KEY_TYPES[alg]:
            raise ValueError(f"a key of type {members['kty']} does not open {alg}")
        imported = (
            ECKey.import_key(key) if isinstance(key, ec.EllipticCurvePrivateKey) else RSAKey.import_key(key)
        )
        return cls(thumbprint(members), alg, key, imported)

    def public_jwk(self) -> dict[str, str]:
        """The public key as published (RFC 7517 §4.2: `use` tells it from a key that verifies)."""
        members = public_members(self._key.public_key())
        return {**members, "kid": self.kid, "use": "enc", "alg": self.alg}

    def to_pkcs8(self) -> bytes:
        """The private key, unencrypted: to be sealed at once."""
        return private_keys.to_pkcs8(self._key)

    def decrypt(self, token: str) -> bytes:
        """What a compact JWE for this key holds: as a rule a signed JWT, still to be verified (RFC 7519 §11.2).

        Raises:
            InvalidToken: for every input that is not one, always the same way: an answer that tells a wrong key from a
                wrong tag would open tokens for whoever asks often enough (RFC 7516 §11.5).
        """
        header = _read_header(token)
        if header.get("alg") != self.alg or header.get("kid", self.kid) != self.kid:
            raise InvalidToken("The token was not encrypted for this key.")
        if self.alg == "ECDH-ES":
            _check_agreement(header, token)
        try:
            opened = jwe.decrypt_compact(token, self._joserfc_key, registry=_REGISTRIES[self.alg])
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise InvalidToken("The token cannot be opened.") from error
        return opened.plaintext or b""


def is_encrypted(token: str) -> bool:
    """Whether a token has the five segments of a compact JWE (RFC 7516 §9); nothing of it has been looked at."""
    return token.count(".") == 4


@lru_cache(maxsize=policy.KNOWN_CLIENT_KEYS)
def _recipient_key(members: tuple[tuple[str, str], ...]) -> Key:
    return import_key(dict(members))


def encrypt(plaintext: bytes, key: EncryptionKey, enc: str, *, content_type: str = "") -> str:
    """A compact JWE that the owner of a key opens; `content_type` is `JWT` for a signed token (RFC 7519 §5.2).

    The header names the key, where its owner has named it (OpenID Connect Core §10.2).

    Raises:
        ValueError: `enc` is none of `policy.CONTENT_ENCRYPTION`.
    """
    if enc not in policy.CONTENT_ENCRYPTION:
        raise ValueError(f"{enc} is not how content is encrypted here")
    members = {"alg": key.alg, "enc": enc, "kid": key.kid, "cty": content_type}
    header = {name: value for name, value in members.items() if value}
    recipient_key = _recipient_key(tuple(key.jwk.items()))
    return jwe.encrypt_compact(header, plaintext, recipient_key, registry=_REGISTRIES[key.alg])


class Envelope(NamedTuple):
    """What a compact JWE says about how it was encrypted, and by `kid` for which key. Nothing has been verified."""

    alg: str
    enc: str
    kid: str | None


def read_envelope(token: str) -> Envelope:
    """The outside of a compact JWE.

    Raises:
        InvalidToken: as `DecryptionKey.decrypt`, as far as the header tells.
    """
    header = _read_header(token)
    return Envelope(header["alg"], header["enc"], header.get("kid"))


def _read_header(token: str) -> dict[str, Any]:
    """The header of a compact JWE (RFC 7516 §5.2 steps 1 to 6)."""
    if len(token) > policy.MAX_TOKEN_LENGTH:
        raise InvalidToken("The token is too long.")
    segments = _COMPACT.fullmatch(token)
    if segments is None:
        raise InvalidToken("Not a compact JWE.")
    header = read_object(segments[1], "header")
    try:
        for segment in segments.groups()[1:]:
            base64url.decode(segment)
    except ValueError as error:
        raise InvalidToken("A segment is not base64url.") from error
    _check_header(header)
    return header


def _check_header(header: Mapping[str, Any]) -> None:
    if not isinstance(header.get("alg"), str) or not isinstance(header.get("kid"), str | None):
        raise InvalidToken("The header needs an `alg`, and `kid` is a string.")
    if header.get("enc") not in policy.CONTENT_ENCRYPTION:
        raise InvalidToken(f"The content is encrypted by one of {', '.join(policy.CONTENT_ENCRYPTION)}.")
    if "crit" in header:
        raise InvalidToken("The header has an extension that must be understood (RFC 7516 §4.1.13).")
    if "zip" in header:
        # RFC 8725 §3.6: lengths tell what was compressed, and little octets may swell to much.
        raise InvalidToken("Compressed content is refused.")


def _check_agreement(header: Mapping[str, Any], token: str) -> None:
    """RFC 7518 §4.6: one ephemeral public key on our curve, and no encrypted key beside it."""
    ephemeral = header.get("epk")
    if not isinstance(ephemeral, dict) or ephemeral.keys() != _EPHEMERAL or ephemeral["crv"] != "P-256":
        raise InvalidToken("The `epk` is a public key on P-256.")
    if token.split(".")[1]:
        raise InvalidToken("Direct key agreement has no encrypted key.")
