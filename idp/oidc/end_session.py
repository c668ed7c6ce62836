"""Logout asked for by a client (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from idp.errors import InvalidRequest, PageError
from idp.oidc.client import Client
from idp.oidc.hint import Hint, verify_hint
from idp.oidc.parameters import read_known
from idp.oidc.redirect_uri import with_query
from idp.oidc.registered_uri import loggable
from keys.keyring import Keyring

KNOWN_PARAMETERS: Final = frozenset(
    {"id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"}
)
_SESSION_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SUBJECT: Final = re.compile(r"[A-Za-z0-9_-]{43}")

LIMITS: Final[Mapping[str, int]] = MappingProxyType({"id_token_hint": 8192})


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutRequest:
    """What was asked for; `client_id` is empty where neither it nor the hint says who asks."""

    hint: Hint | None
    client_id: str
    post_logout_redirect_uri: str
    state: str
    logout_hint: str
    ui_locales: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogoutTarget:
    """A place that the client registered to be returned to. Made by `prove_logout_target` only."""

    post_logout_redirect_uri: str
    state: str
    client_id: str


def read_logout_request(pairs: Sequence[tuple[str, str]], keyring: Keyring, issuer: str) -> LogoutRequest:
    """The request, by GET or POST (§2).

    Raises:
        PageError: unreadable, a hint that is not our ID token, or a client that the hint was not issued to (§4).
    """
    parameters = read_known(pairs, KNOWN_PARAMETERS, LIMITS)
    for name, fault in parameters.faults.items():
        raise PageError("invalid_request", detail=f"{name} {fault}")
    client_id = parameters.get("client_id")
    hint = None
    if token := parameters.get("id_token_hint"):
        try:
            hint = verify_hint(keyring, token, issuer=issuer, client_id=client_id)
        except InvalidRequest as error:
            raise PageError("invalid_logout_hint", detail=error.detail or error.description) from error
    return LogoutRequest(
        hint=hint,
        client_id=hint.client_id if hint else client_id or "",
        post_logout_redirect_uri=parameters.get("post_logout_redirect_uri", ""),
        state=parameters.get("state", ""),
        logout_hint=parameters.get("logout_hint", ""),
        ui_locales=tuple(parameters.get("ui_locales", "").split())[:10],
    )


def prove_logout_target(request: LogoutRequest, client: Client | None, now: int) -> LogoutTarget | None:
    """Where the browser may return to, None to stay. `client` is the one of `request.client_id`, if it is registered.

    An address that nobody vouches for (neither a hint nor a `client_id`) is ignored: the person is logged out here. So
    is one of a client that is disabled, or whose last day is over: nobody is sent there.

    Raises:
        PageError: the client is unknown, or the address is not exactly one of its registered ones (§3).
    """
    if not request.post_logout_redirect_uri or not request.client_id:
        return None
    if client is None or client.client_id != request.client_id:
        raise PageError("invalid_logout_hint", detail=f"unknown client {request.client_id}")
    if request.post_logout_redirect_uri not in client.post_logout_redirect_uris:
        detail = f"client {client.client_id}: {loggable(request.post_logout_redirect_uri)}"
        raise PageError("logout_redirect_mismatch", detail=detail)
    if client.is_stopped(now):
        return None
    return LogoutTarget(request.post_logout_redirect_uri, request.state, client.client_id)


def needs_confirmation(request: LogoutRequest, session_id: str | None) -> bool:
    """Whether the person is asked first: any page can send a browser here, only the session's own client has its `sid`.

    Without a session there is nothing to end and nothing to ask (§2).
    """
    return session_id is not None and (request.hint is None or request.hint.sid != session_id)


def hints_other(request: LogoutRequest, *, session_id: str, subject: str | None) -> bool:
    """Whether `logout_hint` names another session or person than this browser's session does.

    Of us a client knows a `sid` and a `sub`, and either may be the hint. `subject` is the person's at the client that
    asks, None where nobody says who asks. What has neither form is a hint of the client's own and says nothing here. A
    hint proves nothing, and never ends anything by itself.
    """
    if _SESSION_ID.fullmatch(request.logout_hint):
        return request.logout_hint != session_id
    if subject is None or not _SUBJECT.fullmatch(request.logout_hint):
        return False
    return request.logout_hint != subject


def sessions_meant(request: LogoutRequest, session_id: str | None) -> tuple[str, ...]:
    """What ends: the browser's own session, and that of the hint, which its client proves to take part in."""
    hinted = None if request.hint is None else request.hint.sid
    return tuple(dict.fromkeys(one for one in (session_id, hinted) if one is not None))


def logout_location(target: LogoutTarget) -> str:
    """The `Location` back: the registered address with `state`, and nothing else (§3)."""
    return with_query(target.post_logout_redirect_uri, (("state", target.state),) if target.state else ())
