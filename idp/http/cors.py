"""Who may read our answers from a script of another origin (Fetch §3.2, Cross-Origin Resource Sharing).

Two cases, and no third. Public documents are for every origin. What a single-page application asks for (tokens,
UserInfo, revocation) is for the origins that such applications are registered with, each compared character by
character. `null`, which any sandboxed page sends, is no origin; credentials are never allowed, since cookies have no
meaning at these addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from starlette.requests import Request
from starlette.types import Scope

from idp.http.responses import Answer
from idp.http.security_headers import RawHeaders
from idp.http.sent_header import sent_header

FOR_EVERYBODY: Final = MappingProxyType(
    {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}
)
"""Headers of a public document."""

PREFLIGHT_SECONDS: Final = 600
"""How long a browser may remember what it was told: no longer than a withdrawn registration should be remembered."""

ALLOWED_HEADERS: Final = "authorization, content-type, dpop"
"""Request headers that our clients send and a browser asks about first."""
PUBLIC_HEADERS: Final = "if-none-match, cache-control"
"""The same where documents are public."""
EXPOSED_HEADERS: Final = "www-authenticate, dpop-nonce, retry-after, x-request-id"
"""Headers of our answers that a script may read beside those that it always may."""

_NOTED: Final = "motcua.origin"
_NOBODY: Final = ""


def sent_origin(request: Request) -> str:
    """The origin that a browser says a script was served from; empty where there is none, or it is opaque (`null`)."""
    origin = sent_header(request.scope, b"origin")
    return "" if origin is None or origin == "null" else origin


def is_preflight(request: Request) -> bool:
    """Whether a browser asks before it sends what a script wants to send (Fetch §3.2.2)."""
    headers = request.headers
    return "origin" in headers and "access-control-request-method" in headers


def note(request: Request, *, allowed: bool) -> None:
    """Say whether the script that asks may read the answer, whatever the answer becomes; `complete` writes it there."""
    request.scope[_NOTED] = sent_origin(request) if allowed else _NOBODY


def is_allowed(request: Request) -> bool:
    """Whether the script was told that it may read the answer."""
    return bool(request.scope.get(_NOTED))


def complete(scope: Scope, headers: RawHeaders) -> None:
    """Add what was noted to an answer, be it an error."""
    noted = scope.get(_NOTED)
    if noted is None:
        return
    headers.append((b"vary", b"origin"))
    if noted:
        headers.append((b"access-control-allow-origin", noted.encode("latin-1")))
        headers.append((b"access-control-expose-headers", EXPOSED_HEADERS.encode()))


def preflight_answer(methods: Iterable[str], headers: str, more: Mapping[str, str]) -> Answer:
    """What a script may send."""
    told = {
        "access-control-allow-methods": ", ".join(methods),
        "access-control-allow-headers": headers,
        "access-control-max-age": str(PREFLIGHT_SECONDS),
    }
    return Answer(b"", status=204, headers={**told, **more})


def options_answer(methods: Iterable[str]) -> Answer:
    """OPTIONS by anybody else (RFC 9110 §9.3.7)."""
    return Answer(b"", status=204, headers={"allow": ", ".join(methods)})
