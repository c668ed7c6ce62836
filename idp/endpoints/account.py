"""`/account`: a person sees and ends sessions, sees and withdraws agreements, and reads what happened."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.endpoints.account_view import account_view
from idp.endpoints.own_pages import ACCOUNT, SignedIn, enter
from idp.endpoints.showing import field, locale_of, read_own_form, show
from idp.endpoints.surroundings import Surroundings
from idp.http import responses
from idp.http.responses import Answer
from idp.interaction.asked import can_be_withdrawn
from idp.pages.wording import Done
from idp.store import consents, grants, sessions
from idp.store.database import NothingChanged, Row, Step

PATH: Final = ACCOUNT
_EVENT_ID: Final = re.compile(r"[0-9a-f-]{36}")


async def get(request: Request, here: Surroundings) -> Answer:
    """The page; who is not signed in is led to the login first."""
    signed_in = await enter(request, here, PATH)
    if not isinstance(signed_in, SignedIn):
        return signed_in
    before, done = request.query_params.get("before", ""), request.query_params.get("done", "")
    view = await account_view(
        here,
        signed_in.session,
        signed_in.person,
        locale_of(request, here),
        before=before if _EVENT_ID.fullmatch(before) else "",
        done=next((known for known in Done if known == done), None),
    )
    return show(request, here, view)


async def post_end_session(request: Request, here: Surroundings) -> Answer:
    """End one of the person's sessions; ending this one is signing out."""
    form, _ = await read_own_form(request, here)
    signed_in = await enter(request, here, PATH)
    if not isinstance(signed_in, SignedIn):
        return signed_in
    session = signed_in.session
    ended = field(form, "session")
    event = record(
        here.context,
        Kind.SESSION_ENDED,
        account_id=session.account_id,
        session_id=ended,
        by_session=session.session_id,
    )
    end = sessions.end(ended, session.account_id, "person", here.context.now)
    done = await _try(here, Done.SESSION_ENDED, *end, event)
    return _back(done)


async def post_end_others(request: Request, here: Surroundings) -> Answer:
    """End every session but this one."""
    await read_own_form(request, here)
    signed_in = await enter(request, here, PATH)
    if not isinstance(signed_in, SignedIn):
        return signed_in
    session = signed_in.session
    event = record(
        here.context,
        Kind.SESSION_ENDED,
        account_id=session.account_id,
        by_session=session.session_id,
        all_others=True,
    )
    end = sessions.end_others(session.account_id, session.session_id, "person", here.context.now, needed=True)
    done = await _try(here, Done.OTHER_SESSIONS_ENDED, *end, event)
    return _back(done)


async def post_withdraw(request: Request, here: Surroundings) -> Answer:
    """Take an agreement back: the portal's tokens stop working and it has to ask again."""
    form, _ = await read_own_form(request, here)
    signed_in = await enter(request, here, PATH)
    if not isinstance(signed_in, SignedIn):
        return signed_in
    session = signed_in.session
    client_id, now = field(form, "consent"), here.context.now
    agreed = await consents.of_account(here.context.db, session.account_id)
    asked = next((row["asked_digest"] for row in agreed if _is_agreement(row, client_id)), None)
    if asked is None:
        return _back(Done.NOTHING_CHANGED)
    event = record(
        here.context,
        Kind.CONSENT_WITHDRAWN,
        account_id=session.account_id,
        client_id=client_id,
        session_id=session.session_id,
    )
    done = await _try(
        here,
        Done.CONSENT_WITHDRAWN,
        consents.withdraw(session.account_id, client_id, bytes(asked), now),
        grants.revoke_at_client(session.account_id, client_id, "person", now),
        event,
    )
    return _back(done)


def _is_agreement(row: Row, client_id: str) -> bool:
    return row["client_id"] == client_id and can_be_withdrawn(row)


async def _try(here: Surroundings, done: Done, *steps: Step) -> Done:
    try:
        await here.context.db.write(*steps)
    except NothingChanged:
        return Done.NOTHING_CHANGED
    return done


def _back(done: Done) -> Answer:
    return responses.see_other(f"{PATH}?done={done.value}")
