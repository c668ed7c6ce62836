"""Signing keys inside a token: make, find, sign with, destroy.

Everything here happens in the thread of `Pkcs11Module`, with an open session.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

import pkcs11
from pkcs11 import MGF, Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.exceptions import AttributeTypeInvalid, PKCS11Error

from keys import base64url, policy
from keys.backends.pkcs11_module import TokenUnavailable
from keys.backends.pkcs11_session import NoSuchKey
from keys.jwk import InvalidJwk, read_jwk, thumbprint
from keys.signatures import KEY_TYPES, SignatureMismatch, verify_signature

_P256: Final = bytes.fromhex("06082a8648ce3d030107")  # OBJECT IDENTIFIER prime256v1 (RFC 5480 §2.1.1.1)
_ED25519: Final = bytes.fromhex("06032b6570")  # OBJECT IDENTIFIER id-Ed25519 (RFC 8410 §3)
_PSS: Final = (Mechanism.SHA256, MGF.SHA256, 32)  # RFC 7518 §3.5: a salt as long as the digest
_PAIR: Final = MechanismFlag.SIGN | MechanismFlag.VERIFY
_LABEL_BEFORE: Final = "motcua unfinished "
"""Label of a key pair between its making and its naming. One that stays was left by a process that died."""

_PRIVATE: Final[Mapping[Attribute, bool]] = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.SIGN: True,
    Attribute.SIGN_RECOVER: False,
    Attribute.DECRYPT: False,
    Attribute.UNWRAP: False,
    Attribute.DERIVE: False,
}
_KEPT_INSIDE: Final[Mapping[Attribute, bool]] = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
_BORN_INSIDE: Final[Mapping[Attribute, bool]] = {
    **_KEPT_INSIDE,
    Attribute.ALWAYS_SENSITIVE: True,
    Attribute.NEVER_EXTRACTABLE: True,
    Attribute.LOCAL: True,
}


class UnsafeKey(TokenUnavailable):
    """A key is in the token but not as it must be: it may leave, or is another one; one sentence."""


class AlgorithmUnsupported(ValueError):
    """The token cannot sign so; one sentence."""


def _sign_es256(key: pkcs11.SignMixin, data: bytes) -> bytes:
    # Many tokens know no ECDSA that hashes. The result is r || s as RFC 7518 §3.4 wants it (PKCS #11 v2.40 §2.3.1).
    return key.sign(sha256(data).digest(), mechanism=Mechanism.ECDSA)


def _sign_rs256(key: pkcs11.SignMixin, data: bytes) -> bytes:
    return key.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS)


def _sign_ps256(key: pkcs11.SignMixin, data: bytes) -> bytes:
    return key.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS_PSS, mechanism_param=_PSS)


def _sign_eddsa(key: pkcs11.SignMixin, data: bytes) -> bytes:
    return key.sign(data, mechanism=Mechanism.EDDSA)


SIGN: Final[Mapping[str, Callable[[pkcs11.SignMixin, bytes], bytes]]] = {
    "ES256": _sign_es256,
    "RS256": _sign_rs256,
    "PS256": _sign_ps256,
    "EdDSA": _sign_eddsa,
    "Ed25519": _sign_eddsa,
}
"""`SIGN[alg](private_key, data)`: the signature as it stands in a JWS."""

_MAKE: Final = {
    "EC": Mechanism.EC_KEY_PAIR_GEN,
    "RSA": Mechanism.RSA_PKCS_KEY_PAIR_GEN,
    "OKP": Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
}
_NEEDED: Final[Mapping[str, frozenset[Mechanism]]] = {
    "ES256": frozenset({Mechanism.ECDSA, _MAKE["EC"]}),
    "RS256": frozenset({Mechanism.SHA256_RSA_PKCS, _MAKE["RSA"]}),
    "PS256": frozenset({Mechanism.SHA256_RSA_PKCS_PSS, _MAKE["RSA"]}),
    "EdDSA": frozenset({Mechanism.EDDSA, _MAKE["OKP"]}),
    "Ed25519": frozenset({Mechanism.EDDSA, _MAKE["OKP"]}),
}


def supported_algorithms(token: pkcs11.Token) -> tuple[str, ...]:
    """The JWS algorithms that a token makes keys for and signs with."""
    there = token.slot.get_mechanisms()
    return tuple(alg for alg, needed in _NEEDED.items() if needed <= there)


def _make_pair(session: pkcs11.Session, kty: str, label: str) -> tuple[Any, Any]:
    how: dict[str, Any] = {
        "mechanism": _MAKE[kty],
        "store": True,
        "id": label.encode(),
        "label": label,
        "capabilities": _PAIR,
        "private_template": _PRIVATE,
    }
    if kty == "RSA":
        return session.generate_keypair(KeyType.RSA, policy.RSA_BITS, **how)
    kind, curve = (KeyType.EC, _P256) if kty == "EC" else (KeyType.EC_EDWARDS, _ED25519)
    domain = session.create_domain_parameters(kind, {Attribute.EC_PARAMS: curve}, local=True)
    return domain.generate_keypair(**how)


def _point(public: Any, octets: int) -> bytes:
    """`CKA_EC_POINT`: an OCTET STRING in DER (PKCS #11 v2.40 §2.3.3), from some tokens without its wrapping."""
    value = bytes(public[Attribute.EC_POINT])
    return value[2:] if len(value) == octets + 2 and value[:2] == bytes((4, octets)) else value


def _public_jwk(public: Any, alg: str) -> dict[str, str]:
    """The public key as published (RFC 7517 §4; RFC 7518 §6.2.1, §6.3.1; RFC 8037 §2)."""
    kty = KEY_TYPES[alg]
    if kty == "EC":
        point = _point(public, 65)
        members = {"crv": "P-256", "x": _spell(point[1:33]), "y": _spell(point[33:])}
    elif kty == "RSA":
        numbers = (
            bytes(public[name]).lstrip(b"\0") for name in (Attribute.MODULUS, Attribute.PUBLIC_EXPONENT)
        )
        members = dict(zip(("n", "e"), map(_spell, numbers), strict=True))
    else:
        members = {"crv": "Ed25519", "x": _spell(_point(public, 32))}
    members["kty"] = kty
    return {**members, "kid": thumbprint(members), "use": "sig", "alg": alg}


def _spell(octets: bytes) -> str:
    return base64url.encode_text(octets)


def _key_id(kid: str) -> bytes:
    """`CKA_ID` of a key: the 32 octets of its thumbprint, or the label of one that was left unfinished.

    Raises:
        NoSuchKey: `kid` is neither.
    """
    if kid.startswith(_LABEL_BEFORE):
        return kid.encode()
    try:
        return base64url.decode(kid)
    except ValueError as error:
        raise NoSuchKey(f"{kid!r} is not the name of a key.") from error


def _require(key: Any, wanted: Mapping[Attribute, bool]) -> None:
    wrong = [attribute.name for attribute, value in wanted.items() if key[attribute] is not value]
    if wrong:
        raise UnsafeKey(
            f"The token does not keep the private key inside: {', '.join(wrong)} is not as it must be."
        )


def generate(session: pkcs11.Session, alg: str) -> dict[str, str]:
    """Make a key pair that never leaves the token; the public key as published.

    Raises:
        AlgorithmUnsupported: the token cannot.
        UnsafeKey: it made a key that may leave, or one that does not sign; the key is destroyed.
        pkcs11.PKCS11Error: the device.
    """
    if alg not in supported_algorithms(session.token):
        raise AlgorithmUnsupported(f"The token {session.token.label!r} does not sign with {alg}.")
    public, private = _make_pair(session, KEY_TYPES[alg], _LABEL_BEFORE + secrets.token_hex(8))
    try:
        jwk = _public_jwk(public, alg)
        _require(private, _BORN_INSIDE)
        _prove(private, jwk)
        for one in (public, private):
            one[Attribute.ID], one[Attribute.LABEL] = _key_id(jwk["kid"]), jwk["kid"]
    except Exception:
        private.destroy()
        public.destroy()
        raise
    return jwk


def _prove(private: pkcs11.SignMixin, jwk: Mapping[str, str]) -> None:
    """Sign once and verify with the published key: what the token holds under a name may be anything."""
    challenge = os.urandom(32)
    try:
        signature = SIGN[jwk["alg"]](private, challenge)
        verify_signature(jwk["alg"], read_jwk(jwk).public_key, signature, challenge)
    except (SignatureMismatch, InvalidJwk) as error:
        raise UnsafeKey(f"The key that the token holds as {jwk['kid']} is another one.") from error


def _find(session: pkcs11.Session, kind: ObjectClass, kid: str) -> list[Any]:
    # A search in a session that has gone leaves a broken iterator behind; this call only fails.
    session.generate_random(64)
    return list(session.get_objects({Attribute.CLASS: kind, Attribute.ID: _key_id(kid)}))


def _find_one(session: pkcs11.Session, kind: ObjectClass, kid: str) -> Any:
    found = _find(session, kind, kid)
    if not found:
        raise NoSuchKey(f"The token {session.token.label!r} has no key {kid}.")
    if len(found) > 1:
        raise UnsafeKey(f"The token {session.token.label!r} has several keys {kid}.")
    return found[0]


def find_public(session: pkcs11.Session, kid: str, alg: str) -> dict[str, str]:
    """The public half of a key, as published.

    Raises:
        NoSuchKey: it is not there.
        UnsafeKey: what is there has another thumbprint.
    """
    public = _find_one(session, ObjectClass.PUBLIC_KEY, kid)
    try:
        jwk = _public_jwk(public, alg)
        read_jwk(jwk)
    except (InvalidJwk, PKCS11Error) as error:
        session.generate_random(64)  # if the session has gone, say that
        raise UnsafeKey(f"The key {kid} in the token does not sign with {alg}.") from error
    if jwk["kid"] != kid:
        raise UnsafeKey(f"The key that the token holds as {kid} is another one.")
    return jwk


def find_private(session: pkcs11.Session, jwk: Mapping[str, str]) -> pkcs11.SignMixin:
    """The private half of a published key, kept inside and proven to be its other half.

    Raises:
        NoSuchKey: it is not there.
        UnsafeKey: it may leave the token, or belongs to another public key.
    """
    private: pkcs11.SignMixin = _find_one(session, ObjectClass.PRIVATE_KEY, jwk["kid"])
    _require(private, _KEPT_INSIDE)
    _prove(private, jwk)
    return private


def _halves(session: pkcs11.Session, kid: str) -> Iterator[Any]:
    yield from _find(session, ObjectClass.PRIVATE_KEY, kid)
    yield from _find(session, ObjectClass.PUBLIC_KEY, kid)


def held(session: pkcs11.Session) -> frozenset[str]:
    """The names of all keys that `generate` made, by their private halves; other keys in the token are passed over."""
    session.generate_random(64)  # as in `_find`
    return frozenset(
        name
        for one in list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY}))
        if (name := _name(one)) is not None
    )


def _name(private: Any) -> str | None:
    try:
        label, key_id = str(private[Attribute.LABEL]), bytes(private[Attribute.ID])
        return label if key_id and _key_id(label) == key_id else None
    except (AttributeTypeInvalid, UnicodeDecodeError, NoSuchKey):
        return None


def destroy(session: pkcs11.Session, kid: str) -> bool:
    """Destroy both halves of a key; whether there was anything to destroy."""
    found = list(_halves(session, kid))
    for one in found:
        one.destroy()
    return bool(found)
