"""The grant type of token exchange (RFC 8693): an API that was handed a person's access token calls the next API.

It is delegation only: the new token names who acts (`act`), and is less than the one that it is made from in every
respect (scope, time) but the resource that it is for, which must be within what the person granted (decision 0021).

1. the access token is ours, good, and for a resource that this client is; if it is bound to a key, so will be the new
one, to the key of who acts  2. its grant stands, with the person as the registers state them now  3. the client that
was granted allows this one, and each before it, to act  4. narrow  5. sign, then record
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from idp.context import Context
from idp.errors import InvalidGrant, InvalidRequest, InvalidScope, InvalidTarget, OAuthError
from idp.oidc.access_token import PersonAccess, access_token_claims, fresh_jti, read_actors
from idp.oidc.authorization_details.detail import Detail
from idp.oidc.authorization_details.granting import alive, first_end, for_audience, narrowed, open_to
from idp.oidc.client import Client
from idp.oidc.client_cache import client_of
from idp.oidc.grant_types import TOKEN_EXCHANGE
from idp.oidc.grants.holder import HeldGrant, find_holder
from idp.oidc.grants.recording import issued, refused
from idp.oidc.grants.tokens import authentication_event
from idp.oidc.resource import is_addressed, read_resources, within_grant
from idp.oidc.scope import read_scope
from idp.oidc.sender import UNBOUND, ClientRequest, Confirmation, read_confirmation
from idp.oidc.subject import pairwise_subject
from idp.store import clients
from idp.store.database import Step
from idp.store.grants import MOST_EXCHANGES
from keys.jose import InvalidToken
from keys.policy import Purpose

GRANT_TYPE: Final = TOKEN_EXCHANGE
ACCESS_TOKEN_TYPE: Final = "urn:ietf:params:oauth:token-type:access_token"
PARAMETERS: Final = (
    "subject_token", "subject_token_type", "actor_token", "actor_token_type", "requested_token_type", "audience",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Delegation:
    """What is proven: a live token, its grant, the client that was granted, and who acts, the newest first."""

    jti: str
    scope: tuple[str, ...]
    details: tuple[Detail, ...]
    expires_at: int
    held: HeldGrant
    granted_to: Client
    actors: tuple[str, ...]


async def redeem(context: Context, asked: ClientRequest) -> dict[str, object]:
    """The token response: an access token by which this client acts for the person; no refresh token (§2.2.1).

    Raises:
        InvalidRequest: a parameter is missing or not supported; the subject token is not good, or not this client's to
            exchange (§2.2.2).
        InvalidScope: more than the subject token has.
        InvalidAuthorizationDetails: more than it carries.
        InvalidTarget: a resource beyond the grant, or not registered for this client.
    """
    client, form = asked.client, asked.form
    grant_id = None
    try:
        confirmation = asked.confirmation
        claims = _verify(context, client, _read_subject_token(form))
        grant_id = str(claims["grant_id"])
        _check_bound(claims, confirmation)
        delegation = await _prove(context, client, claims)
        access = replace(_narrowed(context, client, delegation, form), confirmation=confirmation)
    except OAuthError as error:
        await context.db.append(refused(context, client, error, grant_type=GRANT_TYPE, grant_id=grant_id))
        raise
    return await _answer(context, client, delegation, access)


def _read_subject_token(form: Mapping[str, str]) -> str:
    """The one token that is exchanged (§2.1); the client that authenticates is the one that acts."""
    token = form.get("subject_token")
    if not token or "subject_token_type" not in form:
        raise InvalidRequest("subject_token and subject_token_type are required for this grant type")
    if "actor_token" in form or "actor_token_type" in form:
        raise InvalidRequest("actor_token is not supported: the client that authenticates is the actor")
    for name in ("subject_token_type", "requested_token_type"):
        if form.get(name, ACCESS_TOKEN_TYPE) != ACCESS_TOKEN_TYPE:
            raise InvalidRequest(f"{name} can only be {ACCESS_TOKEN_TYPE}")
    return token


def _verify(context: Context, client: Client, token: str) -> dict[str, Any]:
    """The claims of a token of ours that was handed to this client, and has not expired."""
    try:
        claims = context.keyring.verify_own(token, purpose=Purpose.ACCESS_TOKEN)
    except InvalidToken as error:
        raise InvalidRequest(
            "the subject_token is no valid access token of ours", detail=str(error)
        ) from error
    if not is_addressed(client, claims, context.settings.issuer):
        raise InvalidRequest("the subject_token is for a resource that this client is not")
    if claims["exp"] <= context.now:
        raise InvalidRequest("the subject_token has expired")
    if "grant_id" not in claims:
        raise InvalidRequest("no person stands behind the subject_token: ask in your own name instead")
    return claims


def _check_bound(claims: Mapping[str, Any], confirmation: Confirmation) -> None:
    """What is worth nothing to a thief is not exchanged for what is; whose key the new token is bound to is another."""
    if confirmation == UNBOUND and read_confirmation(claims) != UNBOUND:
        raise InvalidRequest(
            "the subject_token is bound to a key, and so is what it is exchanged for: send a proof of yours in the"
            " header DPoP, or be registered for tokens that are bound to your certificate"
        )


async def _prove(context: Context, client: Client, claims: Mapping[str, Any]) -> Delegation:
    try:
        held = await find_holder(context, claims["grant_id"], jti=claims["jti"])
    except InvalidGrant as error:
        why = error.detail or error.description
        raise InvalidRequest("the subject_token is revoked, or its session has ended", detail=why) from error
    earlier = read_actors(claims)
    if len(earlier) >= MOST_EXCHANGES:
        raise InvalidRequest(f"the subject_token was exchanged {MOST_EXCHANGES} times, which is the most")
    granted_to = await _get_enabled(context, held.grant.client_id)
    for actor in earlier:
        await _get_enabled(context, actor)
    if refused := [actor for actor in (client.client_id, *earlier) if actor not in granted_to.may_act]:
        raise InvalidRequest(f"may not act on tokens of {granted_to.client_id}: {' '.join(refused)}")
    return Delegation(
        jti=claims["jti"],
        scope=read_scope(claims["scope"]),
        details=tuple(claims.get("authorization_details", ())),
        expires_at=claims["exp"],
        held=held,
        granted_to=granted_to,
        actors=(client.client_id, *earlier),
    )


async def _get_enabled(context: Context, client_id: str) -> Client:
    """A client as it is registered at this moment."""
    row = await clients.find(context.db, client_id)
    client = None if row is None else client_of(row)
    if client is None or client.is_stopped(context.now):
        raise InvalidRequest("the subject_token is of a client that is not admitted any more")
    return client


def _narrowed(
    context: Context, client: Client, delegation: Delegation, form: Mapping[str, str]
) -> PersonAccess:
    grant, audience = delegation.held.grant, _targets(client, delegation, form, context.settings.issuer)
    details = _narrowed_details(delegation, form.get("authorization_details", ""), audience, context.now)
    return PersonAccess(
        grant_id=grant.grant_id,
        subject=pairwise_subject(context.keyring, delegation.granted_to.sector, grant.account_id),
        audience=audience,
        scope=_narrowed_scope(delegation, form.get("scope", "")),
        event=authentication_event(grant),
        representation=delegation.held.holder.representation,
        actors=delegation.actors,
        details=details,
        not_after=min(delegation.expires_at, first_end(details) or delegation.expires_at),
    )


def _narrowed_details(
    delegation: Delegation, text: str, audience: tuple[str, ...], now: int
) -> tuple[Detail, ...]:
    """Of what the subject token carries (RFC 9396 §6)."""
    carried = open_to(alive(delegation.details, now), delegation.granted_to)
    return for_audience(narrowed(carried, text, now), audience, named=bool(text))


def _targets(client: Client, delegation: Delegation, form: Mapping[str, str], issuer: str) -> tuple[str, ...]:
    """Whom the token is for, by `resource` or `audience` (§2.1): both name a resource as it is registered."""
    within = within_grant(delegation.granted_to, delegation.held.grant.resources, issuer)
    reachable = tuple(resource for resource in within if resource in client.audience)
    named = read_resources(" ".join(form[name] for name in ("resource", "audience") if name in form))
    if refused := [resource for resource in named if resource not in reachable]:
        raise InvalidTarget(f"not within the grant, or not open to this client: {' '.join(refused)}")
    if not named and len(reachable) != 1:
        raise InvalidTarget("name the resource that the token is for")
    return named or reachable


def _narrowed_scope(delegation: Delegation, text: str) -> tuple[str, ...]:
    asked = read_scope(text) or delegation.scope
    if refused := [token for token in asked if token not in delegation.scope]:
        raise InvalidScope(f"beyond the subject_token: {' '.join(refused)}")
    return asked


async def _answer(
    context: Context, client: Client, delegation: Delegation, access: PersonAccess
) -> dict[str, object]:
    claims = access_token_claims(
        access, client, issuer=context.settings.issuer, jti=fresh_jti(delegation.jti), now=context.now
    )
    alg = client.access_token_signed_response_alg
    token = await context.keyring.issue(Purpose.ACCESS_TOKEN, claims, alg=alg)
    await context.db.append(_issued(context, client, delegation, claims))
    return {
        "access_token": token,
        "issued_token_type": ACCESS_TOKEN_TYPE,
        "token_type": access.confirmation.token_type,
        "expires_in": access.expires_at(context.now) - context.now,
        "scope": " ".join(access.scope),
        **access.granted_details,
    }


def _issued(context: Context, client: Client, delegation: Delegation, claims: Mapping[str, object]) -> Step:
    grant = delegation.held.grant
    return issued(
        context,
        client,
        grant,
        grant_type=GRANT_TYPE,
        granted_to=grant.client_id,
        actors=list(delegation.actors),
        audience=claims["aud"],
        scope=claims["scope"],
        jti=claims["jti"],
    )
