"""The UserInfo endpoint (OpenID Connect Core §5.3): what was granted, as the registers state it now."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.requests import Request

from idp.audit.events import Kind, record
from idp.context import Context
from idp.endpoints.cross_origin import only_own_origins
from idp.endpoints.presented_token import Presented, check_holder, from_header
from idp.endpoints.proofs import offer_nonce_to_proof
from idp.endpoints.stale_keys import note_stale_key
from idp.endpoints.surroundings import Surroundings
from idp.errors import InvalidGrant, InvalidRequest, InvalidToken
from idp.http import responses
from idp.http.access_log import note_client
from idp.http.challenges import note_resource
from idp.http.forms import read_form
from idp.http.responses import Answer
from idp.oidc.access_token import check_userinfo_token
from idp.oidc.client import Client
from idp.oidc.encrypted_answer import encrypted, equip
from idp.oidc.grants.holder import HeldGrant, find_holder
from idp.oidc.grants.tokens import narrow, release_claims, release_of, subject_of
from idp.oidc.sender import read_confirmation
from idp.oidc.userinfo import signed_userinfo_claims, userinfo_claims
from keys import jose
from keys.policy import Purpose


async def get(request: Request, here: Surroundings) -> Answer:
    """With the token in the Authorization header (RFC 6750 §2.1, RFC 9449 §7.1)."""
    return await _answer(request, here, from_header(request))


async def post(request: Request, here: Surroundings) -> Answer:
    """With the token in the header or in the form (RFC 6750 §2.2), not in both."""
    presented = from_header(request)
    if request.headers.get("content-type"):
        sent = [value for name, value in await read_form(request) if name == "access_token"]
        if len(sent) + bool(presented.token) > 1:
            raise InvalidRequest("the access token is sent more than once (RFC 6750 section 2)")
        presented = Presented(sent[0]) if sent else presented
    return await _answer(request, here, presented)


async def _answer(request: Request, here: Surroundings, presented: Presented) -> Answer:
    held, client = await _held(request, here, presented)
    client = await equip(client, client.userinfo_encryption, here.shared.client_keys)
    context, grant = here.context, held.grant
    release = release_of(context, subject_of(context, client, grant), grant, held.holder)
    released = await release_claims(context, client, grant, held.holder, place="userinfo", release=release)
    claims = userinfo_claims(
        subject=release.subject, subject_type=held.holder.person.subject_type, released=released
    )
    answer = await _protected(context, client, claims)
    await context.db.append(
        record(
            context,
            Kind.CLAIMS_RELEASED,
            account_id=grant.account_id,
            client_id=client.client_id,
            session_id=grant.session_id,
            grant_id=grant.grant_id,
            claims=list(released),
        )
    )
    return answer


async def _protected(context: Context, client: Client, claims: Mapping[str, object]) -> Answer:
    """The answer as the client is registered for: plain, signed, encrypted, or signed and then encrypted.

    What cannot be signed or encrypted is not recorded as released.
    """
    alg, encryption = client.userinfo_signed_response_alg, client.userinfo_encryption
    if alg is None and encryption is None:
        return responses.json(claims)
    addressed = signed_userinfo_claims(
        claims, issuer=context.settings.issuer, client_id=client.client_id, now=context.now
    )
    if alg is None:
        content = orjson.dumps(addressed).decode()
        return responses.signed_jwt(encrypted(content, client, encryption, signed=False))
    signed = await context.keyring.issue(Purpose.USERINFO, addressed, alg=alg)
    return responses.signed_jwt(encrypted(signed, client, encryption))


async def _held(request: Request, here: Surroundings, presented: Presented) -> tuple[HeldGrant, Client]:
    """What the token stands for, if it still does, for who holds what it is bound to.

    Raises:
        InvalidToken: RFC 6750 §3.1.
        InvalidDpopProof, UseDpopNonce: RFC 9449 §7.1, §9.
    """
    note_resource(request, by_dpop=presented.by_dpop)
    offer_nonce_to_proof(request, here)
    context, token = here.context, presented.token
    if not token:
        raise InvalidToken
    note_stale_key(here, token, Purpose.ACCESS_TOKEN, "access_token")
    try:
        claims = context.keyring.verify_own(token, purpose=Purpose.ACCESS_TOKEN)
    except jose.InvalidToken as error:
        raise InvalidToken("the access token is not valid", detail=str(error)) from error
    grant_id = check_userinfo_token(claims, issuer=context.settings.issuer, now=context.now)
    try:
        held = await find_holder(context, grant_id, jti=str(claims["jti"]))
    except InvalidGrant as error:
        raise InvalidToken("the access token is revoked", detail=error.detail) from error
    client = await here.shared.clients.find(held.grant.client_id)
    if client is None or client.is_stopped(context.now):
        raise InvalidToken("the access token is revoked", detail="client disabled")
    note_client(request, client.client_id)
    only_own_origins(request, client)
    await check_holder(request, here, client, presented, read_confirmation(claims))
    scope = tuple(str(claims["scope"]).split())  # a token refreshed for less opens less
    return HeldGrant(narrow(held.grant, scope), held.holder), client
