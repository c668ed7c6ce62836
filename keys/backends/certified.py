"""Keys in memory that sign for a short time, certified by a key in a hardware module.

Where the module is slower than the country signs in, it signs one certificate for a key in memory instead of every
token. The certificate is a compact JWS that stands in the key log, so that anyone sees which keys left the module's
protection, for what and for how long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from keys.jose import InvalidToken, Signer, encode, read_claims, read_compact, verify_with
from keys.jwk import PRIVATE_MEMBERS, InvalidJwk, read_jwk, thumbprint
from keys.policy import CERTIFICATE_LIFETIME, Purpose

CERTIFICATE_TYPE: Final = "motcua-key-certificate+jwt"
"""The `typ` of a certificate (RFC 8725 §3.11): no token of another kind passes as one."""

_CLAIMS: Final = frozenset({"sub", "jwk", "purpose", "nbf", "exp"})


@dataclass(frozen=True, slots=True)
class KeyCertificate:
    """What the module's key says of a key in memory."""

    kid: str
    public_jwk: Mapping[str, str]
    purpose: Purpose
    not_before: int
    not_after: int
    """Epoch seconds; the key signs from `not_before` until just before `not_after`."""
    certified_by: str
    """`kid` of the module's key."""


def _check_validity(not_before: int, not_after: int) -> None:
    if not 0 < not_after - not_before <= CERTIFICATE_LIFETIME:
        raise ValueError(f"a key in memory is certified for at most {CERTIFICATE_LIFETIME} seconds")


async def certify(
    signer: Signer, public_jwk: Mapping[str, str], purpose: Purpose, not_before: int, not_after: int
) -> str:
    """Let the module's key certify a key in memory for one purpose; times in epoch seconds.

    Raises:
        ValueError: valid for no time or for longer than `CERTIFICATE_LIFETIME`, or the key would certify itself.
        InvalidJwk: not a public key with its own thumbprint as `kid`.
        SignerUnavailable: the module does not answer.
    """
    _check_validity(not_before, not_after)
    kid = _named(public_jwk)
    if kid == signer.kid:
        raise ValueError("a key does not certify itself")
    claims = {
        "sub": kid,
        "jwk": dict(public_jwk),
        "purpose": Purpose(purpose).value,
        "nbf": not_before,
        "exp": not_after,
    }
    return await encode(signer, claims, CERTIFICATE_TYPE)


def verify_certificate(certificate: str, module_jwk: Mapping[str, str], now: int) -> KeyCertificate:
    """The content of a certificate that the module's key signed and that is valid at `now`, in epoch seconds.

    For what was signed in the past pass the time of the signature: a certificate proves nothing about its own end.

    Raises:
        InvalidToken: of another key, changed, not of its form, not yet or no longer valid, valid for too long.
    """
    compact = read_compact(certificate)
    try:
        key = read_jwk(module_jwk)
    except InvalidJwk as error:
        raise InvalidToken("The module's key is not a public key.") from error
    if compact.kid != key.kid or compact.alg not in key.algorithms:
        raise InvalidToken("The certificate is not of this key of the module.")
    claims = read_claims(verify_with(compact, key.public_key, compact.alg, CERTIFICATE_TYPE))
    return _read(claims, compact.kid or "", now)


def _read(claims: Mapping[str, Any], certified_by: str, now: int) -> KeyCertificate:
    if claims.keys() != _CLAIMS:
        raise InvalidToken("The certificate does not have the claims of a certificate.")
    jwk, not_before, not_after = claims["jwk"], claims["nbf"], claims["exp"]
    if not _is_jwk(jwk) or type(not_before) is not int or type(not_after) is not int:
        raise InvalidToken("The certificate does not have the claims of a certificate.")
    try:
        _check_validity(not_before, not_after)
        kid, purpose = _named(jwk), Purpose(claims["purpose"])
    except ValueError as error:  # InvalidJwk is one
        raise InvalidToken(f"The certificate is not one that we make: {error}.") from error
    if claims["sub"] != kid or kid == certified_by:
        raise InvalidToken("The certificate is for another key than it shows.")
    if not not_before <= now < not_after:
        raise InvalidToken("The certificate is not valid at this time.")
    return KeyCertificate(kid, jwk, purpose, not_before, not_after, certified_by)


def _is_jwk(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(member, str) for member in value.values())


def _named(jwk: Mapping[str, object]) -> str:
    """The `kid` of a public key, of whatever kind, that carries its own thumbprint as its name (RFC 7638)."""
    kid = thumbprint(jwk)
    if jwk.get("kid") != kid or PRIVATE_MEMBERS & jwk.keys():
        raise InvalidJwk("a certified key is public, and its `kid` is its thumbprint")
    return kid
