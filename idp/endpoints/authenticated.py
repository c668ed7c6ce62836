"""The client of a direct request, proven by its credentials; shared by the endpoints that only clients call."""

from __future__ import annotations

from collections.abc import Collection

from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.endpoints.cross_origin import only_own_origins
from idp.endpoints.surroundings import Surroundings
from idp.errors import InvalidClient
from idp.http.access_log import note_client
from idp.http.forms import read_form
from idp.oidc import parameters
from idp.oidc.client import Client
from idp.oidc.client_authentication import (
    ASSERTION_LIMIT,
    CREDENTIAL_PARAMETERS,
    AuthenticatedClient,
    Credentials,
    prove_client,
    read_credentials,
)
from idp.oidc.discovery import endpoint
from idp.oidc.sender import ClientRequest
from idp.store import single_use
from keys.policy import MAX_TOKEN_LENGTH

LIMITS = {
    "client_assertion": ASSERTION_LIMIT,
    "token": MAX_TOKEN_LENGTH,
    "subject_token": MAX_TOKEN_LENGTH,
}
"""Characters; a token signed by ML-DSA-65 alone has more than other parameters may."""


async def read_client_form(request: Request, here: Surroundings, known: Collection[str]) -> ClientRequest:
    """The proven client and its parameters, each once.

    Raises:
        InvalidRequest: unreadable parameters, or two methods of authentication.
        InvalidClient: not proven; the audit log has the reason.
    """
    pairs = await read_form(request)
    form = parameters.read_form(pairs, {*known, *CREDENTIAL_PARAMETERS}, LIMITS)
    credentials = read_credentials(request.headers.get("authorization"), form)
    client = await here.shared.clients.find(credentials.unverified_client_id)
    if client is not None:
        note_client(request, client.client_id)
        only_own_origins(request, client)
    try:
        proven = await _prove(here, credentials, client)
    except InvalidClient as error:
        await _note_refusal(here, client, credentials, error)
        raise
    return ClientRequest(proven.client, form)


async def _prove(here: Surroundings, credentials: Credentials, client: Client | None) -> AuthenticatedClient:
    context = here.context
    issuer = context.settings.issuer
    proven = await prove_client(
        credentials,
        client,
        here.shared.client_keys,
        issuer=issuer,
        token_endpoint=endpoint(issuer, "token_endpoint"),
        now=context.now,
    )
    assertion = proven.assertion
    if assertion is not None and not await single_use.burn_jti(
        context.db, assertion.jti_digest, assertion.expires_at
    ):
        raise InvalidClient("client_assertion was used before: its jti must be new in every request")
    return proven


async def _note_refusal(
    here: Surroundings, client: Client | None, credentials: Credentials, error: InvalidClient
) -> None:
    event = record(
        here.context,
        Kind.CLIENT_REFUSED,
        error.error,
        client_id=None if client is None else client.client_id,
        method=credentials.method,
        why=error.description,
    )
    await here.context.db.append(event)
