"""JSON Web Keys: thumbprints (RFC 7638), and the reading of our own keys and of foreign key sets (RFC 7517).

A public key is checked and imported once; a worker remembers the imported objects of its clients' keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final, cast

import orjson
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa

from keys import base64url, policy
from keys.signatures import KEY_TYPES, PublicKey
from keys.x5c import read_x5c

_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "EC": ("crv", "kty", "x", "y"),  # RFC 7638 §3.2, in lexicographic order
    "RSA": ("e", "kty", "n"),
    "OKP": ("crv", "kty", "x"),  # RFC 8037 §2
    "AKP": ("alg", "kty", "pub"),  # RFC 9964 §6
    "oct": ("k", "kty"),
}
PRIVATE_MEMBERS: Final = frozenset(
    {"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}
)  # RFC 7518 §6, RFC 9964
_CURVES: Final = {"EC": "P-256", "OKP": "Ed25519"}
_AGREED_BY: Final[Mapping[object, str]] = {"EC": "ECDH-ES", "RSA": "RSA-OAEP-256"}
_ENCRYPTS: Final = frozenset({"deriveKey", "deriveBits", "wrapKey", "encrypt"})  # RFC 7517 §4.3
_PRIVATE: Final = "The key set holds private or symmetric key material; replace those keys at once."
_KINDS: Final = "Keys are EC on P-256, RSA, or OKP on Ed25519."


class InvalidJwk(ValueError):
    """A key that cannot be what it says; the message is one sentence for the one who published it."""


class InvalidJwkSet(ValueError):
    """A key set that must not be used; the message is one sentence for the one who published it."""


def _canonical(jwk: Mapping[str, object]) -> bytes:
    """The required members in the one spelling of RFC 7638 §3."""
    kty = jwk.get("kty")
    names = _REQUIRED.get(kty) if isinstance(kty, str) else None
    if names is None:
        raise InvalidJwk("A key has no `kty` that is known.")
    members = {name: jwk.get(name) for name in names}
    if not all(isinstance(value, str) for value in members.values()):
        raise InvalidJwk(f"A key of type {kty} needs the members {', '.join(names)}, each a string.")
    return orjson.dumps(members)


def _spell(number: int, octets: int) -> str:
    return base64url.encode_text(number.to_bytes(octets, "big"))


def public_members(key: PublicKey) -> dict[str, str]:
    """The members of a public key (RFC 7518 §6.2.1, §6.3.1; RFC 8037 §2; RFC 9964 §3)."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        point = key.public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": _spell(point.x, 32), "y": _spell(point.y, 32)}
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": _spell(numbers.n, (key.key_size + 7) // 8), "e": _spell(numbers.e, 3)}
    if isinstance(key, mldsa.MLDSA65PublicKey):
        return {"kty": "AKP", "alg": "ML-DSA-65", "pub": base64url.encode_text(key.public_bytes_raw())}
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode_text(key.public_bytes_raw())}


def thumbprint(jwk: Mapping[str, object]) -> str:
    """The SHA-256 thumbprint of a key, base64url (RFC 7638); optional members do not count.

    Raises:
        InvalidJwk: the type is unknown or a required member is missing.
    """
    return base64url.encode_text(sha256(_canonical(jwk)).digest())


def _octets(jwk: Mapping[str, str], name: str) -> bytes:
    try:
        return base64url.decode(jwk[name])
    except ValueError as error:
        raise InvalidJwk(f"The member `{name}` of a key is not base64url without padding.") from error


def _import_ec(jwk: Mapping[str, str]) -> PublicKey:
    x, y = _octets(jwk, "x"), _octets(jwk, "y")
    if len(x) != 32 or len(y) != 32:  # RFC 7518 §6.2.1.2: the full size of a coordinate
        raise InvalidJwk("The coordinates of a P-256 key have 32 octets each.")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + x + y)
    except ValueError as error:
        raise InvalidJwk("The point of a P-256 key is not on the curve.") from error


def _import_rsa(jwk: Mapping[str, str]) -> PublicKey:
    modulus, exponent = _octets(jwk, "n"), int.from_bytes(_octets(jwk, "e"), "big")
    least, greatest = policy.CLIENT_RSA_BITS
    number = int.from_bytes(modulus, "big")
    if modulus[:1] == b"\x00":  # RFC 7518 §6.3.1.1
        raise InvalidJwk("The modulus of an RSA key starts with a zero octet.")
    if not least <= number.bit_length() <= greatest:
        raise InvalidJwk(f"An RSA key has {number.bit_length()} bits; {least} to {greatest} are accepted.")
    if exponent != policy.RSA_EXPONENT or number % 2 == 0:
        raise InvalidJwk(f"An RSA key needs an odd modulus and the exponent {policy.RSA_EXPONENT}.")
    return rsa.RSAPublicNumbers(exponent, number).public_key()


def _import_okp(jwk: Mapping[str, str]) -> PublicKey:
    x = _octets(jwk, "x")
    if len(x) != 32:
        raise InvalidJwk("The `x` of an Ed25519 key has 32 octets.")
    return ed25519.Ed25519PublicKey.from_public_bytes(x)


def _import_akp(jwk: Mapping[str, str]) -> PublicKey:
    if KEY_TYPES.get(jwk["alg"]) != "AKP":
        raise InvalidJwk(
            "The `alg` of a key of type AKP is ML-DSA-65, where this installation can verify it."
        )
    octets = _octets(jwk, "pub")
    try:
        return mldsa.MLDSA65PublicKey.from_public_bytes(octets)
    except ValueError as error:
        raise InvalidJwk("The `pub` of an ML-DSA-65 key has 1952 octets.") from error


_IMPORT: Final = {"EC": _import_ec, "RSA": _import_rsa, "OKP": _import_okp, "AKP": _import_akp}


@lru_cache(maxsize=policy.KNOWN_CLIENT_KEYS)
def _imported(canonical: bytes) -> PublicKey:
    """The key object for the required members; remembered, for importing costs as much as verifying."""
    jwk: dict[str, str] = orjson.loads(canonical)
    kty = jwk["kty"]
    if kty not in _IMPORT or jwk.get("crv") != _CURVES.get(kty):
        raise InvalidJwk(_KINDS)
    return _IMPORT[kty](jwk)


def _client_algorithms(kty: object) -> tuple[str, ...]:
    return tuple(name for name in policy.CLIENT_ALGORITHMS if KEY_TYPES[name] == kty)


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key that may verify signatures, checked."""

    kid: str | None
    algorithms: tuple[str, ...]
    """What it may verify: what its type can, narrowed by its `alg`."""
    public_key: PublicKey
    jwk: Mapping[str, str]
    """The members of its type only, so that nothing else in the published key has a say."""


def _read_kid(jwk: Mapping[str, object]) -> str | None:
    kid = jwk.get("kid")
    if kid is None or (isinstance(kid, str) and kid):
        return kid
    raise InvalidJwk("The `kid` of a key is a string that is not empty.")


def read_jwk(jwk: Mapping[str, object]) -> VerificationKey:
    """Read one public signing key of a client.

    Raises:
        InvalidJwk: private members, a kind that is not accepted, too weak, or not a key at all.
    """
    if PRIVATE_MEMBERS & jwk.keys():
        raise InvalidJwk(_PRIVATE)
    canonical = _canonical(jwk)
    able = _client_algorithms(jwk["kty"])
    if not able:
        raise InvalidJwk(_KINDS)
    public_key = _imported(canonical)
    kid, alg = _read_kid(jwk), jwk.get("alg")
    algorithms = able if alg is None else tuple(name for name in able if name == alg)
    if not algorithms:
        raise InvalidJwk(f"The `alg` of a key of type {jwk['kty']} is one of {', '.join(able)}.")
    return VerificationKey(kid, algorithms, public_key, orjson.loads(canonical))


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A public key that something may be encrypted for, checked. `alg` is the key management its type does."""

    kid: str | None
    alg: str
    jwk: Mapping[str, str]
    """The members of its type only."""


def _read_encryption_jwk(jwk: Mapping[str, object]) -> EncryptionKey:
    """Read one public encryption key of a client, of which `_is_for_encryption` holds.

    Raises:
        InvalidJwk: as `read_jwk`.
    """
    canonical = _canonical(jwk)
    _imported(canonical)
    return EncryptionKey(_read_kid(jwk), _AGREED_BY[jwk["kty"]], orjson.loads(canonical))


def read_own_jwk(jwk: Mapping[str, object]) -> PublicKey:
    """The key object of one of our own published signing keys, of every kind that we sign with.

    Raises:
        InvalidJwk: private members, an `alg` that its type does not sign, or a `kid` that is not its thumbprint.
    """
    alg = jwk.get("alg")
    if PRIVATE_MEMBERS & jwk.keys():
        raise InvalidJwk("A published key holds private key material.")
    if not isinstance(alg, str) or KEY_TYPES.get(alg) != jwk.get("kty"):
        raise InvalidJwk("The `alg` of a key is one that its type signs.")
    canonical = _canonical(jwk)
    if jwk.get("kid") != base64url.encode_text(sha256(canonical).digest()):
        raise InvalidJwk("The `kid` of a key of ours is its thumbprint.")
    return _imported(canonical)


@dataclass(frozen=True, slots=True)
class JwkSet:
    """A foreign key set that was read and may be used: public keys, distinct `kid`s, at least one key of either kind.

    `keys` verify what the owner signed; `encryption_keys` are what others encrypt for the owner with; `certificates`
    (DER) are those that `keys` were published with (RFC 7517 §4.7), nobody having verified them.
    """

    keys: tuple[VerificationKey, ...]
    encryption_keys: tuple[EncryptionKey, ...] = ()
    certificates: tuple[bytes, ...] = ()

    def find(self, kid: str | None, alg: str) -> VerificationKey | None:
        """The one key that a token with this header is signed with, or None.

        Without a `kid` there must be only one key that fits (OpenID Connect Core §10.1).
        """
        fitting = [key for key in self.keys if alg in key.algorithms and (kid is None or key.kid == kid)]
        return fitting[0] if len(fitting) == 1 else None

    def find_recipient(self, alg: str) -> EncryptionKey | None:
        """The key to encrypt with for the owner, or None: the first that fits, so the owner puts the newest first."""
        return next((key for key in self.encryption_keys if key.alg == alg), None)


def _public(members: list[object]) -> Iterator[Mapping[str, object]]:
    """Every key of a set, once none of them is known to give a secret away."""
    for member in members:
        if not isinstance(member, dict):
            raise InvalidJwk("Every member of `keys` is an object.")
        if PRIVATE_MEMBERS & member.keys():
            raise InvalidJwk(_PRIVATE)
        yield cast("dict[str, object]", member)


def _is_for_signatures(jwk: Mapping[str, object]) -> bool:
    operations = jwk.get("key_ops")
    return jwk.get("use", "sig") == "sig" and (not isinstance(operations, list) or "verify" in operations)


def _is_known_kind(jwk: Mapping[str, object]) -> bool:
    kty = jwk.get("kty")
    able = _client_algorithms(kty)
    if not able or not isinstance(kty, str):
        return False
    return jwk.get("crv") == _CURVES.get(kty) and jwk.get("alg", able[0]) in able


def _is_for_encryption(jwk: Mapping[str, object]) -> bool:
    """Whether a key says so itself, by `use`, `alg` or `key_ops`; one that says nothing verifies only."""
    kty, use, operations = jwk.get("kty"), jwk.get("use"), jwk.get("key_ops")
    alg = _AGREED_BY.get(kty) if isinstance(kty, str) else None
    if alg is None or use not in (None, "enc") or jwk.get("alg", alg) != alg:
        return False
    allowed = isinstance(operations, list) and any(name in operations for name in _ENCRYPTS)
    if not allowed and operations is not None:
        return False
    return (use == "enc" or "alg" in jwk or allowed) and jwk.get("crv") == _CURVES.get(str(kty))


def _have_names(keys: Sequence[VerificationKey] | Sequence[EncryptionKey]) -> bool:
    kids = [key.kid for key in keys]
    return len(kids) < 2 or (None not in kids and len(set(kids)) == len(kids))


def read_jwk_set(document: Mapping[str, object]) -> JwkSet:
    """Read a client's key set (RFC 7517 §5).

    Keys of kinds unknown to us are passed over; anything wrong with the rest spoils the set.

    Raises:
        InvalidJwkSet: no `keys`, private members, weak or malformed keys, a `kid` twice, nothing that could be used.
    """
    members = document.get("keys")
    if not isinstance(members, list):
        raise InvalidJwkSet("A key set is an object with an array `keys`.")
    try:
        known = tuple(_public(members))
        signing = [jwk for jwk in known if _is_for_signatures(jwk) and _is_known_kind(jwk)]
        keys = tuple(map(read_jwk, signing))
        recipients = tuple(_read_encryption_jwk(jwk) for jwk in known if _is_for_encryption(jwk))
    except InvalidJwk as error:
        raise InvalidJwkSet(str(error)) from error
    if not keys and not recipients:
        raise InvalidJwkSet(
            "The key set has no key for signatures (EC on P-256, RSA, or OKP on Ed25519), nor one for encryption."
        )
    if not _have_names(keys) or not _have_names(recipients):
        raise InvalidJwkSet("Every key of a set with several keys has a `kid` of its own.")
    certificates = (read_x5c(jwk, key.public_key) for jwk, key in zip(signing, keys, strict=True))
    return JwkSet(keys, recipients, tuple(filter(None, certificates)))
