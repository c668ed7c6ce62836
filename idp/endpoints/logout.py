"""`/logout`: RP-Initiated Logout 1.0, and the same address for a person who signs out at our own pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.endpoints.showing import client_card, field, locale_of, read_own_form, show
from idp.endpoints.stale_keys import note_stale_key
from idp.endpoints.surroundings import Surroundings
from idp.http import responses
from idp.http.access_log import note_client
from idp.http.forms import Parameters, read_form, read_query
from idp.http.responses import Answer
from idp.oidc.client import Client
from idp.oidc.end_session import (
    KNOWN_PARAMETERS,
    LogoutRequest,
    LogoutTarget,
    logout_location,
    needs_confirmation,
    prove_logout_target,
    read_logout_request,
)
from idp.pages import views
from idp.store import sessions
from idp.store.database import NothingChanged
from idp.store.sessions import Session
from keys.policy import Purpose

DECISION: Final = "decision"


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for logout, and where the browser may return to."""

    request: LogoutRequest
    client: Client | None
    target: LogoutTarget | None


async def get(request: Request, here: Surroundings) -> Answer:
    """A portal, or a person, asks for logout by GET."""
    return await _asked(request, here, read_query(request))


async def post(request: Request, here: Surroundings) -> Answer:
    """A portal asks by POST, or the person has answered our question."""
    form = await read_form(request)
    if not field(form, DECISION):
        return await _asked(request, here, form)
    form, _ = await read_own_form(request, here)
    if field(form, DECISION) != "logout":
        return responses.see_other("/account")
    asking = await _read(request, here, form)
    session = await _session(request, here)
    ended = None if session is None else session.session_id
    return await _end(request, here, ended, asking)


async def _asked(request: Request, here: Surroundings, pairs: Parameters) -> Answer:
    asking = await _read(request, here, pairs)
    session = await _session(request, here)
    if needs_confirmation(asking.request, None if session is None else session.session_id):
        return await _confirm(request, here, asking, pairs)
    # Without a cookie (a POST from another site brings none) the portal's own hint says which session it means.
    ended = None if asking.request.hint is None else asking.request.hint.sid
    return await _end(request, here, ended, asking)


async def _read(request: Request, here: Surroundings, pairs: Parameters) -> Asking:
    if token := field(pairs, "id_token_hint"):
        note_stale_key(here, token, Purpose.ID_TOKEN, "id_token_hint")
    asked = read_logout_request(pairs, here.context.keyring, here.context.settings.issuer)
    client = await here.shared.clients.find(asked.client_id) if asked.client_id else None
    if client is not None:
        note_client(request, client.client_id)
    return Asking(asked, client, prove_logout_target(asked, client))


async def _session(request: Request, here: Surroundings) -> Session | None:
    digest = here.shared.cookies.session_digest(request)
    return None if digest is None else await sessions.find(here.context.db, digest, here.context.now)


async def _confirm(request: Request, here: Surroundings, asking: Asking, pairs: Parameters) -> Answer:
    """Any page can send a browser here, so the person is asked before their session ends."""
    client, target = asking.client, asking.target
    view = views.LogoutConfirm(
        client=None if client is None else client_card(client, locale_of(request, here)),
        hidden=tuple((name, value) for name, value in pairs if name in KNOWN_PARAMETERS),
    )
    return show(request, here, view, leads_to="" if target is None else target.post_logout_redirect_uri)


async def _end(request: Request, here: Surroundings, session_id: str | None, asking: Asking) -> Answer:
    client = asking.client
    portals = () if session_id is None else await _end_session(here, session_id, asking.request.client_id)
    if asking.target is not None:
        answer = responses.see_other(logout_location(asking.target))
    else:
        locale = locale_of(request, here)
        card = None if client is None else client_card(client, locale)
        view = views.LoggedOut(
            portals=await _names(request, here, portals),
            client=card,
            return_url="" if client is None else client.client_uri,
        )
        answer = show(request, here, view)
    here.shared.cookies.forget_session(answer)
    return answer


async def _end_session(here: Surroundings, session_id: str, client_id: str) -> tuple[str, ...]:
    """End a session; the clients that took part in it. Ended already is as good."""
    context = here.context
    account_id = await sessions.owner(context.db, session_id)
    if account_id is None:
        return ()
    event = record(
        context, Kind.LOGOUT, account_id=account_id, client_id=client_id or None, session_id=session_id
    )
    ended = sessions.end(session_id, account_id, "logout", context.now)
    try:
        await context.db.write(*ended, event)
    except NothingChanged:
        return ()
    return tuple(await sessions.clients_of(context.db, session_id))


async def _names(request: Request, here: Surroundings, client_ids: tuple[str, ...]) -> tuple[str, ...]:
    locale = locale_of(request, here)
    found = [await here.shared.clients.find(client_id) for client_id in client_ids]
    return tuple(client_card(client, locale).name for client in found if client is not None)
