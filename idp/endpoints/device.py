"""`/device`: where a person types the code that a device shows (RFC 8628 §3.3).

The code leads into an interaction like any other: the person logs in, sees which client asks from where, agrees. An
address that brings the code along (§3.3.1) fills the field and nothing more: there is a button to press, and two more.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.endpoints.beginning import begin_interaction
from idp.endpoints.own_pages import DEVICE, SignedIn, enter
from idp.endpoints.showing import field, read_own_form, show
from idp.endpoints.surroundings import Surroundings
from idp.http import responses
from idp.http.responses import Answer
from idp.oidc.device_code import (
    LONGEST_TYPED,
    InvalidUserCode,
    print_user_code,
    read_user_code,
    throttle_path,
    user_code_digest,
)
from idp.oidc.device_request import kept_errand
from idp.pages.device_views import Device
from idp.pages.forms import FieldProblem, Problem
from idp.store import device_codes, sessions
from idp.store.device_codes import DeviceAuthorization
from idp.store.throttle import refund, take_all

PATH: Final = DEVICE
SIGN_IN_PATH: Final = "/device/sign-in"
FIELD: Final = "user_code"


async def get(request: Request, here: Surroundings) -> Answer:
    """The field for the code. Nothing is looked up: an address tells nobody whether a code is good."""
    try:
        code = print_user_code(read_user_code(request.query_params.get(FIELD, "")))
    except InvalidUserCode:
        code = ""
    return show(request, here, Device(user_code=code, from_link=bool(code)))


async def sign_in(request: Request, here: Surroundings) -> Answer:
    """For whom the wrong codes of neighbours are in the way: a signed-in person's own attempts count alone."""
    entered = await enter(request, here, PATH)
    return responses.see_other(PATH) if isinstance(entered, SignedIn) else entered


async def post(request: Request, here: Surroundings) -> Answer:
    """Go on with the device whose code was typed."""
    form, _ = await read_own_form(request, here)
    typed = field(form, FIELD)[:LONGEST_TYPED]
    try:
        code = read_user_code(typed)
    except InvalidUserCode:
        problem = Problem.USER_CODE_MALFORMED if typed.strip() else Problem.USER_CODE_MISSING
        return show(request, here, _view(typed, problem), at=PATH, status=400)
    path = throttle_path(await _account(request, here), here.context.address)
    wait = await take_all(here.context.db, path, here.context.now * 1000)
    if wait:
        await _note_refusal(here, "throttled")
        throttled = _view(typed, Problem.THROTTLED, here.context.now - (-wait // 1000))
        return show(request, here, throttled, at=PATH, status=429)
    asked = await _waiting(here, code)
    if asked is None:
        await _note_refusal(here, "unknown")
        return show(request, here, _view(typed, Problem.USER_CODE_WRONG), at=PATH, status=400)
    await here.context.db.write(*refund(path))
    return await begin_interaction(request, here, asked.client_id, kept_errand(asked.user_digest))


async def _account(request: Request, here: Surroundings) -> str | None:
    digest = here.shared.cookies.session_digest(request)
    session = None if digest is None else await sessions.find(here.context.db, digest, here.context.now)
    return None if session is None else session.account_id


async def _waiting(here: Surroundings, code: str) -> DeviceAuthorization | None:
    context = here.context
    asked = await device_codes.find_by_user_code(context.db, user_code_digest(context.keyring, code))
    return asked if asked is not None and asked.waits(context.now) else None


async def _note_refusal(here: Surroundings, outcome: str) -> None:
    await here.context.db.append(record(here.context, Kind.DEVICE_CODE_REFUSED, outcome))


def _view(typed: str, problem: Problem, retry_at: int | None = None) -> Device:
    return Device(
        user_code=typed,
        retry_at=retry_at,
        sign_in_url=SIGN_IN_PATH,
        problems=(FieldProblem(FIELD, problem),),
    )
