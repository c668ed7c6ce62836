"""The client of a direct request, proven by its credentials; shared by the endpoints that only clients call."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.endpoints.cross_origin import only_own_origins
from idp.endpoints.proofs import PROOF_USED, offer_nonce_to_proof, read_proof
from idp.endpoints.surroundings import Surroundings
from idp.errors import InvalidClient, InvalidDpopProof
from idp.http.access_log import note_client
from idp.http.forms import read_form
from idp.oidc import authorization_request, parameters
from idp.oidc.client import Client
from idp.oidc.client_assertion import CheckedAssertion
from idp.oidc.client_authentication import (
    ASSERTION_LIMIT,
    CREDENTIAL_PARAMETERS,
    AuthenticatedClient,
    Credentials,
    prove_client,
    read_credentials,
)
from idp.oidc.discovery import endpoint
from idp.oidc.dpop import Proof
from idp.oidc.sender import ClientRequest, Sender
from idp.store import single_use
from keys.policy import MAX_TOKEN_LENGTH

LIMITS = {
    **authorization_request.LIMITS,
    "client_assertion": ASSERTION_LIMIT,
    "token": MAX_TOKEN_LENGTH,
    "subject_token": MAX_TOKEN_LENGTH,
}
"""Characters; a token signed by ML-DSA-65 alone has more than other parameters may."""


AUDIENCES: Final = (
    "token_endpoint", "pushed_authorization_request_endpoint", "backchannel_authentication_endpoint",
)  # fmt: skip
"""Endpoints that assertions may be for, of clients that are let (Core §9, RFC 9126 §2, CIBA Core §7.1)."""


async def read_client_form(request: Request, here: Surroundings, known: Collection[str]) -> ClientRequest:
    """The proven client, its parameters, each once, and what the sender proves beside.

    Assertion and proof are used up last and together: a client that has to ask again, with a nonce, has lost nothing.

    Raises:
        InvalidRequest: unreadable parameters, or two methods of authentication.
        InvalidClient: not proven; the audit log has the reason.
        InvalidDpopProof: a proof that is wrong, or was used before; the audit log has the reason.
        UseDpopNonce: a proof without a nonce that is good now.
    """
    offer_nonce_to_proof(request, here)
    pairs = await read_form(request)
    form = parameters.read_form(pairs, {*known, *CREDENTIAL_PARAMETERS}, LIMITS)
    credentials = read_credentials(request.headers.get("authorization"), form)
    client = await here.shared.clients.find(credentials.unverified_client_id)
    if client is not None:
        note_client(request, client.client_id)
        only_own_origins(request, client)
    try:
        proven = await _prove(here, credentials, client)
        proof = read_proof(request, here, proven.client)
        await _use_up(here, proven.assertion, proof)
    except (InvalidClient, InvalidDpopProof) as error:
        await _note_refusal(here, client, credentials, error)
        raise
    return ClientRequest(proven.client, form, Sender(proof, here.certificate))


async def _prove(here: Surroundings, credentials: Credentials, client: Client | None) -> AuthenticatedClient:
    context = here.context
    issuer = context.settings.issuer
    return await prove_client(
        credentials,
        client,
        here.shared.client_keys,
        issuer=issuer,
        endpoints=[
            endpoint(base, name) for base in (issuer, context.settings.mtls_url) if base for name in AUDIENCES
        ],
        now=context.now,
        certificate=here.certificate,
        authorities=here.shared.authorities,
    )


async def _use_up(here: Surroundings, assertion: CheckedAssertion | None, proof: Proof | None) -> None:
    """Both at once where there are both."""
    once = [one for one in (assertion, proof) if one is not None]
    if not once:
        return
    fresh = await single_use.burn_jtis(here.context.db, *((one.jti_digest, one.expires_at) for one in once))
    if assertion is not None and not fresh[0]:
        raise InvalidClient("client_assertion was used before: its jti must be new in every request")
    if not all(fresh):
        raise InvalidDpopProof(PROOF_USED)


async def _note_refusal(
    here: Surroundings,
    client: Client | None,
    credentials: Credentials,
    error: InvalidClient | InvalidDpopProof,
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
