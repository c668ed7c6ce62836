"""`/account/authenticator`: a person adds an authenticator app, says when it is asked for, and removes it.

Every step wants a login of the last ten minutes, and the app's own code in it once there is an app.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from idp.authentication import totp_enrolment
from idp.authentication.totp import provisioning_uri, read_code, secret_text
from idp.endpoints.own_pages import ACCOUNT, AUTHENTICATOR, BACK, SignedIn, WayBack, enter, find_way_back
from idp.endpoints.showing import client_card, field, locale_of, read_own_form, show
from idp.endpoints.surroundings import Surroundings
from idp.http import responses
from idp.http.cookies import fresh_cookie
from idp.http.forms import Parameters
from idp.http.responses import Answer
from idp.pages import authenticator_views as views
from idp.pages.forms import FieldProblem, Problem
from idp.pages.wording import Done
from idp.store import authenticators

PATH: Final = AUTHENTICATOR
_ENDING: Final = 4  # digits by which a person knows their number
_GROUP: Final = 4  # letters of a secret that is typed


async def get(request: Request, here: Surroundings) -> Answer:
    """What there is, and what can be done."""
    back = request.query_params.get(BACK, "")
    signed_in = await enter(request, here, PATH, back=back)
    if not isinstance(signed_in, SignedIn):
        return signed_in
    return await _page(request, here, signed_in, await find_way_back(request, here, back))


async def _opened(
    request: Request, here: Surroundings
) -> tuple[SignedIn, Parameters, bytes, WayBack | None] | Answer:
    """Who sent one of the page's forms, what stands in it, from which browser, and what waits."""
    form, browser = await read_own_form(request, here)
    back = field(form, BACK)
    signed_in = await enter(request, here, PATH, back=back)
    if not isinstance(signed_in, SignedIn):
        return signed_in
    return signed_in, form, browser, await find_way_back(request, here, back)


async def post_begin(request: Request, here: Surroundings) -> Answer:
    """Make a secret, to be shown and confirmed in this session."""
    opened = await _opened(request, here)
    if not isinstance(opened, tuple):
        return opened
    signed_in, _, _, back = opened
    await totp_enrolment.begin(here.context, signed_in.session)
    return _again(back)


async def post_confirm(request: Request, here: Surroundings) -> Answer:
    """The first code: the app counts from now on, and this session has been proven with it."""
    opened = await _opened(request, here)
    if not isinstance(opened, tuple):
        return opened
    signed_in, form, browser, back = opened
    typed = field(form, "code")
    code = read_code(typed)
    if code is None:
        problem = Problem.OTP_MALFORMED if typed.strip() else Problem.OTP_MISSING
        return await _page(request, here, signed_in, back, problem)
    cookie, session = fresh_cookie(), signed_in.session
    held = await authenticators.find(here.context.db, session.account_id, browser)
    if held is None or totp_enrolment.waiting_secret(here.context, session, held) is None:
        return _again(back)
    digests = {"browser_digest": browser, "cookie_digest": cookie.digest}
    if not await totp_enrolment.confirm(here.context, session, held, code, **digests):
        return await _page(request, here, signed_in, back, Problem.OTP_WRONG)
    answer = _back(Done.AUTHENTICATOR_ADDED, back)
    here.shared.cookies.keep_session(answer, cookie)
    return answer


async def post_when(request: Request, here: Surroundings) -> Answer:
    """`when` is `always` or `needed`."""
    opened = await _opened(request, here)
    if not isinstance(opened, tuple):
        return opened
    signed_in, form, _, back = opened
    when = field(form, "when")
    if when in {"always", "needed"}:
        await totp_enrolment.ask_always(here.context, signed_in.session, always=when == "always")
    return _again(back)


async def post_remove(request: Request, here: Surroundings) -> Answer:
    """The app counts no more."""
    opened = await _opened(request, here)
    if not isinstance(opened, tuple):
        return opened
    removed = await totp_enrolment.remove(here.context, opened[0].session)
    done = Done.AUTHENTICATOR_REMOVED if removed else Done.NOTHING_CHANGED
    return responses.see_other(f"{ACCOUNT}?done={done.value}")


def _address(back: WayBack | None) -> str:
    return PATH if back is None else f"{PATH}?{BACK}={back.interaction_id}"


def _again(back: WayBack | None) -> Answer:
    return responses.see_other(_address(back))


def _back(done: Done, back: WayBack | None) -> Answer:
    return responses.see_other(f"{ACCOUNT}?done={done.value}" if back is None else back.path)


async def _page(
    request: Request,
    here: Surroundings,
    signed_in: SignedIn,
    back: WayBack | None,
    problem: Problem | None = None,
) -> Answer:
    held = await authenticators.find(here.context.db, signed_in.session.account_id, b"")
    secret = totp_enrolment.waiting_secret(here.context, signed_in.session, held)
    view = views.Authenticator(
        uri="" if secret is None else _uri(here, signed_in, secret),
        secret="" if secret is None else _grouped(secret_text(secret)),
        added_at=None if held is None else held.confirmed_at,
        always=held is not None and held.always_since is not None,
        interaction="" if back is None else back.interaction_id,
        client=None if back is None else client_card(back.client, locale_of(request, here)),
        problems=() if problem is None else (FieldProblem("code", problem),),
    )
    # Browsers apply the page's policy for forms to every redirect after one, and the last one leads to the portal.
    leads_to = "" if back is None else back.leads_to
    status = 200 if problem is None else 400
    return show(request, here, view, at=_address(back), status=status, leads_to=leads_to)


def _uri(here: Surroundings, signed_in: SignedIn, secret: bytes) -> str:
    """The installation by its host, and the person by the end of their number: an app may show or copy both."""
    host = urlsplit(here.shared.settings.issuer).hostname or ""
    return provisioning_uri(secret, f"Một Cửa ({host})", f"…{signed_in.person.personal_number[-_ENDING:]}")


def _grouped(text: str) -> str:
    return " ".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))
