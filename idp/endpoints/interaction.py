"""`/interaction/{interaction_id}`: the pages between an authorization request and its answer, and their forms."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request

from idp.authentication.password_login import Attempt, Outcome, ProvenPerson, Refusal, prove_password
from idp.endpoints.interaction_views import Typed, stopped_by
from idp.endpoints.showing import field, show
from idp.endpoints.surroundings import Surroundings
from idp.endpoints.talk import (
    Talk,
    fail,
    go_on,
    go_on_with_cookie,
    open_form,
    open_talk,
    show_step,
    situation_of,
)
from idp.errors import AccessDenied
from idp.http.browser_label import browser_label
from idp.http.cookies import fresh_cookie
from idp.http.responses import Answer
from idp.interaction.login import Browser, open_session, refused_login
from idp.interaction.steps import (
    ONESELF,
    AskConsent,
    ChooseRepresentation,
    Login,
    Situation,
    WhyLogin,
    next_step,
    unmet,
    usable,
)
from idp.pages.forms import FieldProblem, Problem
from idp.registers.personal_code import is_personal_number
from idp.store import interactions

LACKING = "lacking"  # the way back from the page that says how to get an authenticator
SELF = "self"  # the form's value for acting for oneself


async def get(request: Request, here: Surroundings) -> Answer:
    """The page of the step that is next; with nothing left to do, the answer to the portal."""
    talk = await open_talk(request, here)
    return await go_on(talk, await situation_of(talk), after_form=False)


async def post_login(request: Request, here: Surroundings) -> Answer:
    """Personal number and password."""
    talk, form = await open_form(request, here)
    number, password = field(form, "personal_number").strip(), field(form, "password")
    problems = _typing_problems(number, password)
    if problems:
        return await _ask_again(talk, Typed(problems, personal_number=number), 400)
    browser = talk.interaction.browser_digest
    proven = await prove_password(
        here.context, here.shared.hasher, here.shared.throttle, Attempt(number, password, browser)
    )
    if isinstance(proven, Refusal):
        return await _refused(talk, proven, number)
    return await _logged_in(talk, proven)


def _typing_problems(number: str, password: str) -> tuple[FieldProblem, ...]:
    problems = []
    if not number:
        problems.append(FieldProblem("personal_number", Problem.NUMBER_MISSING))
    elif not is_personal_number(number):
        problems.append(FieldProblem("personal_number", Problem.NUMBER_MALFORMED))
    if not password:
        problems.append(FieldProblem("password", Problem.PASSWORD_MISSING))
    return tuple(problems)


async def _ask_again(talk: Talk, typed: Typed, status: int) -> Answer:
    situation = await situation_of(talk)
    step = next_step(situation)
    asked = step if isinstance(step, Login) else Login(WhyLogin.NO_SESSION)
    return show_step(talk, situation, asked, typed=typed, status=status)


async def _refused(talk: Talk, refusal: Refusal, number: str) -> Answer:
    """Strangers read one answer; who had the right password reads what stops the account."""
    context = talk.here.context
    await context.db.append(refused_login(context, refusal, talk.client_id))
    if refusal.told is Outcome.THROTTLED:
        typed = Typed(
            (FieldProblem("personal_number", Problem.THROTTLED),),
            personal_number=number,
            retry_at=context.now + refusal.retry_after,
        )
        return await _ask_again(talk, typed, 429)
    if refusal.told is Outcome.WRONG_PASSWORD:
        wrong = FieldProblem("personal_number", Problem.CREDENTIALS_WRONG)
        return await _ask_again(talk, Typed((wrong,), personal_number=number), 401)
    view = stopped_by(talk.request, talk.here, talk.path, talk.errand, refusal.told.value)
    return show(talk.request, talk.here, view, at=talk.path, status=403, errand=talk.errand)


async def _logged_in(talk: Talk, person: ProvenPerson) -> Answer:
    cookies, cookie = talk.here.shared.cookies, fresh_cookie()
    before = await situation_of(talk)
    browser = Browser(
        talk.interaction.browser_digest,
        cookie.digest,
        browser_label(talk.request.headers.get("user-agent", "")),
    )
    session_id = await open_session(
        talk.here.context,
        person,
        browser,
        interaction_id=talk.interaction.interaction_id,
        client_id=talk.client_id,
        current=before.session,
    )
    talk = replace(talk, interaction=replace(talk.interaction, session_id=session_id, acting_for=None))
    answer = await go_on_with_cookie(talk, cookie.digest)
    cookies.keep_session(answer, cookie)
    return answer


async def post_representation(request: Request, here: Surroundings) -> Answer:
    """For whom the person acts: `self`, or an organisation's record id."""
    talk, form = await open_form(request, here)
    situation = await situation_of(talk)
    # After the choice too: whoever comes back to it by the back button chooses anew.
    asks = situation.demands.organisation
    if not asks or not isinstance(next_step(situation), ChooseRepresentation | AskConsent):
        return await go_on(talk, situation)
    choice = field(form, "acting_for")
    problem = _choice_problem(choice, situation)
    if problem is not None:
        typed = Typed((FieldProblem("acting_for", problem),))
        return show_step(talk, situation, ChooseRepresentation(), typed=typed, status=400)
    acting_for = ONESELF if choice == SELF else choice
    await here.context.db.write(interactions.chose(talk.interaction.interaction_id, acting_for))
    talk = replace(talk, interaction=replace(talk.interaction, acting_for=acting_for))
    return await go_on(talk, await situation_of(talk))


def _choice_problem(choice: str, situation: Situation) -> Problem | None:
    if not choice:
        return Problem.CHOICE_MISSING
    available = {r.organisation.record_id for r in usable(situation)}
    if not situation.demands.organisation_required:
        available.add(SELF)
    return None if choice in available else Problem.CHOICE_UNAVAILABLE


async def post_cancel(request: Request, here: Surroundings) -> Answer:
    """The person goes back to the portal without what it asked for (RFC 6749 §4.1.2.1 `access_denied`).

    From the page that says what they lack, the portal is told that.
    """
    talk, form = await open_form(request, here)
    lacking = field(form, "decision") == LACKING
    return await fail(talk, unmet() if lacking else AccessDenied("The person went back."))
