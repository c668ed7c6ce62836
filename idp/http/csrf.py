"""Forms of our own pages come from our own pages.

The token is a keyed digest of the browser cookie's digest: nothing is stored, many tabs work, and a page from another
site can neither read it nor make it. It is masked afresh each time, so that a compressing proxy reveals nothing.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from typing import Final

from starlette.requests import Request

from idp.errors import PageError
from idp.http.forms import Parameters
from keys.keyring import Keyring
from keys.policy import SecretPurpose

FIELD: Final = "csrf_token"
_LENGTH: Final = 32


def csrf_token(keyring: Keyring, browser_digest: bytes) -> str:
    """A token for the forms of this browser."""
    mask = secrets.token_bytes(_LENGTH)
    return base64.urlsafe_b64encode(mask + _masked(mask, _expected(keyring, browser_digest))).decode()


def require_csrf(
    request: Request, form: Parameters, keyring: Keyring, browser_digest: bytes | None, *, issuer: str
) -> None:
    """Require that a form was sent from our own page in this browser.

    Raises:
        PageError: `csrf_failed`, or `cookies_required` when the browser keeps none.
    """
    _require_own_origin(request, issuer)
    if browser_digest is None:
        raise PageError("cookies_required", 403, detail="form without browser cookie")
    sent = [value for name, value in form if name == FIELD]
    if len(sent) != 1 or not _matches(sent[0], _expected(keyring, browser_digest)):
        raise PageError("csrf_failed", 403, detail="form token missing or of another browser")


def _require_own_origin(request: Request, issuer: str) -> None:
    """Fetch Metadata where the browser sends it, else Origin.

    Our pages have the referrer policy `no-referrer`, under which browsers send `Origin: null` with our own forms
    (Fetch §3.1, append a request Origin header); then the token alone decides.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise PageError("csrf_failed", 403, detail="form from another site")
        return
    origin = request.headers.get("origin", "null")
    if origin not in {"null", issuer}:
        raise PageError("csrf_failed", 403, detail="form from another origin")


def _expected(keyring: Keyring, browser_digest: bytes) -> bytes:
    return keyring.digest(SecretPurpose.CSRF, browser_digest)


def _matches(token: str, expected: bytes) -> bool:
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return False
    if len(raw) != 2 * _LENGTH:
        return False
    return hmac.compare_digest(_masked(raw[:_LENGTH], raw[_LENGTH:]), expected)


def _masked(mask: bytes, value: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(mask, value, strict=True))
