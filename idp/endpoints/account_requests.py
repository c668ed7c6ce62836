"""`/account/requests`: what services ask of the person from a counter or a call centre (CIBA Core §8).

A telephone that stays signed in is the authentication device: it can be left on this page, which then looks for new
requests by itself. While one is shown it stands still, so that nothing moves under the finger.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.endpoints.beginning import begin_interaction
from idp.endpoints.own_pages import REQUESTS, SignedIn, enter
from idp.endpoints.showing import client_card, field, locale_of, read_own_form, show
from idp.endpoints.surroundings import Surroundings
from idp.http import responses
from idp.http.responses import Answer
from idp.interaction.backchannel import waiting_requests
from idp.oidc.backchannel_request import kept_errand
from idp.pages.i18n import Locale
from idp.pages.request_views import RequestLine, Requests
from idp.pages.wording import RequestsDone
from idp.store import backchannel_requests
from idp.store.backchannel_requests import BackchannelRequest
from idp.store.database import NothingChanged, Step
from idp.store.sessions import Session

PATH: Final = REQUESTS
LOOK_SECONDS: Final = 5
"""Between two looks of a page that watches."""
BLOCKED_SECONDS: Final = 60 * 60
DECISIONS: Final = ("open", "refuse", "block")


async def get(request: Request, here: Surroundings) -> Answer:
    """What waits; who is not signed in is led to the login first."""
    signed_in = await enter(request, here, PATH)
    if not isinstance(signed_in, SignedIn):
        return signed_in
    locale, watching = locale_of(request, here), request.query_params.get("watch") == "1"
    done = request.query_params.get("done", "")
    view = Requests(
        requests=await _lines(here, signed_in.session, locale),
        watching=watching,
        done=next((known for known in RequestsDone if known == done), None),
    )
    answer = show(request, here, view)
    if watching and not view.requests:
        answer.headers["refresh"] = str(LOOK_SECONDS)
    return answer


async def _lines(here: Surroundings, session: Session, locale: Locale) -> tuple[RequestLine, ...]:
    lines = []
    for asked in await waiting_requests(here.context, session):
        client = await here.shared.clients.find(asked.client_id)
        if client is not None and not client.is_stopped(here.context.now):
            lines.append(
                RequestLine(
                    request_id=asked.digest.hex(),
                    client=client_card(client, locale),
                    binding_message=asked.binding_message,
                    asked_at=asked.created_at,
                    ends_at=asked.expires_at,
                )
            )
    return tuple(lines)


async def post(request: Request, here: Surroundings) -> Answer:
    """`open`, `refuse` or `block` holds the id of a request."""
    form, _ = await read_own_form(request, here)
    signed_in = await enter(request, here, PATH)
    if not isinstance(signed_in, SignedIn):
        return signed_in
    waiting = await waiting_requests(here.context, signed_in.session)
    decision = next((name for name in DECISIONS if field(form, name)), "open")
    asked = next((one for one in waiting if one.digest.hex() == field(form, decision)), None)
    if asked is None:
        return _back(RequestsDone.OVER)
    if decision == "open":
        return await begin_interaction(request, here, asked.client_id, kept_errand(asked.digest))
    return await _refuse(here, signed_in.session, asked, blocks=decision == "block")


async def _refuse(here: Surroundings, session: Session, asked: BackchannelRequest, *, blocks: bool) -> Answer:
    context = here.context
    steps: list[Step] = [
        asked.answers.deny(asked.digest, context.now),
        record(
            context,
            Kind.BACKCHANNEL_BLOCKED if blocks else Kind.BACKCHANNEL_REFUSED,
            account_id=session.account_id,
            client_id=asked.client_id,
            session_id=session.session_id,
        ),
    ]
    if blocks:
        until = context.now + BLOCKED_SECONDS
        steps.append(backchannel_requests.block(session.account_id, asked.client_id, until))
    try:
        await context.db.write(*steps)
    except NothingChanged:
        return _back(RequestsDone.OVER)
    return _back(RequestsDone.BLOCKED if blocks else RequestsDone.REFUSED)


def _back(done: RequestsDone) -> Answer:
    return responses.see_other(f"{PATH}?done={done.value}")
