"""The grant type `client_credentials` (RFC 6749 §4.4): a client in its own name."""

from __future__ import annotations

from typing import Final

from idp.audit.events import Kind, record
from idp.context import Context
from idp.errors import InvalidAuthorizationDetails
from idp.oidc.access_token import MACHINE_TOKEN_LIFETIME, fresh_jti, machine_token_claims
from idp.oidc.grant_types import CLIENT_CREDENTIALS
from idp.oidc.resource import machine_audience
from idp.oidc.scope import read_resource_scope
from idp.oidc.sender import ClientRequest
from keys.policy import Purpose

GRANT_TYPE: Final = CLIENT_CREDENTIALS


async def redeem(context: Context, asked: ClientRequest) -> dict[str, object]:
    """The token response: an access token whose subject is the client; no refresh token (RFC 6749 §4.4.3).

    Raises:
        InvalidDpopProof, InvalidRequest: the sender does not prove what the client's tokens are bound to.
        InvalidScope: a scope that is not registered for this client, or is about persons.
        InvalidTarget: a resource that is not registered for this client (RFC 8707 §2.2).
        InvalidAuthorizationDetails: it names any (RFC 9396 §8): each type that there is has a person who grants it.
    """
    client, form = asked.client, asked.form
    if "authorization_details" in form:
        raise InvalidAuthorizationDetails("authorization_details: people grant them, not a client itself")
    confirmation, issuer = asked.confirmation, context.settings.issuer
    scope = read_resource_scope(form.get("scope", ""), client)
    audience = machine_audience(form.get("resource", ""), client, issuer)
    jti = fresh_jti()
    claims = machine_token_claims(
        issuer=issuer,
        client=client,
        audience=audience,
        scope=scope,
        jti=jti,
        now=context.now,
        confirmation=confirmation,
    )
    token = await context.keyring.issue(
        Purpose.ACCESS_TOKEN, claims, alg=client.access_token_signed_response_alg
    )
    await context.db.append(
        record(
            context, Kind.TOKEN, client_id=client.client_id, grant_type=GRANT_TYPE, scope=list(scope), jti=jti
        )
    )
    body: dict[str, object] = {
        "access_token": token,
        "token_type": confirmation.token_type,
        "expires_in": MACHINE_TOKEN_LIFETIME,
    }
    return body | ({"scope": " ".join(scope)} if scope else {})
