"""The authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2): GET and POST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.endpoints.answering import answer_client, answered_before, equipped, refusal
from idp.endpoints.beginning import FIRST, begin_interaction
from idp.endpoints.posted_request import carried, carrying_address
from idp.endpoints.pushed_errand import find_pushed
from idp.endpoints.stale_keys import note_stale_key
from idp.endpoints.surroundings import Surroundings
from idp.errors import OAuthError, PageError
from idp.http import responses
from idp.http.access_log import note_client
from idp.http.forms import Parameters, read_form, read_query
from idp.http.responses import Answer
from idp.interaction.asked import granted
from idp.interaction.conversation import Errand, find_session, look
from idp.interaction.issue import Settled, issue_code, use_pushed
from idp.interaction.steps import (
    Issue,
    Login,
    Progress,
    Refuse,
    Situation,
    asked_now,
    next_step,
    silent_error,
)
from idp.oidc.authorization_request import (
    AuthorizationRequest,
    prove_target_again,
    read_authorization_request,
    read_parameters,
)
from idp.oidc.client import Client
from idp.oidc.parameters import read_known
from idp.oidc.pushed_request import check_pushed, is_pushed
from idp.oidc.redirect_uri import RedirectTarget, check_enabled, prove_target
from idp.oidc.request_object.unfolding import Means, unfold
from idp.store.database import NothingChanged
from keys.policy import Purpose

NAMES: Final = ("client_id", "request_uri")
ACTIVATION_FIRST: Final = "/activate?interaction={}"


async def get(request: Request, here: Surroundings) -> Answer:
    """An authorization request by GET, or one that came by POST before."""
    return await _authorize(request, here, carried(here.context, read_query(request)))


async def post(request: Request, here: Surroundings) -> Answer:
    """An authorization request by POST; it comes from other sites, so it carries no token of ours.

    Our cookies are `SameSite=Lax` and do not come along with it either. The browser is led to the same request by GET,
    with which they come: else it would be given a new cookie in the place of the one that it is known by.
    """
    pairs = await read_form(request)
    if here.shared.cookies.browser_digest(request) is None:
        address = carrying_address(here.context, pairs)
        if address:
            return responses.see_other(address)
    return await _authorize(request, here, pairs)


async def _authorize(request: Request, here: Surroundings, pairs: Parameters) -> Answer:
    names = read_known(pairs, NAMES)
    if is_pushed(names.get("request_uri", "")):  # then nothing else counts (RFC 9126 §4)
        client = await _find_client(request, here, names)
        asked = await find_pushed(request, here, client, names["request_uri"])
        target = prove_target_again(client, asked, here.context.settings.issuer)
        return await _begin(request, here, Errand(client, target, asked), target)
    parameters = read_parameters(pairs)
    client = await _find_client(request, here, parameters)
    try:
        check_pushed(client)
        parameters = await unfold(parameters, client, means_of(here))
    except OAuthError as error:
        target = _target_outside(here, client, parameters, error)
        return await _refuse(request, here, client, target, error)
    target = prove_target(client, parameters, here.context.settings.issuer)
    try:  # from here on the client can be told
        asked = read_authorization_request(parameters, client, target)
    except OAuthError as error:
        return await _refuse(request, here, client, target, error)
    return await _begin(request, here, Errand(client, target, asked), target)


async def _find_client(request: Request, here: Surroundings, parameters: Mapping[str, str]) -> Client:
    client = await here.shared.clients.find(parameters.get("client_id", ""))
    if client is None:
        raise PageError("unknown_client", detail="authorization request of an unknown client")
    note_client(request, client.client_id)
    check_enabled(client, here.context.now)
    return client


def means_of(here: Surroundings) -> Means:
    """What it takes to unfold a request object."""
    context, shared = here.context, here.shared
    return Means(context.keyring, shared.client_keys, shared.fetch, context.settings.issuer, context.now)


def _target_outside(
    here: Surroundings, client: Client, parameters: Mapping[str, str], error: OAuthError
) -> RedirectTarget:
    """Where the client is told that its request object is no good: where the parameters beside it lead, if anywhere.

    Raises:
        PageError: they lead nowhere.
    """
    if "redirect_uri" not in parameters and {"request", "request_uri"} & parameters.keys():
        raise PageError("invalid_request_object", detail=error.detail or error.description) from error
    return prove_target(client, parameters, here.context.settings.issuer)


async def _refuse(
    request: Request,
    here: Surroundings,
    client: Client,
    target: RedirectTarget,
    error: OAuthError,
    *,
    asked: AuthorizationRequest | None = None,
) -> Answer:
    """Tell the client. What was pushed and is as good as it has its one answer by that; it is `asked` then."""
    context = here.context
    response = await refusal(request, here, client, target, error)
    why = error.description
    event = record(context, Kind.AUTHORIZATION, error.error, client_id=client.client_id, why=why)
    used = () if asked is None else use_pushed(asked, context.now)
    if asked is None or not used:
        await context.db.append(event)
        return answer_client(request, here, response)
    try:
        await context.db.write(*used, event)
    except NothingChanged as nothing:
        raise answered_before(request, here, Errand(client, target, asked)) from nothing
    return answer_client(request, here, response)


async def _begin(request: Request, here: Surroundings, errand: Errand, target: RedirectTarget) -> Answer:
    try:
        return await _lead(request, here, errand)
    except OAuthError as error:
        return await _refuse(request, here, errand.client, target, error, asked=errand.request)


async def _lead(request: Request, here: Surroundings, errand: Errand) -> Answer:
    """With a session and nothing to ask the answer follows at once; else the person is led through the steps."""
    context = here.context
    if hint := errand.request.unverified_id_token_hint:
        note_stale_key(here, hint, Purpose.ID_TOKEN, "id_token_hint")
    session = await find_session(context, errand, here.shared.cookies.session_digest(request))
    situation = await look(context, errand, session, Progress())
    step = next_step(situation)
    if isinstance(step, Issue):
        return await _answer(request, here, errand, situation, step)
    if "none" in errand.request.prompt:
        raise silent_error(step)
    if isinstance(step, Refuse):
        raise step.error
    # Initiating User Registration 1.0 §4.1: the account first. Who has one goes on to the login from there.
    first = ACTIVATION_FIRST if "create" in errand.request.prompt and isinstance(step, Login) else FIRST
    return await begin_interaction(request, here, errand.client.client_id, errand.request.to_json(), first)


async def _answer(
    request: Request, here: Surroundings, errand: Errand, situation: Situation, step: Issue
) -> Answer:
    settled = Settled(step.acting_for, agreed_claims(situation))
    try:
        response = await issue_code(here.context, await equipped(request, here, errand), situation, settled)
    except NothingChanged as nothing:
        raise answered_before(request, here, errand) from nothing
    return answer_client(request, here, response, errand)


def agreed_claims(situation: Situation) -> tuple[str, ...]:
    """Of what is asked, what the person agreed to earlier."""
    asked = asked_now(situation)
    if situation.session is None or asked is None:
        return ()
    return granted(situation.session, asked)
