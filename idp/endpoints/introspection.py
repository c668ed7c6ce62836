"""Token introspection (RFC 7662), answered as JSON or as a JWT (RFC 9701)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request

from idp.endpoints.authenticated import read_client_form
from idp.endpoints.stale_keys import note_stale_key
from idp.endpoints.surroundings import Surroundings
from idp.errors import InvalidClient, InvalidGrant, InvalidRequest
from idp.http import responses
from idp.http.accept import prefers
from idp.http.responses import Answer
from idp.oidc.access_token import read_actors
from idp.oidc.client import Client
from idp.oidc.encrypted_answer import encrypted, equip
from idp.oidc.grants.holder import find_holder
from idp.oidc.grants.refresh_secret import RefreshToken, read_refresh_token
from idp.oidc.grants.tokens import granted_details
from idp.oidc.introspection import INACTIVE, introspection_response, refresh_introspection_response
from idp.oidc.introspection_jwt import MEDIA_TYPE, introspection_jwt_claims, signing_algorithm
from idp.oidc.subject import pairwise_subject
from idp.store import refresh_tokens, single_use
from keys import jose
from keys.policy import Purpose

KNOWN: Final = frozenset({"token", "token_type_hint"})


async def post(request: Request, here: Surroundings) -> Answer:
    """What a token means right now, for the client it was issued to or the resource it is for."""
    asked = await read_client_form(request, here, KNOWN)
    client, form = asked.client, asked.form
    if client.public:
        raise InvalidClient("introspection needs a client that authenticates (RFC 7662 section 2.1)")
    token = form.get("token")
    if not token:
        raise InvalidRequest("token is missing")
    as_jwt = _wants_jwt(request, client)
    refresh = read_refresh_token(token)
    if refresh is not None:
        told = await _refresh_token(here, client, refresh)
    else:
        told = await _access_token(here, client, token)
    return await _as_jwt(here, client, told) if as_jwt else responses.json(dict(told))


def _wants_jwt(request: Request, client: Client) -> bool:
    """RFC 9701 §4: who names the media type is answered in it.

    Raises:
        InvalidRequest: another form is asked for, by a client that registered encryption: it would be in the clear.
    """
    if prefers(", ".join(request.headers.getlist("accept")), MEDIA_TYPE, "application/json"):
        return True
    if client.introspection_encryption is not None:
        raise InvalidRequest(f"this client is registered for encrypted answers: send Accept: {MEDIA_TYPE}")
    return False


async def _as_jwt(here: Surroundings, client: Client, told: Mapping[str, object]) -> Answer:
    """Signed, and encrypted for a client that registered it (RFC 9701 §5)."""
    context, encryption = here.context, client.introspection_encryption
    equipped = await equip(client, encryption, here.shared.client_keys)
    claims = introspection_jwt_claims(
        told, issuer=context.settings.issuer, client_id=client.client_id, now=context.now
    )
    token = await context.keyring.issue(Purpose.INTROSPECTION, claims, alg=signing_algorithm(client))
    return responses.signed_jwt(encrypted(token, equipped, encryption), media=MEDIA_TYPE)


async def _access_token(here: Surroundings, client: Client, token: str) -> Mapping[str, object]:
    context = here.context
    note_stale_key(here, token, Purpose.ACCESS_TOKEN, "introspection", presented_by=client.client_id)
    try:
        claims = context.keyring.verify_own(token, purpose=Purpose.ACCESS_TOKEN)
    except jose.InvalidToken:
        return INACTIVE
    if not await _is_live(here, claims):
        return INACTIVE
    return introspection_response(client, claims, issuer=context.settings.issuer, now=context.now)


async def _is_live(here: Surroundings, claims: Mapping[str, Any]) -> bool:
    """Whether neither the token nor what stands behind it was revoked, and all clients concerned are still allowed."""
    context = here.context
    concerned = {claims["client_id"], *read_actors(claims)}
    if "grant_id" in claims:
        try:
            held = await find_holder(context, claims["grant_id"], jti=claims["jti"])
        except InvalidGrant:
            return False
        concerned.add(held.grant.client_id)
    elif await single_use.is_revoked(context.db, claims["jti"]):
        return False
    found = [await here.shared.clients.find(client_id) for client_id in concerned]
    return all(client is not None and not client.is_stopped(context.now) for client in found)


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
        details=granted_details(held.grant, held.holder, context.now),
        expires_at=expires_at,
    )
