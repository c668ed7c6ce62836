"""The person has seen who asks for what: a notice read, or an agreement given or refused."""

from __future__ import annotations

from dataclasses import replace

import orjson
from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.endpoints.interaction_views import Typed, shown_to
from idp.endpoints.showing import field
from idp.endpoints.surroundings import Surroundings
from idp.endpoints.talk import Talk, fail, go_on, open_form, settle, show_step, situation_of
from idp.errors import AccessDenied, PageError
from idp.http.forms import Parameters
from idp.http.responses import Answer
from idp.interaction.asked import Asked, joined
from idp.interaction.issue import Settled
from idp.interaction.steps import ONESELF, AskConsent, Situation, acting_for, next_step
from idp.pages.forms import FieldProblem, Problem
from idp.store import consents
from idp.store.database import Step

CONSENT = "consent"


async def post_consent(request: Request, here: Surroundings) -> Answer:
    """`decision` is `continue` after a notice, `allow` or `deny` where consent is the basis.

    `shown` says which question is answered, and whose: many tabs may be open, and people share browsers.
    """
    talk, form = await open_form(request, here)
    situation = await situation_of(talk)
    step, decision = next_step(situation), field(form, "decision")
    answers = isinstance(step, AskConsent) and field(form, "shown") == shown_to(situation, step.asked)
    if decision == "deny":
        return await _denied(talk, situation if answers else None)
    if not isinstance(step, AskConsent):
        return await go_on(talk, situation)
    if not answers:  # somebody else is here now, or the question has changed: they are asked themselves
        return show_step(talk, situation, step, status=409)
    if step.asked.basis != CONSENT and decision == "continue":
        return await _agreed(talk, situation, step.asked, step.asked.claims)
    if step.asked.basis == CONSENT and decision == "allow":
        return await _allowed(talk, situation, step, form)
    return show_step(talk, situation, step, status=400)


async def _allowed(talk: Talk, situation: Situation, step: AskConsent, form: Parameters) -> Answer:
    ticked = {value for name, value in form if name == "claim"}
    missing = [claim for claim in step.asked.claims if claim in step.asked.essential - ticked]
    if missing:
        problems = tuple(FieldProblem(f"claim_{claim}", Problem.CLAIM_REQUIRED) for claim in missing)
        return show_step(talk, situation, step, typed=Typed(problems, ticked=tuple(ticked)), status=400)
    return await _agreed(
        talk, situation, step.asked, tuple(claim for claim in step.asked.claims if claim in ticked)
    )


async def _agreed(talk: Talk, situation: Situation, asked: Asked, agreed: tuple[str, ...]) -> Answer:
    """Record the answer and issue what was asked for, in one write."""
    errand, session = talk.errand, situation.session
    if errand is None or session is None:
        raise PageError("stale_interaction", 400, detail="an answer without a question", way_on="/")
    consented = replace(situation, progress=replace(situation.progress, consented=True))
    settled = Settled(
        acting_for(consented) or ONESELF,
        agreed,
        talk.interaction,
        also=_remembered(talk, situation, asked, agreed),
    )
    return await settle(talk, errand, consented, settled)


def _remembered(talk: Talk, situation: Situation, asked: Asked, agreed: tuple[str, ...]) -> tuple[Step, ...]:
    context, session = talk.here.context, situation.session
    if session is None or talk.client_id is None:
        return ()
    whole, claims = joined(session, asked, agreed)
    given = consents.give(
        account_id=session.account_id,
        client_id=talk.client_id,
        basis=whole.basis,
        asked_digest=whole.digest(),
        asked=whole.document().decode(),
        claims=orjson.dumps(claims).decode(),
        now=context.now,
    )
    event = record(
        context,
        Kind.CONSENT_GIVEN,
        account_id=session.account_id,
        client_id=talk.client_id,
        session_id=session.session_id,
        basis=whole.basis,
        asked=list(asked.claims),
        agreed=list(agreed),
        asked_digest=whole.digest().hex(),
    )
    return given, event


async def _denied(talk: Talk, answered: Situation | None) -> Answer:
    """A refusal always holds; it is noted for the person whose page it answers."""
    error = AccessDenied("The person did not agree.")
    session = None if answered is None else answered.session
    if session is None:
        return await fail(talk, error)
    event = record(
        talk.here.context,
        Kind.CONSENT_DENIED,
        account_id=session.account_id,
        client_id=talk.client_id,
        session_id=session.session_id,
    )
    return await fail(talk, error, event)
