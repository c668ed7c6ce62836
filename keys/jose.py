"""Compact JSON Web Signatures (RFC 7515): ours are assembled here, foreign ones are taken apart and verified.

Ours cost 3 µs beside the signature itself; a library's serialiser costs 20. Foreign ones pass a reader that
refuses everything unusual, and are verified straight on the key object, with one algorithm of its type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeAlias

import orjson

from keys import base64url, policy
from keys.jwk import (
    EncryptionKey,
    InvalidJwk,
    InvalidJwkSet,
    JwkSet,
    VerificationKey,
    read_jwk,
    read_jwk_set,
    thumbprint,
)
from keys.signatures import PublicKey, SignatureMismatch, verify_signature

__all__ = [
    "CompactJws",
    "EmbeddedKeyJws",
    "EncryptionKey",
    "InvalidJwk",
    "InvalidJwkSet",
    "InvalidToken",
    "JwkSet",
    "Signer",
    "SignerUnavailable",
    "UnsecuredJws",
    "VerificationKey",
    "VerifiedJws",
    "encode",
    "read_claims",
    "read_compact",
    "read_jwk",
    "read_jwk_set",
    "read_object",
    "read_unsecured",
    "thumbprint",
    "verify",
    "verify_embedded",
    "verify_with",
]

_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)


_UNSECURED: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.", re.ASCII)
_USUAL_HEADER: Final = 1024
"""Characters: with an RSA key in it a header has some 650."""
_KNOWN_HEADERS: Final = 1024
Header: TypeAlias = tuple[Mapping[str, Any], str, str | None]
"""The members, and of them `alg` and `kid`."""


class InvalidToken(Exception):
    """Not a token that may be believed. The message says why, for our log; tell the sender nothing."""


class SignerUnavailable(Exception):
    """The place that holds a private key does not answer now; the message is one sentence for staff."""


class Signer(Protocol):
    """A private key that signs, wherever it lives: in memory, or in a hardware module."""

    @property
    def kid(self) -> str:
        """The key's identifier: its RFC 7638 thumbprint."""

    @property
    def alg(self) -> str:
        """The JWS algorithm it signs with."""

    def public_jwk(self) -> dict[str, str]:
        """The public key as published, with `kid`, `use` and `alg`."""

    async def sign(self, signing_input: bytes) -> bytes:
        """The signature as it stands in a JWS: `r || s` for ES256 (RFC 7518 §3.4).

        A key in memory signs without giving way; a module may take its time.

        Raises:
            SignerUnavailable: the module that holds the key does not answer.
        """


@dataclass(frozen=True, slots=True)
class VerifiedJws:
    """A token whose signature was verified; whether its claims please is the caller's to judge."""

    header: Mapping[str, Any]
    claims: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EmbeddedKeyJws:
    """A token by the key in its own header: who made it holds that key, and may be anybody."""

    thumbprint: str
    """Of the key, by RFC 7638."""
    claims: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CompactJws:
    """A well-formed compact JWS. Nothing in it has been verified."""

    unverified_header: Mapping[str, Any]
    alg: str
    kid: str | None
    payload_segment: str
    signing_input: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class UnsecuredJws:
    """A well-formed token without a signature: anybody may have written it."""

    unverified_header: Mapping[str, Any]
    unverified_claims: dict[str, Any]


@lru_cache(maxsize=256)
def _header_segment(alg: str, kid: str, typ: str) -> bytes:
    return base64url.encode(orjson.dumps({"alg": alg, "typ": typ, "kid": kid})) + b"."


async def encode(signer: Signer, claims: Mapping[str, object], typ: str) -> str:
    """Sign claims as a compact JWS with the header members `alg`, `typ` and `kid` (RFC 7515 §3.1, §7.1).

    Raises:
        SignerUnavailable: as `Signer.sign`.
    """
    signing_input = _header_segment(signer.alg, signer.kid, typ) + base64url.encode(orjson.dumps(claims))
    return (signing_input + b"." + base64url.encode(await signer.sign(signing_input))).decode("ascii")


def _refuse_twice(members: list[tuple[str, object]]) -> None:
    names = [name for name, _ in members]
    if len(set(names)) < len(names):
        raise ValueError("a member stands twice")


def read_object(segment: str, part: str) -> dict[str, Any]:
    """A JSON object without repeated members (RFC 7515 §4, RFC 7519 §4)."""
    try:
        octets = base64url.decode(segment)
        value = orjson.loads(octets)
        json.loads(octets, object_pairs_hook=_refuse_twice)
    except (ValueError, RecursionError) as error:
        raise InvalidToken(f"The {part} is not base64url of a JSON object: {error}.") from error
    if not isinstance(value, dict):
        raise InvalidToken(f"The {part} is not a JSON object.")
    return value


def read_compact(token: str) -> CompactJws:
    """Take a compact JWS apart, believing nothing (RFC 7515 §5.2 steps 1 to 7).

    Raises:
        InvalidToken: too long, not three canonical base64url segments, a header that is no object or repeats a member,
            no `alg`, any `crit` (we understand no extension), the unencoded payload of RFC 7797.
    """
    if len(token) > policy.MAX_TOKEN_LENGTH:
        raise InvalidToken("The token is too long.")
    segments = _COMPACT.fullmatch(token)
    if segments is None:
        raise InvalidToken("Not a compact JWS.")
    header_segment, payload_segment, signature_segment = segments.groups()
    header, alg, kid = _read_header(header_segment)
    try:
        signature = base64url.decode(signature_segment)
    except ValueError as error:
        raise InvalidToken("The signature is not base64url.") from error
    signing_input = token[: -len(signature_segment) - 1].encode("ascii")
    return CompactJws(header, alg, kid, payload_segment, signing_input, signature)


def _read_header(segment: str) -> Header:
    """A header with its `alg` and `kid`; one sender's are all alike, so the usual ones are read once."""
    return _known_header(segment) if len(segment) <= _USUAL_HEADER else _parsed_header(segment)


def _parsed_header(segment: str) -> Header:
    header = read_object(segment, "header")
    alg, kid = header.get("alg"), header.get("kid")
    if not isinstance(alg, str) or not isinstance(kid, str | None):
        raise InvalidToken("The header needs an `alg`, and `kid` is a string.")
    if "crit" in header or "b64" in header:
        raise InvalidToken("The header has an extension that must be understood (RFC 7515 §4.1.11).")
    return MappingProxyType(header), alg, kid


_known_header: Final = lru_cache(maxsize=_KNOWN_HEADERS)(_parsed_header)


def read_unsecured(token: str) -> UnsecuredJws:
    """Take an unsecured JWS apart, which nobody vouches for (RFC 7515 appendix A.5, RFC 7519 §6).

    Raises:
        InvalidToken: anything but `alg` none and an empty signature, and whatever `read_compact` refuses.
    """
    segments = _UNSECURED.fullmatch(token) if len(token) <= policy.MAX_TOKEN_LENGTH else None
    if segments is None:
        raise InvalidToken("Not an unsecured JWS, or too long.")
    header, alg, _ = _read_header(segments[1])
    if alg != "none":
        raise InvalidToken("The signature is missing.")
    return UnsecuredJws(header, read_object(segments[2], "payload"))


def _media_type(typ: str) -> str:
    """A `typ` in the one form that compares (RFC 7515 §4.1.9)."""
    lowered = typ.lower()
    return lowered.removeprefix("application/") if lowered.count("/") == 1 else lowered


def _check_type(header: Mapping[str, Any], typ: str | None) -> None:
    if typ is None:
        return
    found = header.get("typ")
    if not isinstance(found, str) or _media_type(found) != _media_type(typ):
        raise InvalidToken(f"The token is not of type {typ}.")


def verify(
    token: str,
    jwks: JwkSet | Mapping[str, object],
    *,
    algorithms: Collection[str],
    typ: str | None = None,
) -> VerifiedJws:
    """Verify a foreign token with keys we already had for its sender; keys in or behind its header are ignored.

    `algorithms` is what this sender may use, a part of `policy.CLIENT_ALGORITHMS`; `typ` is the required type, None
    where the specification leaves it open. Times, issuer and audience are the caller's to check.

    Raises:
        InvalidToken: for every input that is not a token of this sender.
        ValueError: the caller allows nothing, or an algorithm that policy forbids.
    """
    if not algorithms or not set(algorithms) <= set(policy.CLIENT_ALGORITHMS):
        raise ValueError("name the algorithms that this sender may use, out of policy.CLIENT_ALGORITHMS")
    compact = read_compact(token)
    if compact.alg not in algorithms:
        raise InvalidToken("The algorithm is not one that this sender may use.")
    _check_type(compact.unverified_header, typ)
    try:
        key = (jwks if isinstance(jwks, JwkSet) else read_jwk_set(jwks)).find(compact.kid, compact.alg)
    except InvalidJwkSet as error:
        raise InvalidToken(f"The sender's keys cannot be used: {error}") from error
    if key is None:
        raise InvalidToken("The sender has no such key.")
    try:
        verify_signature(compact.alg, key.public_key, compact.signature, compact.signing_input)
    except SignatureMismatch as error:
        raise InvalidToken("The signature does not fit.") from error
    return VerifiedJws(compact.unverified_header, read_object(compact.payload_segment, "payload"))


def verify_embedded(token: str, *, algorithms: Collection[str], typ: str) -> EmbeddedKeyJws:
    """Verify a token by the public key in its header (`jwk`, RFC 7515 §4.1.3), as a DPoP proof is (RFC 9449 §4.3).

    For types only whose meaning is that somebody holds a key: of every other, `verify` ignores such a key.

    Raises:
        InvalidToken: another algorithm or type, no key or a weak one, private members in it, or a signature that does
            not fit. Here the message is fit for the sender.
    """
    compact = read_compact(token)
    if compact.alg not in algorithms:
        raise InvalidToken(f"The algorithm is one of {', '.join(algorithms)}.")
    _check_type(compact.unverified_header, typ)
    header_segment = token.partition(".")[0]
    usual = len(header_segment) <= _USUAL_HEADER
    key, holder = _known_key_in(header_segment) if usual else _key_in(header_segment)
    if compact.alg not in key.algorithms:
        raise InvalidToken("The algorithm is not one of the key in the header.")
    try:
        verify_signature(compact.alg, key.public_key, compact.signature, compact.signing_input)
    except SignatureMismatch as error:
        raise InvalidToken("The signature does not fit.") from error
    return EmbeddedKeyJws(holder, read_object(compact.payload_segment, "payload"))


def _key_in(header_segment: str) -> tuple[VerificationKey, str]:
    """The public key in a header, and its thumbprint."""
    jwk = _read_header(header_segment)[0].get("jwk")
    if not isinstance(jwk, dict):
        raise InvalidToken("The header needs a public key, `jwk`.")
    try:
        return read_jwk(jwk), thumbprint(jwk)
    except InvalidJwk as error:
        raise InvalidToken(str(error)) from error


_known_key_in: Final = lru_cache(maxsize=_KNOWN_HEADERS)(_key_in)


def verify_with(compact: CompactJws, public_key: PublicKey, alg: str, typ: str) -> bytes:
    """Verify one of our own tokens with the one key it can be of; the octets of its payload.

    Straight on the key object: as strict as `verify`, at two thirds of its cost.

    Raises:
        InvalidToken: another algorithm or type, or the signature does not fit.
    """
    if compact.alg != alg:
        raise InvalidToken("The algorithm is not the key's.")
    _check_type(compact.unverified_header, typ)
    try:
        verify_signature(alg, public_key, compact.signature, compact.signing_input)
        return base64url.decode(compact.payload_segment)
    except (SignatureMismatch, ValueError) as error:
        raise InvalidToken("The signature does not fit.") from error


def read_claims(payload: bytes) -> dict[str, Any]:
    """The claims of a payload that one of our own keys signed.

    Raises:
        InvalidToken: what was signed is not a JSON object.
    """
    try:
        claims = orjson.loads(payload)
    except ValueError as error:
        raise InvalidToken("The payload is not JSON.") from error
    if not isinstance(claims, dict):
        raise InvalidToken("The payload is not a JSON object.")
    return claims
