"""The pushed authorization request endpoint (RFC 9126): what a client asks for, told by itself and not by a browser."""

from __future__ import annotations

from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.context import Context
from idp.endpoints.authenticated import read_client_form
from idp.endpoints.authorization import means_of
from idp.endpoints.pace import require_room
from idp.endpoints.surroundings import Surroundings
from idp.endpoints.token import NOT_KEPT
from idp.errors import InvalidRequest, OAuthError, PageError
from idp.http import responses
from idp.http.responses import Answer
from idp.oidc.authorization_details.granting import check_terms
from idp.oidc.authorization_request import (
    KNOWN_PARAMETERS,
    AuthorizationRequest,
    read_authorization_request,
)
from idp.oidc.parameters import Parameters
from idp.oidc.pushed_request import LIFETIME, bind, new_request_uri, pushing_path
from idp.oidc.redirect_uri import prove_target
from idp.oidc.request_object.unfolding import unfold
from idp.oidc.sender import ClientRequest
from idp.pages.errors import ERROR_PAGES
from idp.store import pushed_requests


async def post(request: Request, here: Surroundings) -> Answer:
    """Authenticate the client, check its request as if a browser had brought it, and give it a name."""
    sent = await read_client_form(request, here, KNOWN_PARAMETERS)
    context, client = here.context, sent.client
    if client.public:
        path = pushing_path(client.client_id, context.address)
        await require_room(context, path, "too many requests were pushed from this network")
    request_uri = new_request_uri()
    try:
        asked = bind(await _read(here, sent), request_uri, sent.sender)
    except OAuthError as error:
        why = error.description
        await context.db.append(
            record(context, Kind.PUSHED, error.error, client_id=client.client_id, why=why)
        )
        raise
    await _keep(context, asked)
    told = {"request_uri": request_uri, "expires_in": LIFETIME}
    return responses.json(told, status=201, headers=NOT_KEPT)


async def _read(here: Surroundings, sent: ClientRequest) -> AuthorizationRequest:
    """The request, with nothing left in it that is not proven, as far as it can be without the person.

    Raises:
        OAuthError: RFC 9126 §2.3, with the code that the authorization endpoint would send.
    """
    try:
        parameters = await unfold(_outside(sent), sent.client, means_of(here))
        target = prove_target(sent.client, parameters, here.context.settings.issuer)
    except PageError as error:  # there is no person to tell, and the client can be told
        raise InvalidRequest(ERROR_PAGES[error.page].technical, detail=error.detail) from error
    asked = read_authorization_request(parameters, sent.client, target)
    check_terms(asked.details, here.context.now)
    return asked


def _outside(sent: ClientRequest) -> Parameters:
    """The form's parameters; beside a request object those count for nothing (RFC 9126 §3)."""
    if "request_uri" in sent.form:
        raise InvalidRequest(
            "request_uri is what this endpoint gives, and cannot be sent to it (RFC 9126 section 2.1)"
        )
    known = {"request"} if "request" in sent.form else KNOWN_PARAMETERS
    pushed = {name: value for name, value in sent.form.items() if name in known}
    return Parameters({**pushed, "client_id": sent.client.client_id}, {})


async def _keep(context: Context, asked: AuthorizationRequest) -> None:
    kept = pushed_requests.add(
        bytes.fromhex(asked.pushed),
        client_id=asked.client_id,
        request=asked.to_json(),
        now=context.now,
        expires_at=context.now + LIFETIME,
    )
    event = record(context, Kind.PUSHED, client_id=asked.client_id, scope=list(asked.scope))
    await context.db.append(kept, event)
