"""Token revocation (RFC 7009)."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.endpoints.authenticated import read_client_form
from idp.endpoints.surroundings import Surroundings
from idp.errors import InvalidRequest
from idp.http import responses
from idp.http.responses import Answer
from idp.oidc.client import Client
from idp.oidc.grants.refresh_secret import RefreshToken, read_refresh_token
from idp.store import grants, refresh_tokens, single_use
from keys import jose
from keys.policy import Purpose

KNOWN: Final = frozenset({"token", "token_type_hint"})


async def post(request: Request, here: Surroundings) -> Answer:
    """200 whatever the token is: an unknown or foreign one is nobody's concern (§2.2). The hint is not needed."""
    asked = await read_client_form(request, here, KNOWN)
    client, form = asked.client, asked.form
    token = form.get("token")
    if not token:
        raise InvalidRequest("token is missing")
    refresh = read_refresh_token(token)
    if refresh is not None:
        await _revoke_grant(here, client, refresh)
    else:
        await _revoke_access_token(here, client, token)
    return responses.empty()


async def _revoke_grant(here: Surroundings, client: Client, token: RefreshToken) -> None:
    """A refresh token takes its whole grant with it, access tokens too (§2.1)."""
    context = here.context
    family = await refresh_tokens.find(context.db, token.family_digest)
    if family is None or token.secret_digest not in (family.current_digest, family.previous_digest):
        return
    live = await grants.find_live(context.db, family.grant_id, context.now)
    if live is None or live.grant.client_id != client.client_id:
        return
    event = record(
        context,
        Kind.TOKEN_REVOKED,
        account_id=live.grant.account_id,
        client_id=client.client_id,
        grant_id=family.grant_id,
    )
    await context.db.write(grants.revoke(family.grant_id, "client", context.now), event)


async def _revoke_access_token(here: Surroundings, client: Client, token: str) -> None:
    """An access token goes alone, with what it was exchanged for; without a refresh token, its grant goes too (§2.1).

    Who acts for a person by exchange gives up its own token, not what the person granted somebody else.
    """
    context = here.context
    try:
        claims = context.keyring.verify_own(token, purpose=Purpose.ACCESS_TOKEN)
    except jose.InvalidToken:
        return
    if claims.get("client_id") != client.client_id or claims["exp"] <= context.now:
        return
    jti, grant_id = claims["jti"], claims.get("grant_id")
    event = record(context, Kind.TOKEN_REVOKED, client_id=client.client_id, grant_id=grant_id, jti=jti)
    steps = [single_use.revoke_access_token(jti, claims["exp"]), event]
    if grant_id is not None:
        steps.append(grants.revoke_unrefreshed(grant_id, client.client_id, "client", context.now))
    await context.db.write(*steps)
