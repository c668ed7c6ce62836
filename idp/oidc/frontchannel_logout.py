"""Front-Channel Logout 1.0: which portals the logout page asks in the person's own browser, and by which addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from idp.oidc.client import Client
from idp.oidc.redirect_uri import with_query

MOST_FRAMES: Final = 16
"""Addresses that one page loads. Each is named in its content security policy: a header that fits into the usual
buffers of proxies, on a page that an old telephone still loads."""


@dataclass(frozen=True, slots=True)
class TakingPart:
    """A client that took part in a session that has ended."""

    client: Client
    session_id: str


def frames(ended: Sequence[TakingPart], *, asking: str, issuer: str) -> tuple[str, ...]:
    """What the page loads, at most `MOST_FRAMES`: registered addresses with `iss` and `sid`, always both (§2, §3).

    First come portals whom nothing else tells, among equals the client that asked (its `client_id`, or empty), then in
    the order given.
    """

    def order(one: TakingPart) -> tuple[bool, bool]:
        return bool(one.client.backchannel_logout_uri), one.client.client_id != asking

    able = (one for one in ended if one.client.frontchannel_logout_uri and one.client.disabled_at is None)
    return tuple(_location(one, issuer) for one in sorted(able, key=order)[:MOST_FRAMES])


def _location(one: TakingPart, issuer: str) -> str:
    return with_query(one.client.frontchannel_logout_uri, (("iss", issuer), ("sid", one.session_id)))


def origin_of(uri: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port (RFC 6454 §4)."""
    parts = urlsplit(uri)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
