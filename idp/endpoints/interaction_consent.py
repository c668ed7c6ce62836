"""The person has seen who asks for what: a notice read, or an agreement given or refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
from idp.interaction.asked import CONSENT, Asked, joined
from idp.interaction.issue import Settled
from idp.interaction.steps import ONESELF, AskConsent, Situation, acting_for, next_step
from idp.oidc.authorization_details.granting import noted
from idp.pages.forms import FieldProblem, Problem
from idp.store import consents
from idp.store.database import Step


async def post_consent(request: Request, here: Surroundings) -> Answer:
    """`decision` is `continue` after a notice, `allow` or `deny` where consent is the basis.

    `claim` and `detail` are what is ticked; a portal may do nothing in the person's name that they have not ticked.
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
    if decision != ("allow" if step.asked.basis == CONSENT else "continue"):
        return show_step(talk, situation, step, status=400)
    return await _allowed(talk, situation, step, form)


async def _allowed(talk: Talk, situation: Situation, step: AskConsent, form: Parameters) -> Answer:
    typed = _read_ticks(step.asked, form)
    if typed.problems:
        return show_step(talk, situation, step, typed=typed, status=400)
    return await _agreed(talk, situation, step.asked, typed.ticked)


def _read_ticks(asked: Asked, form: Parameters) -> Typed:
    """What is ticked of what is asked; all claims, where the law is the basis and none can be ticked."""
    claims, details = (tuple(value for name, value in form if name == field) for field in ("claim", "detail"))
    ticked = tuple(claim for claim in asked.claims if claim in claims or asked.basis != CONSENT)
    numbers = tuple(str(number) for number in range(1, len(asked.details) + 1))
    problems = []
    if not set(numbers) <= set(details):
        problems.append(FieldProblem("detail", Problem.DETAIL_REQUIRED))
    if not asked.essential <= set(ticked):
        problems.append(FieldProblem("claim", Problem.CLAIM_REQUIRED))
    return Typed(tuple(problems), ticked=ticked, allowed=details)


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
    allowed: dict[str, Any] = {"authorization_details": noted(asked.details)} if asked.details else {}
    event = record(
        context,
        Kind.CONSENT_GIVEN,
        account_id=session.account_id,
        client_id=talk.client_id,
        session_id=session.session_id,
        basis=whole.basis,
        asked=list(asked.claims),
        agreed=list(agreed),
        **allowed,
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
