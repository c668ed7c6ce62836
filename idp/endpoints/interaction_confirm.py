"""The person says whether they began this themselves: on a device elsewhere, or in an app here."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request

from idp.endpoints.showing import field
from idp.endpoints.surroundings import Surroundings
from idp.endpoints.talk import fail, go_on, open_form, show_step, situation_of
from idp.errors import AccessDenied
from idp.http.responses import Answer
from idp.interaction.confirming import confirmation_mark
from idp.interaction.steps import Confirm, next_step
from idp.store import interactions


async def post_confirm(request: Request, here: Surroundings) -> Answer:
    """`decision` is `confirm` or `deny`; `shown` says whose page was answered. A refusal always holds."""
    talk, form = await open_form(request, here)
    situation = await situation_of(talk)
    step, decision = next_step(situation), field(form, "decision")
    if decision == "deny":
        return await fail(talk, AccessDenied("The person did not begin this."))
    if not isinstance(step, Confirm) or situation.session is None:
        return await go_on(talk, situation)
    if decision != "confirm" or field(form, "shown") != confirmation_mark(situation.session):
        return show_step(talk, situation, step, status=409)
    now = here.context.now
    await here.context.db.write(interactions.confirmed(talk.interaction.interaction_id, now))
    talk = replace(talk, interaction=replace(talk.interaction, confirmed_at=now))
    return await go_on(talk, await situation_of(talk))
