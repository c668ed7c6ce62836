"""Token introspection (RFC 7662)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request

from idp.endpoints.authenticated import read_client_form
from idp.endpoints.stale_keys import note_stale_key
from idp.endpoints.surroundings import Surroundings
from idp.errors import InvalidClient, InvalidGrant, InvalidRequest
from idp.http import responses
from idp.http.responses import Answer
from idp.oidc.client import Client
from idp.oidc.grants.holder import find_holder
from idp.oidc.grants.refresh_secret import RefreshToken, read_refresh_token
from idp.oidc.introspection import INACTIVE, introspection_response, refresh_introspection_response
from idp.oidc.subject import pairwise_subject
from idp.store import refresh_tokens, single_use
from keys import jose
from keys.policy import Purpose

KNOWN: Final = frozenset({"token", "token_type_hint"})


async def post(request: Request, here: Surroundings) -> Answer:
    """What a token means right now, for the client it was issued to or the resource it is for."""
    client, form = await read_client_form(request, here, KNOWN)
    if client.public:
        raise InvalidClient("introspection needs a client that authenticates (RFC 7662 section 2.1)")
    token = form.get("token")
    if not token:
        raise InvalidRequest("token is missing")
    refresh = read_refresh_token(token)
    if refresh is not None:
        return responses.json(dict(await _refresh_token(here, client, refresh)))
    return responses.json(dict(await _access_token(here, client, token)))


async def _access_token(here: Surroundings, client: Client, token: str) -> Mapping[str, object]:
    context = here.context
    note_stale_key(here, token, Purpose.ACCESS_TOKEN, "introspection", presented_by=client.client_id)
    try:
        claims = context.keyring.verify_own(token, purpose=Purpose.ACCESS_TOKEN)
    except jose.InvalidToken:
        return INACTIVE
    if not await _is_live(here, claims):
        return INACTIVE
    return introspection_response(client, claims, now=context.now)


async def _is_live(here: Surroundings, claims: Mapping[str, Any]) -> bool:
    """Whether neither the token nor what stands behind it was revoked; of a machine, whether it is still allowed."""
    context = here.context
    if "grant_id" in claims:
        try:
            await find_holder(context, claims["grant_id"], jti=claims["jti"])
        except InvalidGrant:
            return False
    elif await single_use.is_revoked(context.db, claims["jti"]):
        return False
    issued_to = await here.shared.clients.find(claims["client_id"])
    return issued_to is not None and issued_to.disabled_at is None


async def _refresh_token(here: Surroundings, client: Client, token: RefreshToken) -> Mapping[str, object]:
    context = here.context
    family = await refresh_tokens.find(context.db, token.family_digest)
    if family is None or family.current_digest != token.secret_digest:
        return INACTIVE
    expires_at = min(family.idle_expires_at, family.expires_at)
    if expires_at <= context.now:
        return INACTIVE
    try:
        held = await find_holder(context, family.grant_id)
    except InvalidGrant:
        return INACTIVE
    if held.grant.client_id != client.client_id:
        return INACTIVE
    return refresh_introspection_response(
        issuer=context.settings.issuer,
        client_id=client.client_id,
        subject=pairwise_subject(context.keyring, client.sector, held.grant.account_id),
        scope=" ".join(held.grant.scope),
        expires_at=expires_at,
    )
