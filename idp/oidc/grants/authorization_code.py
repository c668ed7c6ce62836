"""The grant type `authorization_code` (RFC 6749 §4.1.3, OpenID Connect Core §3.1.3).

1. burn the code, whatever else is wrong with the request  2. a second use revokes what the first one gave
3. check whose it is and what it is bound to  4. find the person as the registers state them now  5. issue
6. where registers or keys cannot be reached now, the code is given back: the client asks again, and that is no replay
"""

from __future__ import annotations

import hashlib
from typing import Final

from idp.audit.events import Kind, record
from idp.context import Context
from idp.errors import InvalidGrant, InvalidRequest, OAuthError
from idp.oidc.client import Client
from idp.oidc.dpop import check_bound_key
from idp.oidc.grant_types import AUTHORIZATION_CODE
from idp.oidc.grants.first_tokens import first_tokens, is_for_a_while
from idp.oidc.grants.recording import refused
from idp.oidc.pkce import check_verifier
from idp.oidc.sender import ClientRequest
from idp.store import grants
from idp.store.database import Step
from idp.store.grants import Grant

GRANT_TYPE: Final = AUTHORIZATION_CODE


async def redeem(context: Context, asked: ClientRequest) -> dict[str, object]:
    """The token response for a code.

    Raises:
        InvalidRequest: a parameter is missing or malformed.
        InvalidGrant: the code is unknown, used, expired, or bound to something else than this request.
        InvalidDpopProof: the code, or the client's tokens, are bound to a key, and no proof came.
        InvalidTarget: a resource beyond the authorization (RFC 8707 §2.2).
        InvalidAuthorizationDetails: more than was granted (RFC 9396 §8).
        SignerUnavailable, NoActiveKey, an outage of a database: nothing can be issued now.
    """
    client, form = asked.client, asked.form
    code, redirect_uri = form.get("code"), form.get("redirect_uri")
    if not code or not redirect_uri:
        raise InvalidRequest("code and redirect_uri are required for this grant type")
    digest = hashlib.sha256(code.encode()).digest()
    grant = await grants.burn_code(context.db, digest, context.now)
    if grant is None:
        raise await _replayed(context, client, digest)
    try:
        _check_binding(grant, client, redirect_uri, form.get("code_verifier"), context.now)
        check_bound_key(grant.dpop_jkt, asked.sender.proof, "code")
        first = await first_tokens(context, asked, grant.grant_id, grant_type=GRANT_TYPE)
    except OAuthError as error:
        await context.db.append(_refusal(context, client, grant, error))
        raise
    except Exception as error:
        if is_for_a_while(error):
            await context.db.write(grants.give_back_code(grant.grant_id))
        raise
    await context.db.append(*first.kept)
    return first.response


def _check_binding(grant: Grant, client: Client, redirect_uri: str, verifier: str | None, now: int) -> None:
    """RFC 6749 §4.1.3: the code was issued to this client for this redirect URI, and has not expired."""
    if grant.client_id != client.client_id:
        raise InvalidGrant("the code was issued to another client")
    if grant.revoked_at is not None:
        raise InvalidGrant("the grant was revoked before its code was used")
    if grant.code_expires_at <= now:
        raise InvalidGrant(f"the code has expired: it works for {grants.CODE_LIFETIME} seconds")
    if grant.redirect_uri != redirect_uri:
        raise InvalidGrant("redirect_uri is not the one of the authorization request")
    check_verifier(verifier, grant.code_challenge)


async def _replayed(context: Context, client: Client, digest: bytes) -> InvalidGrant:
    """RFC 6749 §4.1.2: when a code is used twice, what it gave is revoked; somebody else may hold it."""
    row = await grants.find_used(context.db, digest)
    if row is None:
        return InvalidGrant("the code is unknown or has expired")
    event = record(
        context,
        Kind.TOKEN,
        "code_replay",
        account_id=row["account_id"],
        client_id=row["client_id"],
        grant_id=row["grant_id"],
        presented_by=client.client_id,
    )
    await context.db.write(grants.revoke(row["grant_id"], "code_replay", context.now), event)
    return InvalidGrant("the code was used before; everything that it gave is revoked")


def _refusal(context: Context, client: Client, grant: Grant, error: OAuthError) -> Step:
    return refused(
        context,
        client,
        error,
        grant_type=GRANT_TYPE,
        grant_id=grant.grant_id,
        account_id=grant.account_id,
    )
