"""The authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2): GET and POST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.endpoints.beginning import FIRST, begin_interaction
from idp.endpoints.posted_request import carried, carrying_address
from idp.endpoints.showing import locale_of
from idp.endpoints.stale_keys import note_stale_key
from idp.endpoints.surroundings import Surroundings
from idp.errors import OAuthError, PageError
from idp.http import responses
from idp.http.access_log import note_client
from idp.http.forms import Parameters, read_form, read_query
from idp.http.responses import Answer
from idp.interaction.asked import granted
from idp.interaction.conversation import Errand, find_session, look
from idp.interaction.issue import Settled, issue_code
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
from idp.oidc.authorization_request import read_authorization_request, read_parameters
from idp.oidc.client import Client
from idp.oidc.redirect_uri import AuthorizationResponse, RedirectTarget, check_enabled, failure, prove_target
from idp.oidc.request_object.unfolding import Means, unfold
from keys.policy import Purpose

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
    context = here.context
    parameters = read_parameters(pairs)
    client = await here.shared.clients.find(parameters.get("client_id", ""))
    if client is None:
        raise PageError("unknown_client", detail="authorization request of an unknown client")
    note_client(request, client.client_id)
    check_enabled(client, context.now)
    try:
        parameters = await unfold(parameters, client, _means(here))
    except OAuthError as error:
        return await _refuse(request, here, _target_outside(here, client, parameters, error), error)
    target = prove_target(client, parameters, context.settings.issuer)
    try:  # from here on the client can be told
        errand = Errand(client, target, read_authorization_request(parameters, client, target))
        return await _begin(request, here, errand)
    except OAuthError as error:
        return await _refuse(request, here, target, error)


def _means(here: Surroundings) -> Means:
    context, shared = here.context, here.shared
    return Means(context.keyring, shared.client_keys, shared.fetch, context.settings.issuer, context.now)


def _target_outside(
    here: Surroundings, client: Client, parameters: Mapping[str, str], error: OAuthError
) -> RedirectTarget:
    """Where the client is told that its request object is no good: where the parameters beside it lead, if anywhere.

    Raises:
        PageError: they lead nowhere.
    """
    if "redirect_uri" not in parameters:
        raise PageError("invalid_request_object", detail=error.detail or error.description) from error
    return prove_target(client, parameters, here.context.settings.issuer)


async def _refuse(request: Request, here: Surroundings, target: RedirectTarget, error: OAuthError) -> Answer:
    context, client_id = here.context, target.client_id
    await context.db.append(
        record(context, Kind.AUTHORIZATION, error.error, client_id=client_id, why=error.description)
    )
    return answer_client(request, here, failure(target, error))


async def _begin(request: Request, here: Surroundings, errand: Errand) -> Answer:
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
    response = await issue_code(here.context, errand, situation, settled)
    return answer_client(request, here, response, errand)


def agreed_claims(situation: Situation) -> tuple[str, ...]:
    """Of what is asked, what the person agreed to earlier."""
    asked = asked_now(situation)
    if situation.session is None or asked is None:
        return ()
    return granted(situation.session, asked)


def answer_client(
    request: Request, here: Surroundings, response: AuthorizationResponse, errand: Errand | None = None
) -> Answer:
    """Send an authorization response where its target says and how."""
    return responses.authorization_response(here.shared.pages, locale_of(request, here, errand), response)
