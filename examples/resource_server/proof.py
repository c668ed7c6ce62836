"""Proofs that the caller holds the key that a token is bound to (RFC 9449 §4.3)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError
from jwt.types import Options

from .access import read_number
from .refusal import Refused, invalid_proof, invalid_token

KEY_TYPES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "ES256": ("EC", "P-256", ("crv", "kty", "x", "y")),
    "PS256": ("RSA", "", ("e", "kty", "n")),
    "EdDSA": ("OKP", "Ed25519", ("crv", "kty", "x")),
}
"""Algorithms that proofs are signed with (FAPI 2.0 §5.4.1): key type, curve, and what counts in a thumbprint."""

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
FEWEST_RSA_BITS = 2048

OLD_SECONDS = 60
AHEAD_SECONDS = 10
"""How far `iat` may lie before and after our clock."""

NONCE_SECONDS = 120
MOST_CHARACTERS = 8192
MOST_JTI_CHARACTERS = 255
PORTS = {"https": 443, "http": 80}

SIGNATURE_ALONE: Options = {
    "verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False, "verify_iss": False,
    "verify_sub": False, "verify_jti": False,
}  # fmt: skip
"""What PyJWT is to check of a proof. `exp` and `nbf` say nothing in one; what does is checked here, by our clock."""

_PLAIN = re.compile(r"[A-Za-z0-9._~-]")


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof in order but for its single use. `digest` is what to remember it by, until `until` (epoch seconds).

    That is a little longer than the proof is good: whoever remembers it, and other processes, have clocks of their own.
    """

    digest: bytes
    until: int


@dataclass(frozen=True, slots=True)
class Aim:
    """What a proof must be for: this request, this token, the key that the token is bound to."""

    method: str
    address: str
    access_token: str
    jkt: str


class Nonces:
    """Nonces that nothing has to remember: keyed digests of spans of two minutes (RFC 9449 §9).

    All processes that are given the same secret, of 32 random octets, know each other's. Without one none is asked for.
    """

    def __init__(self, secret: bytes, clock: Callable[[], float]) -> None:
        if secret and len(secret) < 32:
            raise ValueError("a nonce secret has at least 32 octets")
        self._secret = secret
        self._clock = clock

    def fresh(self) -> str:
        """The nonce to give now; empty where none is asked for."""
        return self._of(int(self._clock()) // NONCE_SECONDS) if self._secret else ""

    def check(self, claims: Mapping[str, Any]) -> None:
        """Whether the proof was made with a nonce of these two minutes or the two before.

        Raises:
            Refused: it was not; the answer brings a fresh one.
        """
        if not self._secret:
            return
        span = int(self._clock()) // NONCE_SECONDS
        given = str(claims.get("nonce", "")).encode(errors="replace")
        if not any(hmac.compare_digest(given, self._of(one).encode()) for one in (span, span - 1, span + 1)):
            raise Refused("use_dpop_nonce", "make the proof with the nonce in DPoP-Nonce")

    def _of(self, span: int) -> str:
        return _base64url(hmac.digest(self._secret, b"%d" % span, "sha256")[:16])


def verify_proof(text: str, aim: Aim, nonces: Nonces, now: float) -> Proof:
    """Checks a proof in every point of RFC 9449 §4.3 but its single use.

    Raises:
        Refused: at the first point that is not met.
    """
    claims = _verify_signature(text, aim.jkt)
    if claims.get("htm") != aim.method:
        raise invalid_proof(f"htm is not {aim.method}")
    _check_address(claims.get("htu"), aim.address)
    issued_at = read_number(claims.get("iat"))
    if issued_at is None or not now - OLD_SECONDS <= issued_at <= now + AHEAD_SECONDS:
        raise invalid_proof("iat is not now; is the clock wrong?")
    if claims.get("ath") != _base64url(hashlib.sha256(aim.access_token.encode()).digest()):
        raise invalid_proof("ath is not the hash of the access token")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= MOST_JTI_CHARACTERS:
        raise invalid_proof(f"jti is a text of 1 to {MOST_JTI_CHARACTERS} characters")
    nonces.check(claims)  # last: whoever is asked for a nonce had everything else right
    digest = hashlib.sha256(f"{aim.jkt} {jti}".encode(errors="surrogatepass")).digest()
    return Proof(digest, math.ceil(issued_at) + OLD_SECONDS + AHEAD_SECONDS)


def _verify_signature(text: str, jkt: str) -> dict[str, Any]:
    """The claims of a proof that is signed by the key it shows, which is the key with the thumbprint `jkt`."""
    if len(text) > MOST_CHARACTERS:
        raise invalid_proof("the proof is too long")
    try:
        header = jwt.get_unverified_header(text)
        if header.get("typ") != "dpop+jwt":
            raise invalid_proof("typ is not dpop+jwt")
        alg, key = _read_key(header)
        if not hmac.compare_digest(_thumbprint(key), jkt.encode()):
            raise invalid_token("the access token is bound to another key than that of the proof")
        claims: dict[str, Any] = jwt.decode(
            text,
            _usable(PyJWK(key, alg)),
            algorithms=[alg],
            options=SIGNATURE_ALONE,
        )
    except (PyJWTError, ValueError, RecursionError) as error:
        raise invalid_proof("the proof is malformed, or not signed by the key in it") from error
    return claims


def _read_key(header: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Algorithm and public key, reduced to what counts in its thumbprint."""
    alg, jwk = header.get("alg"), header.get("jwk")
    if not isinstance(alg, str) or alg not in KEY_TYPES:
        raise invalid_proof(f"alg is not one of {' '.join(KEY_TYPES)}")
    if "crit" in header or not isinstance(jwk, dict) or PRIVATE & jwk.keys():
        raise invalid_proof("the header is not typ, alg and the public key as jwk")
    kty, crv, members = KEY_TYPES[alg]
    if jwk.get("kty") != kty or (crv and jwk.get("crv") != crv):
        raise invalid_proof(f"jwk is no key for {alg}")
    if not all(isinstance(jwk.get(name), str) for name in members):
        raise invalid_proof("jwk is not complete")
    return alg, {name: jwk[name] for name in members}


def _usable(key: PyJWK) -> PyJWK:
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < FEWEST_RSA_BITS:
        raise invalid_proof("the key is too short")
    return key


def _thumbprint(jwk: Mapping[str, str]) -> bytes:
    """RFC 7638 §3, with SHA-256; in base64url."""
    written = json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()
    return _base64url(hashlib.sha256(written).digest()).encode()


def _check_address(stated: object, address: str) -> None:
    try:
        if isinstance(stated, str) and normalised(stated) == normalised(address):
            return
    except ValueError as error:
        raise invalid_proof("htu is not an address") from error
    raise invalid_proof("htu is not the address of this request")


def normalised(address: str) -> str:
    """An address in the one spelling that compares, without query and fragment (RFC 3986 §6.2.2, §6.2.3).

    Raises:
        ValueError: it is not an http address of a host.
    """
    parts = urlsplit(address)
    if not address.isascii() or parts.scheme not in PORTS or not parts.hostname or "@" in parts.netloc:
        raise ValueError("not an http address")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port in {None, PORTS[parts.scheme]} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{re.sub('%([0-9A-Fa-f]{2})', _plain, parts.path) or '/'}"


def _plain(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if _PLAIN.fullmatch(character) else found[0].upper()


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
