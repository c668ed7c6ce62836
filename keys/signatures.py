"""Signatures of JWS algorithms, on key objects (RFC 7518 §3, RFC 8037 §3.1, RFC 9864, RFC 9964): raw octets.

Keys are objects that were imported once: importing an RSA key for each signature would make it 150 times slower.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from cryptography.exceptions import InvalidSignature as _InvalidSignature
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

PrivateKey = (
    ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | mldsa.MLDSA65PrivateKey
)
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey | mldsa.MLDSA65PublicKey

_ECDSA: Final = ec.ECDSA(SHA256())
_SHA256: Final = SHA256()
_PKCS1: Final = padding.PKCS1v15()
_PSS: Final = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=32)  # RFC 7518 §3.5: as long as the digest


def _sign_es256(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(data, _ECDSA))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")  # RFC 7518 §3.4: r || s, not DER


def _verify_es256(key: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> None:
    if len(signature) != 64:
        raise _InvalidSignature
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    key.verify(encode_dss_signature(r, s), data, _ECDSA)


def _sign_rs256(key: rsa.RSAPrivateKey, data: bytes) -> bytes:
    return key.sign(data, _PKCS1, _SHA256)


def _verify_rs256(key: rsa.RSAPublicKey, signature: bytes, data: bytes) -> None:
    key.verify(signature, data, _PKCS1, _SHA256)


def _sign_ps256(key: rsa.RSAPrivateKey, data: bytes) -> bytes:
    return key.sign(data, _PSS, _SHA256)


def _verify_ps256(key: rsa.RSAPublicKey, signature: bytes, data: bytes) -> None:
    key.verify(signature, data, _PSS, _SHA256)


def _sign_eddsa(key: ed25519.Ed25519PrivateKey, data: bytes) -> bytes:
    return key.sign(data)


def _verify_eddsa(key: ed25519.Ed25519PublicKey, signature: bytes, data: bytes) -> None:
    key.verify(signature, data)


def _sign_ml_dsa_65(key: mldsa.MLDSA65PrivateKey, data: bytes) -> bytes:
    return key.sign(data)  # RFC 9964 §4: pure ML-DSA, an empty context


def _verify_ml_dsa_65(key: mldsa.MLDSA65PublicKey, signature: bytes, data: bytes) -> None:
    key.verify(signature, data)


SIGN: Final[Mapping[str, Callable[[Any, bytes], bytes]]] = {
    "ES256": _sign_es256,
    "RS256": _sign_rs256,
    "PS256": _sign_ps256,
    "EdDSA": _sign_eddsa,
    "Ed25519": _sign_eddsa,
    "ML-DSA-65": _sign_ml_dsa_65,
}
"""`SIGN[alg](private_key, data)`: the signature as it stands in a JWS."""

_VERIFY: Final[Mapping[str, Callable[[Any, bytes, bytes], None]]] = {
    "ES256": _verify_es256,
    "RS256": _verify_rs256,
    "PS256": _verify_ps256,
    "EdDSA": _verify_eddsa,
    "Ed25519": _verify_eddsa,
    "ML-DSA-65": _verify_ml_dsa_65,
}


def provides(make_key: Callable[[], object]) -> bool:
    """Whether the installed cryptography can make such a key; builds on other libraries than OpenSSL may not."""
    try:
        make_key()
    except UnsupportedAlgorithm:
        return False
    return True


def key_types(*, post_quantum: bool) -> Mapping[str, str]:
    """The `kty` that each algorithm signs with; without post-quantum keys, ML-DSA-65 is as unknown as any other."""
    classical = {"ES256": "EC", "RS256": "RSA", "PS256": "RSA", "EdDSA": "OKP", "Ed25519": "OKP"}
    return MappingProxyType(classical | ({"ML-DSA-65": "AKP"} if post_quantum else {}))


POST_QUANTUM: Final = provides(mldsa.MLDSA65PrivateKey.generate)
"""Whether this installation can sign with ML-DSA-65 (RFC 9964)."""

KEY_TYPES: Final = key_types(post_quantum=POST_QUANTUM)


class SignatureMismatch(Exception):
    """The signature is not one of this key over this data."""


def verify_signature(alg: str, key: PublicKey, signature: bytes, data: bytes) -> None:
    """Return if `signature` is one of `key` over `data`; the caller has matched `alg` to the key.

    Raises:
        SignatureMismatch: it is not.
    """
    try:
        _VERIFY[alg](key, signature, data)
    except _InvalidSignature as error:
        raise SignatureMismatch from error
