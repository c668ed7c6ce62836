"""The backchannel authentication endpoint (CIBA Core §7): a portal asks a person who is elsewhere to log in to it."""

from __future__ import annotations

from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.context import Context
from idp.endpoints.authenticated import read_client_form
from idp.endpoints.pace import require_room
from idp.endpoints.surroundings import Surroundings
from idp.endpoints.token import NOT_KEPT
from idp.errors import InvalidRequest, Unavailable
from idp.http import responses
from idp.http.responses import Answer
from idp.interaction.levels import check_reachable
from idp.oidc import backchannel_request
from idp.oidc.authorization_details.granting import check_terms
from idp.oidc.backchannel_object import SignedRequest, verify_request
from idp.oidc.backchannel_request import AskedElsewhere
from idp.oidc.client import Client
from idp.oidc.sender import ClientRequest
from idp.store import backchannel_requests, single_use

KNOWN = backchannel_request.KNOWN_PARAMETERS | {"request", "request_uri", "user_code"}
TRIES = 3  # at being the newest request about a person, of several that a client sends at one moment


async def post(request: Request, here: Surroundings) -> Answer:
    """Authenticate the client, verify and read its signed request, and keep it for the person."""
    sent = await read_client_form(request, here, KNOWN)
    client, context = sent.client, here.context
    backchannel_request.require_grant(client)
    signed = await _verified(sent, here)
    asked = backchannel_request.read_backchannel_request(
        signed.claims, client, context.keyring, context.settings.issuer
    )
    check_terms(asked.request.details, context.now)
    check_reachable(asked.request, context.settings.issuer)
    if not await single_use.burn_jti(context.db, signed.jti_digest, signed.expires_at):
        raise InvalidRequest("request was used before: its jti must be new in every request")
    path = backchannel_request.asking_path(client.client_id, asked.whom)
    await require_room(context, path, "too many requests were made about this person")
    auth_req_id = await _keep(context, client, asked)
    event = record(
        context,
        Kind.BACKCHANNEL_ASKED,
        client_id=client.client_id,
        scope=list(asked.request.scope),
        signed=signed.digest.hex(),
    )
    await context.db.append(event)
    answer = backchannel_request.acknowledgement(auth_req_id, asked.lifetime)
    return responses.json(answer, headers=NOT_KEPT)


async def _verified(sent: ClientRequest, here: Surroundings) -> SignedRequest:
    """CIBA Core §7.1.1: with `request` there is no other parameter of the request beside it."""
    token, context = sent.form.get("request"), here.context
    if token is None:
        raise InvalidRequest("request is missing: every request is a signed JWT (CIBA section 7.1.1)")
    if beside := sorted((KNOWN - {"request"}) & sent.form.keys()):
        raise InvalidRequest(f"{beside[0]} must stand in the signed request only (CIBA section 7.1.1)")
    return await verify_request(
        token, sent.client, here.shared.client_keys, issuer=context.settings.issuer, now=context.now
    )


async def _keep(context: Context, client: Client, asked: AskedElsewhere) -> str:
    for _ in range(TRIES):
        auth_req_id = backchannel_request.new_auth_req_id()
        kept = backchannel_request.kept_request(asked, auth_req_id, client, context.keyring, context.now)
        if await backchannel_requests.keep(context.db, kept):
            return auth_req_id
    raise Unavailable("requests about one person came all at once")
