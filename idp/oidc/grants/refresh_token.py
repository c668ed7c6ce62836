"""The grant type `refresh_token` (RFC 6749 §6, RFC 9700 §4.14): each token works once and gives the next.

1. find the family, and check the key that it is bound to  2. find the person as the registers state them now  3. sign,
and rotate: one winner  4. a lost response is answered again for a short while  5. anything else that was rotated is a
replay: the whole grant is revoked

By profiles whose access tokens are bound, refresh tokens are not rotated (FAPI 2.0 §5.3.2.1): what a thief lacks there
is the client's key, and a lost response costs nobody a login.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from idp.context import Context
from idp.errors import InvalidGrant, InvalidRequest, InvalidScope, OAuthError
from idp.oidc.client import Client
from idp.oidc.dpop import Proof, check_bound_key
from idp.oidc.grant_types import REFRESH_TOKEN
from idp.oidc.grants.first_tokens import own_key
from idp.oidc.grants.holder import HeldGrant, find_holder
from idp.oidc.grants.recording import issued, refused
from idp.oidc.grants.refresh_secret import RefreshToken, read_refresh_token, successor
from idp.oidc.grants.tokens import Wanted, narrow, token_response
from idp.oidc.scope import read_scope
from idp.oidc.sender import ClientRequest
from idp.store import grants, refresh_tokens
from idp.store.database import NothingChanged, Step
from idp.store.grants import Grant
from idp.store.refresh_tokens import GRACE, Family
from keys.seal import SealBroken, seal_under, unseal_under

GRANT_TYPE: Final = REFRESH_TOKEN
_UNKNOWN = "the refresh token is unknown, expired or revoked"


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who asks, for the grant as far as its scope is asked for, and what of it is wanted."""

    client: Client
    held: HeldGrant
    wanted: Wanted
    proof: Proof | None


class Replayed(InvalidGrant):
    """A token that was rotated is presented again: somebody else may hold the family, so its grant is revoked."""


async def redeem(context: Context, asked: ClientRequest) -> dict[str, object]:
    """The token response for a refresh token.

    Raises:
        InvalidRequest: the parameter is missing.
        InvalidScope: more is asked for than was granted (RFC 6749 §6).
        InvalidTarget: a resource beyond the authorization (RFC 8707 §2.2).
        InvalidAuthorizationDetails: more than was granted (RFC 9396 §8).
        InvalidGrant: unknown, expired, revoked, replayed, another client's, or bound to another key.
        InvalidDpopProof: the token, or the client's tokens, are bound to a key, and no proof came.
    """
    client, form = asked.client, asked.form
    text = form.get("refresh_token")
    if not text:
        raise InvalidRequest("refresh_token is required for this grant type")
    token = read_refresh_token(text)
    family = None if token is None else await refresh_tokens.find(context.db, token.family_digest)
    if token is None or family is None:
        raise InvalidGrant(_UNKNOWN, detail="no such family")
    try:
        held = await _held(context, client, family, form.get("scope", ""))
        check_bound_key(family.dpop_jkt, asked.sender.proof, "refresh token")
        wanted = _Asked(client, held, Wanted.of(asked), asked.sender.proof)
        return await _answer(context, wanted, token, family)
    except Replayed as error:
        revoked = grants.revoke(family.grant_id, "refresh_replay", context.now)
        await context.db.write(revoked, _refusal(context, client, family, error))
        raise
    except OAuthError as error:
        await context.db.append(_refusal(context, client, family, error))
        raise


def _refusal(context: Context, client: Client, family: Family, error: OAuthError) -> Step:
    return refused(context, client, error, grant_type=GRANT_TYPE, grant_id=family.grant_id)


async def _held(context: Context, client: Client, family: Family, scope: str) -> HeldGrant:
    held = await find_holder(context, family.grant_id)
    if held.grant.client_id != client.client_id:
        raise InvalidGrant("the refresh token was issued to another client")
    return replace(held, grant=narrowed(held.grant, scope))


def narrowed(grant: Grant, scope: str) -> Grant:
    """The grant with the scope asked for, which may be less than granted (RFC 6749 §6).

    Raises:
        InvalidScope: something that was not granted.
    """
    asked = read_scope(scope)
    if not asked:
        return grant
    if refused := [token for token in asked if token not in grant.scope]:
        raise InvalidScope(f"not granted: {' '.join(refused)}")
    return narrow(grant, asked)


async def _answer(context: Context, asked: _Asked, token: RefreshToken, family: Family) -> dict[str, object]:
    """The response with the token to use next: for who asks again in time, the one that the winner was given.

    What is answered is signed first, so that a key that cannot sign uses up no token; what is kept is one write.
    """
    if token.secret_digest == family.current_digest:
        if min(family.idle_expires_at, family.expires_at) <= context.now:
            raise InvalidGrant(_UNKNOWN, detail="expired")
        use = _rotate if asked.client.security.rotates_refresh_tokens else _keep
        try:
            return await use(context, asked, token, family)
        except NothingChanged:
            family = await _as_it_stands(context, token)
            check_bound_key(family.dpop_jkt, asked.proof, "refresh token")
    response = await _signed(context, asked, _asked_again(context, token, family))
    await context.db.append(_issued(context, asked))
    return response


async def _rotate(context: Context, asked: _Asked, token: RefreshToken, family: Family) -> dict[str, object]:
    """The response with the successor. A family is bound by the first proof of a client that has nothing else.

    Raises:
        NothingChanged: another request has used the token meanwhile.
    """
    fresh = successor(token)
    response = await _signed(context, asked, fresh)
    rotation = refresh_tokens.rotate(
        token.family_digest,
        presented=token.secret_digest,
        successor=fresh.secret_digest,
        sealed=seal_under(token.secret.encode(), fresh.secret.encode()),
        now=context.now,
        dpop_jkt=family.dpop_jkt or own_key(asked.client, asked.wanted.confirmation),
    )
    await context.db.write(rotation, _issued(context, asked))
    return response


async def _keep(context: Context, asked: _Asked, token: RefreshToken, family: Family) -> dict[str, object]:
    """The response with the same token, whose idle time begins anew, now and then.

    Raises:
        NothingChanged: as `_rotate`, where the client was of another profile a moment ago.
    """
    response = await _signed(context, asked, token)
    event = _issued(context, asked)
    if refresh_tokens.is_to_be_touched(family, context.now):
        touched = refresh_tokens.touch(token.family_digest, presented=token.secret_digest, now=context.now)
        await context.db.write(touched, event)
    else:
        await context.db.append(event)
    return response


async def _as_it_stands(context: Context, token: RefreshToken) -> Family:
    family = await refresh_tokens.find(context.db, token.family_digest)
    if family is None:
        raise InvalidGrant(_UNKNOWN, detail="family purged meanwhile")
    return family


def _asked_again(context: Context, token: RefreshToken, family: Family) -> RefreshToken:
    """The last token used is answered again for `GRACE` seconds, while its successor has not been used itself."""
    lost = token.secret_digest == family.previous_digest and family.successor_sealed is not None
    if lost and family.rotated_at is not None and context.now - family.rotated_at <= GRACE:
        return _unsealed(token, family.successor_sealed or b"")
    raise Replayed("the refresh token was used before; the grant is revoked", detail="refresh_replay")


def _unsealed(token: RefreshToken, sealed: bytes) -> RefreshToken:
    try:
        return RefreshToken(token.family, unseal_under(token.secret.encode(), bytes(sealed)).decode())
    except SealBroken as error:
        raise InvalidGrant(_UNKNOWN, detail="the sealed successor cannot be opened") from error


async def _signed(context: Context, asked: _Asked, next_token: RefreshToken) -> dict[str, object]:
    return await token_response(
        context,
        asked.client,
        asked.held.grant,
        asked.held.holder,
        nonce=None,
        refresh_token=next_token.text,
        wanted=asked.wanted,
    )


def _issued(context: Context, asked: _Asked) -> Step:
    return issued(context, asked.client, asked.held.grant, grant_type=GRANT_TYPE)
