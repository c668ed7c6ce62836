"""Proofs that a client holds a key, in the header `DPoP` of a request (RFC 9449).

A proof is for one request: its method, its address, a minute around its time, once. Nonces make sure that it was made
just now, and not long ago for later (§8, §9); they are keyed digests of a span of time, so that every worker knows
every other's, and nothing is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from idp.errors import InvalidDpopProof, InvalidGrant, InvalidRequest, UseDpopNonce
from keys import base64url, policy
from keys.jose import InvalidToken, verify_embedded
from keys.keyring import Keyring
from keys.policy import SecretPurpose

ALGORITHMS: Final = policy.FAPI_ALGORITHMS
"""What proofs are signed with, of every client: nobody has old ones that sign with RS256."""

WINDOW: Final = 60
"""Seconds that `iat` may lie before or after now. FAPI 2.0 §5.3.2.1: accept 10, refuse more than 60 ahead."""

LONGEST_JTI: Final = 255
LONGEST_HTU: Final = 2048

NONCE_SPAN: Final = 120
"""Seconds of which a nonce is the digest. It is good in the next span too, so for two to four minutes; in the one
before as well, for the clock of the worker that gave it may be ahead."""

_TYPE: Final = "dpop+jwt"
_ADDRESS: Final = re.compile(r"[\x21-\x7e]+")
_ESCAPED: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]")
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof in order, but for its single use: that its `jti` is new is for the store to say.

    `jkt` is the thumbprint of the key (RFC 7638). `jti_digest` is SHA-256 over key, address and `jti`; `expires_at` is
    when the proof would be refused anyway (epoch seconds).
    """

    jkt: str
    jti_digest: bytes
    expires_at: int


@dataclass(frozen=True, slots=True)
class Target:
    """The request that a proof must be for: its method, and the addresses under which we are reached by it.

    They come from the settings, never from the request: behind a proxy a `Host` says nothing.
    """

    method: str
    addresses: frozenset[str]


@dataclass(frozen=True, slots=True)
class Nonces:
    """The nonces that are good at a moment; `required` where a proof without one is not taken."""

    keyring: Keyring
    now: int
    required: bool = False

    @property
    def fresh(self) -> str:
        """The one that a client is given now: 128 bits that nobody can know before."""
        return self._of(self.now // NONCE_SPAN)

    def check(self, claims: Mapping[str, object]) -> None:
        """Whether a proof was made with one of ours, a short while ago (§8).

        Raises:
            UseDpopNonce: it was not; the answer brings `fresh`.
        """
        nonce = claims.get("nonce")
        if nonce is None and not self.required:
            return
        if nonce is None:
            raise UseDpopNonce("a proof needs the nonce that this answer's DPoP-Nonce gives")
        if not isinstance(nonce, str) or not self._is_good(nonce):
            raise UseDpopNonce("the nonce of the proof is not good any more: use this answer's DPoP-Nonce")

    def _is_good(self, nonce: str) -> bool:
        span = self.now // NONCE_SPAN
        presented = nonce.encode()
        return any(
            hmac.compare_digest(presented, self._of(one).encode()) for one in (span, span - 1, span + 1)
        )

    def _of(self, span: int) -> str:
        digest = self.keyring.digest(SecretPurpose.INTERACTION, b"dpop nonce:%d" % span)
        return base64url.encode_text(digest[:16])


def access_token_hash(access_token: str) -> str:
    """`ath` of a proof that comes with an access token (§4.2)."""
    return base64url.encode_text(hashlib.sha256(access_token.encode()).digest())


def target(method: str, addresses: Collection[str]) -> Target:
    """The request that arrived by a method at an endpoint of ours, by all addresses that the endpoint has."""
    return Target(method, frozenset(normalised(address) for address in addresses))


def verify_proof(text: str, aim: Target, nonces: Nonces, *, access_token: str | None = None) -> Proof:
    """A proof that whoever sent this request holds a key, checked in every point of §4.3 but its single use.

    `access_token` is the one that it comes with, to a protected resource; the caller compares `jkt` with the key that
    the token is bound to. The nonce is looked at last: who is told to use one had everything else right.

    Raises:
        InvalidDpopProof: it is not in order, or not for this request.
        UseDpopNonce: all it lacks is a nonce that is good now.
    """
    try:
        signed = verify_embedded(text, algorithms=ALGORITHMS, typ=_TYPE)
    except InvalidToken as error:
        raise InvalidDpopProof(f"the proof is not good: {error}") from error
    claims = signed.claims
    address = _check_request(claims, aim)
    jti, issued_at = _read_jti(claims), _read_issued_at(claims, nonces.now)
    if access_token is not None:
        _check_access_token(claims, access_token)
    nonces.check(claims)
    digest = hashlib.sha256(f"\0dpop\0{signed.thumbprint}\0{address}\0{jti}".encode()).digest()
    return Proof(signed.thumbprint, digest, math.ceil(issued_at) + WINDOW)


def bound_key(dpop_jkt: str, proof: Proof | None) -> str:
    """The key that a code is bound to from its request on: named in it, or proven when it is pushed (§10, §10.1).

    `dpop_jkt` is the parameter, empty where it was not sent; so is the answer where no key is bound.

    Raises:
        InvalidRequest: the parameter is no thumbprint.
        InvalidDpopProof: it names another key than the proof.
    """
    if dpop_jkt and _THUMBPRINT.fullmatch(dpop_jkt) is None:
        raise InvalidRequest(
            "dpop_jkt must be the SHA-256 thumbprint of a key, in base64url (RFC 9449 section 10)"
        )
    if proof is None:
        return dpop_jkt
    if dpop_jkt not in {"", proof.jkt}:
        raise InvalidDpopProof("dpop_jkt is not the thumbprint of the key of the proof")
    return proof.jkt


def check_bound_key(dpop_jkt: str | None, proof: Proof | None, what: str) -> None:
    """Whether the key is proven that a code or refresh token is bound to, if it is (§5, §10); `what` names that.

    Raises:
        InvalidDpopProof: there is no proof.
        InvalidGrant: it is by another key.
    """
    if not dpop_jkt:
        return
    if proof is None:
        raise InvalidDpopProof(f"the {what} is bound to a key: send its proof in the header DPoP")
    if proof.jkt != dpop_jkt:
        raise InvalidGrant(f"the {what} is bound to another key than that of the proof")


def _read_text(claims: Mapping[str, object], name: str, longest: int) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise InvalidDpopProof(f"{name} of the proof must be a text of 1 to {longest} characters")
    return value


def _read_jti(claims: Mapping[str, object]) -> str:
    return _read_text(claims, "jti", LONGEST_JTI)


def _check_request(claims: Mapping[str, object], aim: Target) -> str:
    """The address that the proof is for, which is this request's, as its method is (§4.3 points 8 and 9)."""
    if _read_text(claims, "htm", LONGEST_JTI) != aim.method:
        raise InvalidDpopProof(f"htm of the proof is not the method of this request, {aim.method}")
    stated = _read_text(claims, "htu", LONGEST_HTU)
    try:
        address = stated if stated in aim.addresses else normalised(stated)
    except ValueError as error:
        raise InvalidDpopProof("htu of the proof is not an address") from error
    if address not in aim.addresses:
        known = " or ".join(sorted(aim.addresses))
        raise InvalidDpopProof(f"htu of the proof is not the address of this request, {known}")
    return address


def _read_issued_at(claims: Mapping[str, object], now: int) -> float:
    issued_at = claims.get("iat")
    if isinstance(issued_at, bool) or not isinstance(issued_at, int | float) or not math.isfinite(issued_at):
        raise InvalidDpopProof("iat of the proof must be a number of seconds")
    if abs(issued_at - now) > WINDOW:
        raise InvalidDpopProof(
            f"iat of the proof is more than {WINDOW} seconds from now: is the clock wrong?"
        )
    return issued_at


def _check_access_token(claims: Mapping[str, object], access_token: str) -> None:
    stated = claims.get("ath")
    if not isinstance(stated, str) or not hmac.compare_digest(
        stated.encode(), access_token_hash(access_token).encode()
    ):
        raise InvalidDpopProof("ath of the proof is not the hash of the access token that it comes with")


def normalised(address: str) -> str:
    """An http or https address in the one spelling that compares, without query and fragment (RFC 3986 §6.2.2, §6.2.3).

    Raises:
        ValueError: no such address.
    """
    if _ADDRESS.fullmatch(address) is None:
        raise ValueError("an address is printable ASCII")
    parts = urlsplit(address)
    host, port = parts.hostname, parts.port
    if parts.scheme not in _PORTS or not host or "@" in parts.netloc:
        raise ValueError("not an http address of a host")
    host = f"[{host}]" if ":" in host else host
    place = host if port in {None, _PORTS[parts.scheme]} else f"{host}:{port}"
    return f"{parts.scheme}://{place}{_plain_path(parts.path)}"


def _plain_path(path: str) -> str:
    """Nothing escaped that need not be, and no dot segments (RFC 3986 §6.2.2.1 to §6.2.2.3)."""
    kept: list[str] = []
    segments = _ESCAPED.sub(_plain_octet, path).split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def _plain_octet(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if _UNRESERVED.fullmatch(character) else found[0].upper()
