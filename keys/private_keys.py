"""Private keys in the memory of this process: made, and kept as PKCS #8 (RFC 5958) until they are sealed."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa

from keys import policy
from keys.signatures import PrivateKey


def generate(kty: str) -> PrivateKey:
    """A new key of a type (RFC 7518 §6.1, RFC 8037 §2, RFC 9964 §3). RSA takes a tenth of a second or more."""
    if kty == "EC":
        return ec.generate_private_key(ec.SECP256R1())
    if kty == "RSA":
        return rsa.generate_private_key(policy.RSA_EXPONENT, policy.RSA_BITS)
    if kty == "AKP":
        return mldsa.MLDSA65PrivateKey.generate()
    return ed25519.Ed25519PrivateKey.generate()


def load(pkcs8: bytes) -> PrivateKey:
    """The key of `to_pkcs8`. The octets were sealed, so RSA keys are not checked anew (40 ms each).

    Raises:
        ValueError: not a private key of a type that we have.
    """
    key = serialization.load_der_private_key(pkcs8, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, PrivateKey):
        raise ValueError("not a private key of a type that we have")  # noqa: TRY004 - the octets are at fault
    return key


def to_pkcs8(key: PrivateKey) -> bytes:
    """The key in PKCS #8 DER, unencrypted: to be sealed at once. Of ML-DSA, its seed (RFC 9881 §6)."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
