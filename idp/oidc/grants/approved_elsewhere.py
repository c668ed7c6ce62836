"""Tokens for a client that a person answered elsewhere: a device (RFC 8628 §3.4), a portal's counter (CIBA Core §11).

1. answer what the client is told while it waits, or in the end  2. use up its secret: of many at once one goes on
3. find the person as the registers state them now  4. issue  5. where registers or keys cannot be reached now, the
secret is given back: the client asks again, and that is no replay
"""

from __future__ import annotations

from collections.abc import Mapping

from idp.audit.events import Kind, record
from idp.context import Context
from idp.errors import AccessDenied, AuthorizationPending, ExpiredToken, InvalidGrant, OAuthError, SlowDown
from idp.oidc.grants.first_tokens import first_tokens, is_for_a_while
from idp.oidc.grants.recording import refused
from idp.oidc.grants.tokens import NOTHING
from idp.oidc.polling import grant_code_digest, is_too_early, next_interval
from idp.oidc.sender import ClientRequest
from idp.store import grants
from idp.store.awaiting import APPROVED, DENIED, USED, Awaiting
from idp.store.database import NothingChanged


async def redeem_approved(
    context: Context,
    asked: ClientRequest,
    awaiting: Awaiting,
    *,
    grant_type: str,
    told: Mapping[str, object] = NOTHING,
) -> dict[str, object]:
    """The token response; `awaiting` is the asking client's own. `told` are further claims of the ID token.

    Raises:
        AuthorizationPending, SlowDown: nobody has answered yet.
        AccessDenied, ExpiredToken: nobody will.
        InvalidTarget: a resource beyond the authorization (RFC 8707 §2.2).
        InvalidGrant: the secret is used, or what it gave is revoked.
        SignerUnavailable, NoActiveKey, an outage of a database: nothing can be issued now.
    """
    grant_id = await _approved(context, awaiting, grant_type)
    try:
        await _use(context, awaiting, grant_id, grant_type)
        first = await first_tokens(context, asked, grant_id, grant_type=grant_type, told=told)
    except OAuthError as error:
        await context.db.append(
            refused(context, asked.client, error, grant_type=grant_type, grant_id=grant_id)
        )
        raise
    except Exception as error:
        if is_for_a_while(error):
            await context.db.write(
                awaiting.answers.give_back(awaiting.digest), grants.give_back_code(grant_id)
            )
        raise
    await context.db.append(*first.kept)
    return first.response


async def _approved(context: Context, asked: Awaiting, grant_type: str) -> str:
    """The grant that waits for the client; else the error that says why there is none."""
    if asked.state == USED and asked.grant_id is not None:
        raise await _replayed(context, asked, asked.grant_id, grant_type)
    if asked.expires_at <= context.now:
        raise ExpiredToken(
            f"the {asked.secret} has expired: it works for a few minutes, expires_in says how long"
        )
    if asked.state == DENIED:
        raise AccessDenied("the person refused")
    if asked.state != APPROVED or asked.grant_id is None:
        raise await _polled(context, asked)
    return asked.grant_id


async def _polled(context: Context, asked: Awaiting) -> OAuthError:
    """RFC 8628 §3.5, CIBA Core §11: a poll before its time makes all further ones wait longer."""
    interval = next_interval(asked, context.now)
    await context.db.append(asked.answers.note_poll(asked.digest, interval, context.now))
    if is_too_early(asked, context.now):
        return SlowDown(f"ask every {interval} seconds")
    return AuthorizationPending("the person has not answered yet")


async def _use(context: Context, asked: Awaiting, grant_id: str, grant_type: str) -> None:
    """Use up the secret, once; whoever comes second at the same moment holds a copy of it."""
    try:
        await context.db.write(
            asked.answers.use(asked.digest, context.now), grants.burn(grant_code_digest(asked), context.now)
        )
    except NothingChanged:
        raise await _replayed(context, asked, grant_id, grant_type) from None


async def _replayed(context: Context, asked: Awaiting, grant_id: str, grant_type: str) -> InvalidGrant:
    """As for an authorization code (RFC 6749 §4.1.2): what a secret gave that is used twice is revoked."""
    event = record(
        context,
        Kind.TOKEN,
        "code_replay",
        client_id=asked.client_id,
        grant_id=grant_id,
        grant_type=grant_type,
    )
    await context.db.write(grants.revoke(grant_id, "code_replay", context.now), event)
    return InvalidGrant(f"the {asked.secret} was used before; everything that it gave is revoked")
