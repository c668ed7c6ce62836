"""`/interaction/{interaction_id}/second-factor`: the code of the person's authenticator app raises their session."""

from __future__ import annotations

from starlette.requests import Request

from idp.authentication.totp import read_code
from idp.authentication.totp_login import Outcome, RefusedCode, prove_code
from idp.endpoints.interaction_views import Typed
from idp.endpoints.showing import field
from idp.endpoints.surroundings import Surroundings
from idp.endpoints.talk import Talk, go_on, go_on_with_cookie, open_form, show_step, situation_of
from idp.http.cookies import fresh_cookie
from idp.http.responses import Answer
from idp.interaction.second_factor import refused_code, session_mark, step_up
from idp.interaction.steps import AskSecondFactor, Situation, next_step
from idp.pages.forms import FieldProblem, Problem
from idp.store.sessions import Session

_TOLD = {
    Outcome.WRONG_CODE: (Problem.OTP_WRONG, 401),
    Outcome.USED_CODE: (Problem.OTP_USED, 409),
    Outcome.THROTTLED: (Problem.THROTTLED, 429),
}


async def post_second_factor(request: Request, here: Surroundings) -> Answer:
    """`code`, and in `asked` whose session the page was made for: people share browsers, and have many tabs."""
    talk, form = await open_form(request, here)
    situation = await situation_of(talk)
    session, step = situation.session, next_step(situation)
    if session is None or not isinstance(step, AskSecondFactor):
        return await go_on(talk, situation)
    if field(form, "asked") != session_mark(session):  # somebody else is here now: they are asked themselves
        return show_step(talk, situation, step, status=409)
    typed = field(form, "code")
    code = read_code(typed)
    if code is None:
        problem = Problem.OTP_MALFORMED if typed.strip() else Problem.OTP_MISSING
        return _again(talk, situation, problem, 400)
    return await _prove(talk, situation, session, code)


async def _prove(talk: Talk, situation: Situation, session: Session, code: str) -> Answer:
    context, cookies = talk.here.context, talk.here.shared.cookies
    proven = await prove_code(context, session.account_id, code, talk.interaction.browser_digest)
    if isinstance(proven, RefusedCode):
        return await _refused(talk, situation, session, proven)
    cookie = fresh_cookie()
    if not await step_up(context, proven, session, cookie.digest, talk.client_id):
        return await _too_late(talk, session)
    answer = await go_on_with_cookie(talk, cookie.digest)
    cookies.keep_session(answer, cookie)
    return answer


async def _refused(talk: Talk, situation: Situation, session: Session, refused: RefusedCode) -> Answer:
    context = talk.here.context
    await context.db.append(refused_code(context, refused, session, talk.client_id))
    if refused.outcome not in _TOLD:  # the authenticator was removed meanwhile
        return await go_on(talk, await situation_of(talk))
    problem, status = _TOLD[refused.outcome]
    retry_at = context.now + refused.retry_after if refused.retry_after else None
    return _again(talk, situation, problem, status, retry_at)


async def _too_late(talk: Talk, session: Session) -> Answer:
    """Another form brought the same code first, or the session ended in the same moment."""
    context = talk.here.context
    late = RefusedCode(Outcome.USED_CODE)
    await context.db.append(refused_code(context, late, session, talk.client_id))
    situation = await situation_of(talk)
    if not isinstance(next_step(situation), AskSecondFactor):
        return await go_on(talk, situation)
    return _again(talk, situation, Problem.OTP_USED, 409)


def _again(
    talk: Talk, situation: Situation, problem: Problem, status: int, retry_at: int | None = None
) -> Answer:
    typed = Typed((FieldProblem("code", problem),), retry_at=retry_at)
    return show_step(talk, situation, AskSecondFactor(), typed=typed, status=status)
