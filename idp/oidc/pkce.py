"""Proof Key for Code Exchange (RFC 7636), S256 only: whoever redeems a code must be who asked for it."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from idp.errors import InvalidGrant, InvalidRequest
from keys import base64url

METHOD: Final = "S256"
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")  # §4.2: base64url of 32 octets
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # §4.1


def read_challenge(challenge: str, method: str, *, required: bool) -> str | None:
    """The code challenge of an authorization request, None where a legacy client sent none.

    Raises:
        InvalidRequest: missing, malformed, or `plain`, which an absent method means (§4.3, §4.4.1).
    """
    if not challenge:
        if required or method:
            raise InvalidRequest("code_challenge is missing: PKCE with S256 is required (RFC 7636)")
        return None
    if method != METHOD:
        raise InvalidRequest(
            "code_challenge_method must be S256 (when absent it means plain, which is refused)"
        )
    if _CHALLENGE.fullmatch(challenge) is None or not _is_canonical(challenge):
        raise InvalidRequest(
            "code_challenge must be the base64url of a SHA-256, 43 characters without padding"
        )
    return challenge


def _is_canonical(challenge: str) -> bool:
    try:
        base64url.decode(challenge)
    except ValueError:
        return False
    return True


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (§4.2)."""
    return base64url.encode_text(hashlib.sha256(verifier.encode("ascii")).digest())


def check_verifier(verifier: str | None, challenge: str | None) -> None:
    """Compare a verifier with the challenge of the authorization request (§4.6).

    A verifier without a challenge is refused too: somebody may have cut the challenge out (RFC 9700 §4.8.2).

    Raises:
        InvalidRequest: the verifier does not have the form of §4.1.
        InvalidGrant: missing, not expected, or not the one.
    """
    if not challenge and not verifier:
        return
    if not verifier:
        raise InvalidGrant("code_verifier is missing")
    if _VERIFIER.fullmatch(verifier) is None:
        raise InvalidRequest("code_verifier must be 43 to 128 of the characters A-Z a-z 0-9 - . _ ~")
    if not challenge:
        raise InvalidGrant("code_verifier was sent, but the authorization request had no code_challenge")
    if not hmac.compare_digest(challenge_of(verifier), challenge):
        raise InvalidGrant("code_verifier does not fit the code_challenge")
