"""Headers that stand on every answer, and the content security policy of pages."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

RawHeaders = list[tuple[bytes, bytes]]

HSTS_SECONDS: Final = 2 * 365 * 24 * 3600
"""RFC 6797 §6.1.1; two years, what browsers' preload lists ask for at least half of."""

_DENIED_FEATURES: Final = (
    "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen",
    "geolocation", "gyroscope", "hid", "idle-detection", "magnetometer", "microphone", "midi", "payment",
    "picture-in-picture", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip

NO_CONTENT_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""For everything that is not a page: should a browser show it as one, it can do nothing."""

_SOURCE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(//[A-Za-z0-9.-]+(:\d{1,5})?)?")
_HASH: Final = re.compile(r"sha256-[A-Za-z0-9+/]{43}=")
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", ", ".join(f"{feature}=()" for feature in _DENIED_FEATURES).encode()),
    (b"content-security-policy", NO_CONTENT_POLICY.encode()),
)
_STRICT_TRANSPORT: Final = (
    b"strict-transport-security",
    f"max-age={HSTS_SECONDS}; includeSubDomains".encode(),
)
# RFC 6749 §5.1 asks for both on token answers; nothing else of ours may be kept by a cache either.
_NOT_KEPT: Final = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))


class SecurityHeaders:
    """The headers of this installation; what an answer has set itself stays."""

    def __init__(self, *, secure: bool) -> None:
        self._always = (*_ALWAYS, _STRICT_TRANSPORT) if secure else _ALWAYS

    def add(self, headers: RawHeaders) -> None:
        """Complete the headers of an answer."""
        names = {name for name, _ in headers}
        headers += [header for header in self._always if header[0] not in names]
        if b"cache-control" not in names:
            headers += _NOT_KEPT


@lru_cache(1024)
def content_security_policy(
    *, form_action_origin: str = "", script_hash: str = "", frame_origins: tuple[str, ...] = ()
) -> str:
    """The policy of a page (CSP Level 3): our own style sheet and images, no script but the one with this hash.

    `form_action_origin` is where the answer to a form may lead besides ourselves: browsers apply `form-action`
    to the redirects that follow a form, so the portal's origin must be named (see `form_action_source`).
    `frame_origins` are those that the page may show in frames; nobody ever shows ours in one.

    Raises:
        ValueError: for what is not an origin, a scheme or a SHA-256 source expression.
    """
    for origin in filter(None, (form_action_origin, *frame_origins)):
        if not _SOURCE.fullmatch(origin):
            raise ValueError("not an origin")
    if script_hash and not _HASH.fullmatch(script_hash):
        raise ValueError("not a SHA-256 source expression")
    parts = [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        f"form-action 'self' {form_action_origin}".rstrip(),
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    if script_hash:
        parts.insert(1, f"script-src '{script_hash}'")
    if frame_origins:
        parts.insert(1, f"frame-src {' '.join(frame_origins)}")
    return "; ".join(parts)


def form_action_source(redirect_uri: str) -> str:
    """The source expression that lets a form's answer lead to a registered redirect URI.

    The origin for http and https; the scheme for an application's own scheme (RFC 8252 §7.1) and for an IPv6
    literal, which the grammar of host sources does not know (CSP Level 3 §2.3.1).
    """
    parts = urlsplit(redirect_uri)
    if parts.scheme not in {"http", "https"} or parts.netloc.startswith("["):
        return f"{parts.scheme}:"
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"
