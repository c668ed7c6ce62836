"""Keys of a client of the profile FAPI 2.0: one signs its assertions (RFC 7523), one its DPoP proofs (RFC 9449)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@dataclass(frozen=True, slots=True)
class Key:
    """A fresh key on the curve P-256."""

    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False
    )

    @property
    def pem(self) -> str:
        """The private key as the load generator reads it."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def jwk(self) -> Mapping[str, str]:
        """The public key (RFC 7518 §6.2), in the order of its thumbprint."""
        numbers = self.private.public_key().public_numbers()
        x, y = (base64url(value.to_bytes(32)) for value in (numbers.x, numbers.y))
        return {"crv": "P-256", "kty": "EC", "x": x, "y": y}

    @property
    def thumbprint(self) -> str:
        """Its SHA-256 thumbprint (RFC 7638 §3)."""
        return base64url(hashlib.sha256(json.dumps(self.jwk, separators=(",", ":")).encode()).digest())


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """The two keys; `set` is what the client registers."""

    assertion: Key = field(default_factory=Key)
    proof: Key = field(default_factory=Key)

    @property
    def set(self) -> Mapping[str, list[Mapping[str, str]]]:
        """The JWK Set with the key of assertions (RFC 7517 §5)."""
        key = self.assertion
        return {"keys": [{**key.jwk, "kid": key.thumbprint, "alg": "ES256", "use": "sig"}]}


def base64url(data: bytes) -> str:
    """RFC 7515 §2: without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
