"""The cookies: the session, the browser (known before anyone logs in), and what activation carries.

A value is 256 random bits and is seen by the browser and by this module only: what goes to the store, or into a
form token, is its SHA-256 digest.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

LANGUAGE: Final = "motcua-language"
"""The language a person chose; no secret, so it has no prefix and says so by its shape: `vi` or `en`."""

BROWSER_SECONDS: Final = 400 * 24 * 3600
"""RFC 6265bis §5.5: browsers keep no cookie longer."""

_VALUE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_SEALED: Final = re.compile(r"(?:[A-Za-z0-9_-]{4}){10,500}(?:[A-Za-z0-9_-]{2}==|[A-Za-z0-9_-]{3}=)?")
_LANGUAGE: Final = re.compile(r"vi|en")


@dataclass(frozen=True, slots=True)
class FreshCookie:
    """A new cookie: `value` for the browser, `digest` for the store."""

    value: str
    digest: bytes


def fresh_cookie() -> FreshCookie:
    """256 random bits."""
    value = secrets.token_urlsafe(32)
    return FreshCookie(value, _digest(value))


class Cookies:
    """Names and attributes in this installation.

    Under https names carry `__Host-` (RFC 6265bis §4.1.3.2: Secure, no Domain, Path=/), so that no other host of
    the domain can plant one; http, which is possible on localhost only, cannot have it.
    """

    def __init__(self, *, secure: bool) -> None:
        prefix = "__Host-" if secure else ""
        self.session: Final = f"{prefix}motcua-session"
        self.browser: Final = f"{prefix}motcua-browser"
        self._activation: Final = f"{prefix}motcua-activation"
        # Lax: a portal leads the person to us by a top-level navigation from another site.
        self._attributes = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")

    def session_digest(self, request: Request) -> bytes | None:
        """Digest of the session cookie; None when there is none, or one that we never made."""
        return self._find(request, self.session)

    def browser_digest(self, request: Request) -> bytes | None:
        """Digest of the browser cookie; None as for the session."""
        return self._find(request, self.browser)

    def keep_session(self, response: Response, cookie: FreshCookie) -> None:
        """Give the browser its session, until it is closed or the session ends."""
        self._set(response, f"{self.session}={cookie.value}")

    def keep_browser(self, response: Response, cookie: FreshCookie) -> None:
        """Let the browser be known again."""
        self._set(response, f"{self.browser}={cookie.value}; Max-Age={BROWSER_SECONDS}")

    def forget_session(self, response: Response) -> None:
        """Take the session from the browser."""
        self._set(response, f"{self.session}=; Max-Age=0")

    def activation(self, request: Request) -> bytes | None:
        """What a browser carries between the two pages of activation; sealed, so its shape is all that is read here."""
        value = _read(request, self._activation, _SEALED)
        return None if value is None else base64.urlsafe_b64decode(value)

    def keep_activation(self, response: Response, sealed: bytes, seconds: int) -> None:
        """Let the browser carry a sealed value for a while."""
        value = base64.urlsafe_b64encode(sealed).decode()
        self._set(response, f"{self._activation}={value}; Max-Age={seconds}")

    def forget_activation(self, response: Response) -> None:
        """Activation is done."""
        self._set(response, f"{self._activation}=; Max-Age=0")

    def language(self, request: Request) -> str | None:
        """The language the person chose earlier."""
        return _read(request, LANGUAGE, _LANGUAGE)

    def keep_language(self, response: Response, language: str) -> None:
        """Remember the language the person chose."""
        self._set(response, f"{LANGUAGE}={language}; Max-Age={BROWSER_SECONDS}")

    def _set(self, response: Response, pair: str) -> None:
        name, _, rest = pair.partition(";")
        response.raw_headers.append(
            (b"set-cookie", f"{name}{self._attributes}{';' + rest if rest else ''}".encode())
        )

    @staticmethod
    def _find(request: Request, name: str) -> bytes | None:
        value = _read(request, name, _VALUE)
        return None if value is None else _digest(value)


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()


def _read(request: Request, wanted: str, shape: re.Pattern[str]) -> str | None:
    """The value of a cookie; None when it came twice (someone planted one) or has not the shape we gave it."""
    found = None
    for header, line in request.scope["headers"]:
        if header != b"cookie":
            continue
        for pair in line.decode("latin-1").split(";"):
            name, _, value = pair.strip().partition("=")
            if name == wanted:
                if found is not None:
                    return None
                found = value
    return found if found is not None and shape.fullmatch(found) else None
