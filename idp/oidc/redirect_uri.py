"""Where an authorization response may go, and how it looks there.

Nothing redirects before `prove_target` has made a `RedirectTarget`; only from here on can an error be sent to a client.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

from idp.errors import OAuthError, PageError
from idp.oidc.client import Client
from idp.oidc.registered_uri import loggable

ResponseMode = Literal["query", "form_post"]
RESPONSE_MODES: Final[tuple[ResponseMode, ...]] = ("query", "form_post")

_LOOPBACK: Final = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::([1-9][0-9]{0,4}))?((?:[/?][^\n]*)?)")


@dataclass(frozen=True, slots=True)
class RedirectTarget:
    """A place that this client registered. Made by `prove_target` only."""

    redirect_uri: str
    response_mode: ResponseMode
    state: str | None
    client_id: str
    issuer: str


@dataclass(frozen=True, slots=True)
class AuthorizationResponse:
    """What is sent to a target, by `location` or as a form according to its response mode."""

    target: RedirectTarget
    parameters: tuple[tuple[str, str], ...]


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


def prove_target(client: Client, parameters: Mapping[str, str], issuer: str) -> RedirectTarget:
    """The target of a request of this client.

    An unknown response mode is answered by query: its refusal has to go somewhere.

    Raises:
        PageError: `redirect_uri` is missing or not registered (RFC 6749 §4.1.2.1).
    """
    redirect_uri = parameters.get("redirect_uri", "")
    if not is_registered(client, redirect_uri):
        logged = loggable(redirect_uri) or "missing"
        raise PageError("redirect_uri_mismatch", detail=f"client {client.client_id}: {logged}")
    return RedirectTarget(
        redirect_uri=redirect_uri,
        response_mode="form_post" if parameters.get("response_mode") == "form_post" else "query",
        state=parameters.get("state") or None,
        client_id=client.client_id,
        issuer=issuer,
    )


def _respond(target: RedirectTarget, *parameters: tuple[str, str]) -> AuthorizationResponse:
    """`state` as it came (RFC 6749 §4.1.2) and `iss` (RFC 9207 §2) stand in every response."""
    state = () if target.state is None else (("state", target.state),)
    return AuthorizationResponse(target, (*parameters, *state, ("iss", target.issuer)))


def success(target: RedirectTarget, code: str) -> AuthorizationResponse:
    """The answer with a code (RFC 6749 §4.1.2)."""
    return _respond(target, ("code", code))


def failure(target: RedirectTarget, error: OAuthError) -> AuthorizationResponse:
    """The answer with an error (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6)."""
    if error.description:
        return _respond(target, ("error", error.error), ("error_description", error.description))
    return _respond(target, ("error", error.error))


def with_query(uri: str, parameters: tuple[tuple[str, str], ...]) -> str:
    """An address with parameters added to the query that it has already (RFC 6749 §3.1.2)."""
    added = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters)
    if not added:
        return uri
    if "?" not in uri:
        return f"{uri}?{added}"
    return f"{uri}{added}" if uri.endswith(("?", "&")) else f"{uri}&{added}"


def location(response: AuthorizationResponse) -> str:
    """The `Location` of a response by query."""
    return with_query(response.target.redirect_uri, response.parameters)
