"""One-time codes of authenticator apps: TOTP (RFC 6238) over HOTP (RFC 4226). Pure.

SHA-1, six digits and steps of 30 seconds: what every app understands, several of which ignore any other wish. HMAC is
not touched by what is known against SHA-1 (RFC 6238 §1.2, RFC 4226 appendix B.2).
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from typing import Final
from urllib.parse import quote, urlencode

STEP_SECONDS: Final = 30
DIGITS: Final = 6
SECRET_BYTES: Final = 20  # RFC 4226 §4 R6 recommends 160 bits
DRIFT: Final = 1
"""Steps that a phone's clock, or a slow person, may be off either way (RFC 6238 §5.2): a code works 90 seconds."""

_SEPARATORS: Final = re.compile(r"[\s.-]")
_CODE: Final = re.compile(r"[0-9]{6}")


def new_secret() -> bytes:
    """160 random bits."""
    return secrets.token_bytes(SECRET_BYTES)


def step_at(now: int) -> int:
    """The time step T of an instant (RFC 6238 §4.2; T0 = 0)."""
    return now // STEP_SECONDS


def code_of(secret: bytes, step: int, digits: int = DIGITS, algorithm: str = "sha1") -> str:
    """The code of one step (RFC 6238 §4.2, RFC 4226 §5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8), algorithm)
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def read_code(typed: str) -> str | None:
    """Six digits, which apps show in groups; None for anything else."""
    code = _SEPARATORS.sub("", typed)
    return code if _CODE.fullmatch(code) else None


def matching_step(secret: bytes, code: str, now: int) -> int | None:
    """The latest step within the drift that has this code; every step is compared, in constant time."""
    current, found = step_at(now), None
    for step in range(max(0, current - DRIFT), current + DRIFT + 1):
        if hmac.compare_digest(code_of(secret, step), code):
            found = step
    return found


def secret_text(secret: bytes) -> str:
    """The secret as apps take it when it is typed: base32 (RFC 4648 §6) without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def provisioning_uri(secret: bytes, issuer: str, label: str) -> str:
    """What an app reads from the QR code (the `otpauth` key URI format, which has no RFC)."""
    parameters = {
        "secret": secret_text(secret),
        "issuer": issuer,
        "algorithm": "SHA1",
        "digits": DIGITS,
        "period": STEP_SECONDS,
    }
    return f"otpauth://totp/{quote(issuer)}:{quote(label)}?{urlencode(parameters, quote_via=quote)}"
