"""Which addresses a client may register: where browsers are sent with a code, after logout, and for information."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

ApplicationType = Literal["web", "native", "machine"]

MAX_URI_LENGTH: Final = 1000
"""Characters: with code and state an address stays below the 8,000 that RFC 9110 §4.1 asks everybody to take."""

LOOPBACK: Final = frozenset({"127.0.0.1", "[::1]"})
"""Loopback literals (RFC 8252 §7.3), as they stand in a URI."""

_LEGAL: Final = re.compile(r"(?:[A-Za-z0-9._~:/?\[\]@!$&'()+,;=-]|%[0-9A-Fa-f]{2})+")
_DOT_SEGMENT: Final = re.compile(r"/(?:\.|%2[Ee]){1,2}(?:/|$)")
_HOST: Final = re.compile(
    r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label by which browsers take the whole host for an IPv4 address (URL Standard §3.5, ends in a number)."""
_PORT: Final = re.compile(r":[1-9][0-9]{0,4}")
_PRIVATE_SCHEME: Final = re.compile(r"[a-z][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)+")


_ABOUT_SOMEBODY: Final = re.compile(r"[0-9]{9,}")
"""As long as the shortest numbers that people are known by."""


class UnusableUri(ValueError):
    """The address cannot be registered; the message is one sentence part that follows it."""


def _split(uri: str) -> SplitResult:
    if len(uri) > MAX_URI_LENGTH:
        raise UnusableUri(f"is longer than {MAX_URI_LENGTH} characters")
    if "#" in uri:
        raise UnusableUri("has a fragment (RFC 6749 section 3.1.2)")
    if "*" in uri:
        raise UnusableUri("has a wildcard; register every address exactly")
    if _LEGAL.fullmatch(uri) is None:
        raise UnusableUri("has a character that a URI cannot have (RFC 3986)")
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise UnusableUri("is not a URI") from None
    if _DOT_SEGMENT.search(parts.path):
        raise UnusableUri("has dot segments, which browsers remove")
    return parts


def _check_authority(parts: SplitResult) -> None:
    if "@" in parts.netloc:
        raise UnusableUri("has user information")
    host, port = _host_and_port(parts.netloc)
    if host not in LOOPBACK and (_HOST.fullmatch(host) is None or _NUMBER.fullmatch(host.rsplit(".", 1)[-1])):
        raise UnusableUri("must name its host in lower-case ASCII, not by a number")
    if port and (_PORT.fullmatch(port) is None or int(port[1:]) > 65535):
        raise UnusableUri("has an impossible port")


def _host_and_port(authority: str) -> tuple[str, str]:
    bracket = authority.rfind("]") + 1
    colon = authority.find(":", bracket)
    return (authority, "") if colon < 0 else (authority[:colon], authority[colon:])


def is_loopback(uri: str) -> bool:
    """Whether it is plain http to the own machine: `localhost`, `127.0.0.1`, `[::1]`."""
    parts = urlsplit(uri)
    return parts.scheme == "http" and _host_and_port(parts.netloc)[0] in LOOPBACK | {"localhost"}


def _check_web(uri: str) -> None:
    """https, or http on the own machine for development."""
    parts = _split(uri)
    if not uri.startswith(("https://", "http://")):
        raise UnusableUri("must start with https://")
    _check_authority(parts)
    if not uri.startswith("https://") and not is_loopback(uri):
        raise UnusableUri("must start with https:// (http only on localhost)")


def _check_native(uri: str) -> None:
    """RFC 8252 §7: a claimed https address, a loopback address, or a private-use scheme with a dot."""
    if uri.startswith(("https://", "http://")):
        _check_web(uri)
        return
    parts = _split(uri)
    if _PRIVATE_SCHEME.fullmatch(parts.scheme) is None or not uri.startswith(f"{parts.scheme}:/"):
        raise UnusableUri(
            "must be https, loopback http, or a private scheme with a dot: vn.gov.example.app:/callback"
        )
    if parts.netloc or uri.startswith(f"{parts.scheme}://"):
        raise UnusableUri(
            "has two slashes after its private scheme; one belongs there (RFC 8252 section 7.1)"
        )


_CHECKS: Final = MappingProxyType({"web": _check_web, "native": _check_native})


def check_redirect_uri(uri: str, application_type: ApplicationType) -> None:
    """An address for `redirect_uris` or `post_logout_redirect_uris` of a client of this type.

    Raises:
        UnusableUri: with the reason.
    """
    if application_type not in _CHECKS:
        raise UnusableUri("is not needed: machines never redirect anybody")
    _CHECKS[application_type](uri)


def check_page_uri(uri: str) -> None:
    """An address of a page or an image that people are shown (`policy_uri`, `logo_uri`): as for the web.

    Raises:
        UnusableUri: with the reason.
    """
    _check_web(uri)


def loggable(uri: str) -> str:
    """As much of a refused address as helps whoever registered another one: nothing that may be about a person.

    That is without query and fragment, and with long numbers left out.
    """
    return _ABOUT_SOMEBODY.sub("…", re.split(r"[?#]", uri, maxsplit=1)[0])
