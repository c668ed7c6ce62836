"""Where an authorization response may go, and in which shape.

Nothing redirects before `prove_target` has made a `RedirectTarget`; only from here on can an error be sent to a client.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import quote

from idp.errors import PageError
from idp.oidc.client import Client
from idp.oidc.profile import SIGNED_RESPONSE_MODES
from idp.oidc.registered_uri import loggable

ResponseMode = Literal["query", "form_post", "query.jwt", "form_post.jwt"]
RESPONSE_MODES: Final[Mapping[str, ResponseMode]] = MappingProxyType(
    {
        "query": "query",
        "form_post": "form_post",
        "jwt": "query.jwt",
        "query.jwt": "query.jwt",
        "form_post.jwt": "form_post.jwt",
    }
)
"""What may be asked for -> what it means for `code` (JARM §2.3)."""

_LOOPBACK: Final = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::([1-9][0-9]{0,4}))?((?:[/?][^\n]*)?)")


@dataclass(frozen=True, slots=True)
class RedirectTarget:
    """A place that this client registered. Made by `prove_target` only."""

    redirect_uri: str
    response_mode: ResponseMode
    state: str | None
    client_id: str
    issuer: str

    @property
    def by_form(self) -> bool:
        """Whether the answer is sent as a form, not in the address."""
        return self.response_mode.startswith("form_post")

    @property
    def signed(self) -> bool:
        """Whether the answer is a JWT (JARM)."""
        return self.response_mode.endswith(".jwt")


def _without_port(uri: str) -> tuple[str, str] | None:
    """A loopback address without its port, None for any other address."""
    found = _LOOPBACK.fullmatch(uri)
    if found is None or int(found[2] or 0) > 65535:
        return None
    return found[1], found[3]


def is_registered(client: Client, redirect_uri: str) -> bool:
    """Whether it is one of the client's addresses: character by character (RFC 9700 §2.1, RFC 3986 §6.2.1).

    Only the port of a native app's loopback literal may vary, for the system assigns it (RFC 8252 §7.3).
    """
    if redirect_uri in client.redirect_uris:
        return True
    requested = _without_port(redirect_uri) if client.rules.any_loopback_port else None
    return requested is not None and requested in map(_without_port, client.redirect_uris)


def check_enabled(client: Client, now: int) -> None:
    """Send nobody to a client that is switched off, or whose last day is over.

    Raises:
        PageError: it is.
    """
    if client.is_stopped(now):
        raise PageError("client_disabled", 403, detail=f"client {client.client_id} is disabled, or over")


def response_modes(client: Client) -> tuple[str, ...]:
    """What a client may ask for, its default first: no plain answer where its answers are registered as encrypted."""
    return (
        client.security.response_modes if client.authorization_encryption is None else SIGNED_RESPONSE_MODES
    )


def prove_target(client: Client, parameters: Mapping[str, str], issuer: str) -> RedirectTarget:
    """The target of a request of this client.

    A response mode that is not for this client is answered by its default one: the refusal has to go somewhere.

    Raises:
        PageError: `redirect_uri` is missing or not registered (RFC 6749 §4.1.2.1).
    """
    redirect_uri = parameters.get("redirect_uri", "")
    if not is_registered(client, redirect_uri):
        logged = loggable(redirect_uri) or "missing"
        raise PageError("redirect_uri_mismatch", detail=f"client {client.client_id}: {logged}")
    allowed = response_modes(client)
    asked = parameters.get("response_mode", "")
    return RedirectTarget(
        redirect_uri=redirect_uri,
        response_mode=RESPONSE_MODES[asked if asked in allowed else allowed[0]],
        state=parameters.get("state") or None,
        client_id=client.client_id,
        issuer=issuer,
    )


def with_query(uri: str, parameters: tuple[tuple[str, str], ...]) -> str:
    """An address with parameters added to the query that it has already (RFC 6749 §3.1.2)."""
    added = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters)
    if not added:
        return uri
    if "?" not in uri:
        return f"{uri}?{added}"
    return f"{uri}{added}" if uri.endswith(("?", "&")) else f"{uri}&{added}"
