"""Signing keys in the memory of this process."""

from __future__ import annotations

from dataclasses import dataclass, field

from keys import private_keys
from keys.jwk import public_members, thumbprint
from keys.signatures import KEY_TYPES, SIGN, PrivateKey


@dataclass(frozen=True, slots=True)
class SoftwareSigner:
    """A `keys.jose.Signer` on a key object that was imported once."""

    kid: str
    alg: str
    _key: PrivateKey = field(repr=False)

    @classmethod
    def generate(cls, alg: str) -> SoftwareSigner:
        """A new key for one of `keys.signatures.SIGN`. RSA takes a tenth of a second or more."""
        return cls._of(alg, private_keys.generate(KEY_TYPES[alg]))

    @classmethod
    def load(cls, alg: str, pkcs8: bytes) -> SoftwareSigner:
        """The signer of `to_pkcs8`.

        Raises:
            ValueError: not a private key of the algorithm's type.
        """
        return cls._of(alg, private_keys.load(pkcs8))

    @classmethod
    def _of(cls, alg: str, key: PrivateKey) -> SoftwareSigner:
        members = public_members(key.public_key())
        if members["kty"] != KEY_TYPES[alg]:
            raise ValueError(f"a key of type {members['kty']} does not sign {alg}")
        return cls(thumbprint(members), alg, key)

    def public_jwk(self) -> dict[str, str]:
        """The public key as published (RFC 7517 §4)."""
        members = public_members(self._key.public_key())
        return {**members, "kid": self.kid, "use": "sig", "alg": self.alg}

    async def sign(self, signing_input: bytes) -> bytes:
        """The signature as it stands in a JWS."""
        return SIGN[self.alg](self._key, signing_input)

    def to_pkcs8(self) -> bytes:
        """The private key, unencrypted: to be sealed at once."""
        return private_keys.to_pkcs8(self._key)
