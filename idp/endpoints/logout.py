"""`/logout`: RP-Initiated Logout 1.0, and the same address for a person who signs out at our own pages."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.endpoints.logout_page import Asking, answer_logout
from idp.endpoints.showing import client_card, field, locale_of, read_own_form, show
from idp.endpoints.stale_keys import note_stale_key
from idp.endpoints.surroundings import Surroundings
from idp.http import responses
from idp.http.access_log import note_client
from idp.http.forms import Parameters, read_form, read_query
from idp.http.responses import Answer
from idp.oidc.end_session import (
    KNOWN_PARAMETERS,
    hints_other,
    needs_confirmation,
    prove_logout_target,
    read_logout_request,
    sessions_meant,
)
from idp.oidc.frontchannel_logout import TakingPart
from idp.oidc.redirect_uri import with_query
from idp.oidc.subject import pairwise_subject
from idp.pages import views
from idp.store import sessions
from idp.store.database import NothingChanged
from idp.store.sessions import Session
from keys.policy import Purpose

DECISION: Final = "decision"
SECRETIVE: Final = frozenset({"id_token_hint", "logout_hint"})
"""What came in a form and is about a person stays out of our addresses."""


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
    return await _end(request, here, asking, None if session is None else session.session_id)


async def _asked(request: Request, here: Surroundings, pairs: Parameters) -> Answer:
    asking = await _read(request, here, pairs)
    session = await _session(request, here)
    if session is None:
        # Without a cookie (a POST from another site brings none) the portal's own hint says which session it means.
        return await _end(request, here, asking, None)
    other = _hints_other(here, asking, session)
    if other or needs_confirmation(asking.request, session.session_id):
        return _confirm(request, here, asking, pairs, other_person=other)
    return await _end(request, here, asking, session.session_id)


async def _read(request: Request, here: Surroundings, pairs: Parameters) -> Asking:
    if token := field(pairs, "id_token_hint"):
        note_stale_key(here, token, Purpose.ID_TOKEN, "id_token_hint")
    asked = read_logout_request(pairs, here.context.keyring, here.context.settings.issuer)
    client = await here.shared.clients.find(asked.client_id) if asked.client_id else None
    if client is not None:
        note_client(request, client.client_id)
    return Asking(asked, client, prove_logout_target(asked, client, here.context.now))


async def _session(request: Request, here: Surroundings) -> Session | None:
    digest = here.shared.cookies.session_digest(request)
    return None if digest is None else await sessions.find(here.context.db, digest, here.context.now)


def _hints_other(here: Surroundings, asking: Asking, session: Session) -> bool:
    client, subject = asking.client, None
    if client is not None:
        subject = pairwise_subject(here.context.keyring, client.sector, session.account_id)
    return hints_other(asking.request, session_id=session.session_id, subject=subject)


def _confirm(
    request: Request, here: Surroundings, asking: Asking, pairs: Parameters, *, other_person: bool
) -> Answer:
    """Any page can send a browser here, so the person is asked before their session ends."""
    client, target, ui_locales = asking.client, asking.target, asking.request.ui_locales
    locale = locale_of(request, here, ui_locales=ui_locales)
    kept = [(name, value) for name, value in pairs if name in KNOWN_PARAMETERS]
    view = views.LogoutConfirm(
        client=None if client is None else client_card(client, locale),
        other_person=other_person,
        hidden=tuple(kept),
    )
    return show(
        request,
        here,
        view,
        at=_by_link(request, kept),
        leads_to="" if target is None else target.post_logout_redirect_uri,
        ui_locales=ui_locales,
    )


def _by_link(request: Request, kept: Parameters) -> str:
    """Where a link asks what a form has asked, but for what is about a person; empty where a link has asked."""
    if request.method != "POST":
        return ""
    return with_query(request.url.path, tuple(pair for pair in kept if pair[0] not in SECRETIVE))


async def _end(request: Request, here: Surroundings, asking: Asking, session_id: str | None) -> Answer:
    ended: list[TakingPart] = []
    for one in sessions_meant(asking.request, session_id):
        ended += await _end_session(here, one, asking.request.client_id)
    answer = answer_logout(request, here, asking, ended)
    here.shared.cookies.forget_session(answer)
    return answer


async def _end_session(here: Surroundings, session_id: str, client_id: str) -> list[TakingPart]:
    """End a session; the clients that took part in it. Ended already is as good."""
    context = here.context
    account_id = await sessions.owner(context.db, session_id)
    if account_id is None:
        return []
    event = record(
        context, Kind.LOGOUT, account_id=account_id, client_id=client_id or None, session_id=session_id
    )
    ended = sessions.end(session_id, account_id, "logout", context.now)
    try:
        await context.db.write(*ended, event)
    except NothingChanged:
        return []
    names = await sessions.clients_of(context.db, session_id)
    found = [await here.shared.clients.find(name) for name in names]
    return [TakingPart(client, session_id) for client in found if client is not None]
