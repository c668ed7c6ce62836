"""The person says whether they began this themselves: on a device elsewhere, or in an app here."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.endpoints.showing import field
from idp.endpoints.surroundings import Surroundings
from idp.endpoints.talk import Talk, fail, go_on, open_form, show_step, situation_of
from idp.errors import AccessDenied
from idp.http.responses import Answer
from idp.interaction.confirming import confirmation_mark
from idp.interaction.steps import Confirm, Situation, next_step
from idp.store import interactions
from idp.store.backchannel_requests import BackchannelRequest
from idp.store.database import Step


async def post_confirm(request: Request, here: Surroundings) -> Answer:
    """`decision` is `confirm` or `deny`; `shown` says whose page was answered. A refusal always holds."""
    talk, form = await open_form(request, here)
    situation = await situation_of(talk)
    step, decision = next_step(situation), field(form, "decision")
    if decision == "deny":
        return await fail(talk, AccessDenied("The person did not begin this."), *_refused(talk, situation))
    if not isinstance(step, Confirm) or situation.session is None:
        return await go_on(talk, situation)
    if decision != "confirm" or field(form, "shown") != confirmation_mark(situation.session):
        return show_step(talk, situation, step, status=409)
    now = here.context.now
    await here.context.db.write(interactions.confirmed(talk.interaction.interaction_id, now))
    talk = replace(talk, interaction=replace(talk.interaction, confirmed_at=now))
    return await go_on(talk, await situation_of(talk))


def _refused(talk: Talk, situation: Situation) -> tuple[Step, ...]:
    """What the person finds in their history: a portal asked, and was refused."""
    session = situation.session
    if session is None or talk.errand is None or not isinstance(talk.errand.target, BackchannelRequest):
        return ()
    event = record(
        talk.here.context,
        Kind.BACKCHANNEL_REFUSED,
        account_id=session.account_id,
        client_id=talk.client_id,
        session_id=session.session_id,
    )
    return (event,)
