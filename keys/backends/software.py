"""Signing keys in the memory of this process."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa

from keys import policy
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
        kty = KEY_TYPES[alg]
        if kty == "EC":
            return cls._of(alg, ec.generate_private_key(ec.SECP256R1()))
        if kty == "RSA":
            return cls._of(alg, rsa.generate_private_key(policy.RSA_EXPONENT, policy.RSA_BITS))
        if kty == "AKP":
            return cls._of(alg, mldsa.MLDSA65PrivateKey.generate())
        return cls._of(alg, ed25519.Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, alg: str, pkcs8: bytes) -> SoftwareSigner:
        """The signer of `to_pkcs8`. The octets were sealed, so RSA keys are not checked anew (40 ms each).

        Raises:
            ValueError: not a private key of the algorithm's type.
        """
        key = serialization.load_der_private_key(pkcs8, None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(key, PrivateKey):
            raise ValueError("not a private key of a type that we sign with")  # noqa: TRY004 - the octets are at fault
        return cls._of(alg, key)

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
        """The private key in PKCS #8 DER, unencrypted: to be sealed at once. Of ML-DSA, its seed (RFC 9881 §6)."""
        return self._key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
