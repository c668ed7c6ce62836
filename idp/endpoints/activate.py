"""`/activate`: a person with an officer's one-time code chooses a password.

Between the two pages the browser carries what was proven, sealed and for a few minutes; the code itself is burnt only
when the password is set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import orjson
from starlette.requests import Request

from idp.accounts.activation import TOLD, ProvenCode, Refused, check_code, redeem
from idp.authentication.new_password import NewPassword, prove_new_password
from idp.authentication.password_policy import LONGEST, SHORTEST, KnownFacts, Weakness
from idp.endpoints.own_pages import ACCOUNT, BACK, WayBack, find_way_back
from idp.endpoints.showing import client_card, field, locale_of, read_own_form, show
from idp.endpoints.surroundings import Surroundings
from idp.http import responses
from idp.http.responses import Answer
from idp.pages import views
from idp.pages.forms import FieldProblem, Problem
from idp.pages.wording import StopReason
from idp.registers.business import find_representations
from idp.registers.calendar import today
from idp.registers.personal_code import is_personal_number
from keys.policy import SecretPurpose
from keys.seal import SealBroken

PATH: Final = "/activate"
PASSWORD_PATH: Final = "/activate/password"
CARRIED_SECONDS: Final = 30 * 60
_ENDING: Final = 4  # digits by which a person knows their number
_REFUSED: Final = FieldProblem("personal_number", Problem.ACTIVATION_REFUSED)
_LIMITS: Final = {Weakness.TOO_SHORT: SHORTEST, Weakness.TOO_LONG: LONGEST}


async def get(request: Request, here: Surroundings) -> Answer:
    """Personal number and code; perhaps on the way to a portal, whose request waits (`prompt=create`)."""
    back = await find_way_back(request, here, request.query_params.get(BACK, ""))
    return show(request, here, _first_page(request, here, back))


def _first_page(
    request: Request,
    here: Surroundings,
    back: WayBack | None,
    number: str = "",
    problems: tuple[FieldProblem, ...] = (),
) -> views.Activate:
    return views.Activate(
        personal_number=number,
        problems=problems,
        interaction="" if back is None else back.interaction_id,
        sign_in_url="" if back is None else back.path,
        client=None if back is None else client_card(back.client, locale_of(request, here)),
    )


async def post(request: Request, here: Surroundings) -> Answer:
    """Check the code; every refusal that could tell a stranger something is the same page."""
    form, browser = await read_own_form(request, here)
    number, code = field(form, "personal_number").strip(), field(form, "code").strip()
    back = await find_way_back(request, here, field(form, BACK))
    problems = _typing_problems(number, code)
    if problems:
        return _again(request, here, number, problems, back)
    proven = await check_code(here.context, number, code)
    if isinstance(proven, Refused):
        return _refused(request, here, number, proven, back)
    answer = responses.see_other(PASSWORD_PATH)
    carried = {"number": number, "code": code, "back": "" if back is None else back.interaction_id}
    here.shared.cookies.keep_activation(answer, _carry(here, carried, browser), CARRIED_SECONDS)
    return answer


def _typing_problems(number: str, code: str) -> tuple[FieldProblem, ...]:
    problems = []
    if not number:
        problems.append(FieldProblem("personal_number", Problem.NUMBER_MISSING))
    elif not is_personal_number(number):
        problems.append(FieldProblem("personal_number", Problem.NUMBER_MALFORMED))
    if not code:
        problems.append(FieldProblem("code", Problem.CODE_MISSING))
    return tuple(problems)


def _again(
    request: Request,
    here: Surroundings,
    number: str,
    problems: tuple[FieldProblem, ...],
    back: WayBack | None = None,
) -> Answer:
    at = PATH if back is None else f"{PATH}?{BACK}={back.interaction_id}"
    return show(request, here, _first_page(request, here, back, number, problems), at=at, status=400)


def _refused(
    request: Request, here: Surroundings, number: str, refused: Refused, back: WayBack | None
) -> Answer:
    if refused not in TOLD:
        return _again(request, here, number, (_REFUSED,), back)
    view = views.LoginStopped(reason=StopReason(refused.value))
    return show(request, here, view, at=PATH, status=403)


def _carry(here: Surroundings, carried: dict[str, str], browser: bytes) -> bytes:
    """What the browser carries to the second page: opened only by us, and only from the same browser."""
    kept = {**carried, "until": here.context.now + CARRIED_SECONDS}
    return here.context.keyring.seal(SecretPurpose.INTERACTION, orjson.dumps(kept), aad=browser)


@dataclass(frozen=True, slots=True)
class _Carried:
    """What came to the second page, with the code checked again; `back` is the id of the request that waits."""

    number: str
    proven: ProvenCode
    back: str


async def _carried(request: Request, here: Surroundings, browser: bytes) -> _Carried | None:
    """What the browser carries; None when there is nothing good."""
    sealed = here.shared.cookies.activation(request)
    if sealed is None:
        return None
    try:
        kept = orjson.loads(here.context.keyring.unseal(SecretPurpose.INTERACTION, sealed, aad=browser))
    except SealBroken:
        return None
    if kept["until"] <= here.context.now:
        return None
    proven = await check_code(here.context, kept["number"], kept["code"])
    return None if isinstance(proven, Refused) else _Carried(kept["number"], proven, kept.get("back", ""))


async def get_password(request: Request, here: Surroundings) -> Answer:
    """Choose a password."""
    browser = here.shared.cookies.browser_digest(request)
    carried = None if browser is None else await _carried(request, here, browser)
    if carried is None:
        return responses.see_other(PATH)
    view = views.ActivatePassword(personal_number=carried.number, minimum_length=SHORTEST)
    return show(request, here, view)


async def post_password(request: Request, here: Surroundings) -> Answer:
    """Set the password and burn the code, once."""
    form, browser = await read_own_form(request, here)
    carried = await _carried(request, here, browser)
    if carried is None:
        return _again(request, here, "", (_REFUSED,))
    number, proven = carried.number, carried.proven
    chosen = await prove_new_password(
        here.shared.hasher,
        field(form, "password"),
        field(form, "password_again"),
        await _known_facts(here, proven, number),
        here.context.settings.breached_passwords_file,
    )
    if not isinstance(chosen, NewPassword):
        return _choose_again(request, here, number, chosen)
    if not await redeem(here.context, proven, chosen.verifier, browser):
        return _again(request, here, number, (_REFUSED,))
    return _activated(request, here, carried, await find_way_back(request, here, carried.back))


async def _known_facts(here: Surroundings, proven: ProvenCode, number: str) -> KnownFacts:
    person = proven.person
    held = await find_representations(here.context.registers, person.record_id, today(here.context.now))
    names = tuple(representation.organisation.legal_name for representation in held)
    return KnownFacts(number, person.name, person.birth_date, names)


def _choose_again(
    request: Request, here: Surroundings, number: str, weaknesses: tuple[Weakness, ...]
) -> Answer:
    problems = tuple(
        FieldProblem(
            "password_again" if weakness is Weakness.MISMATCH else "password",
            Problem(weakness.value),
            _LIMITS.get(weakness, 0),
        )
        for weakness in weaknesses
    )
    view = views.ActivatePassword(personal_number=number, minimum_length=SHORTEST, problems=problems)
    return show(request, here, view, at=PASSWORD_PATH, status=400)


def _activated(request: Request, here: Surroundings, carried: _Carried, back: WayBack | None) -> Answer:
    view = views.Activated(
        name=carried.proven.person.name,
        number_ending=carried.number[-_ENDING:],
        activated_at=here.context.now,
        request_id=here.context.request_id,
        continue_url=ACCOUNT if back is None else back.path,
        client=None if back is None else client_card(back.client, locale_of(request, here)),
    )
    answer = show(request, here, view, at=PATH)
    here.shared.cookies.forget_activation(answer)
    return answer
