"""The first tokens of a grant, for the code that has just been used up: an authorization's, or a device's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from idp.context import Context
from idp.oidc.client import Client
from idp.oidc.grants.holder import find_first_holder
from idp.oidc.grants.recording import issued
from idp.oidc.grants.refresh_secret import RefreshToken, first_token
from idp.oidc.grants.tokens import NOTHING, Wanted, token_response
from idp.oidc.scope import refresh_allowed
from idp.oidc.sender import ClientRequest, Confirmation
from idp.store import refresh_tokens
from idp.store.database import Step
from idp.store.grants import Grant
from idp.store.outages import is_outage
from keys.jose import SignerUnavailable
from keys.keyring import NoActiveKey


@dataclass(frozen=True, slots=True)
class FirstTokens:
    """A token response that is signed, and what has to be kept before it is answered."""

    response: dict[str, object]
    kept: tuple[Step, ...]


async def first_tokens(
    context: Context,
    asked: ClientRequest,
    grant_id: str,
    *,
    grant_type: str,
    told: Mapping[str, object] = NOTHING,
) -> FirstTokens:
    """Sign what a grant gives; nothing is recorded as issued yet: what cannot be signed is not.

    `told` are further claims of the ID token.

    Raises:
        InvalidGrant: the grant is revoked, or its person, session or representation does not stand any more.
        InvalidDpopProof, InvalidRequest: the sender does not prove what the client's tokens are bound to.
        InvalidTarget: a resource beyond the authorization (RFC 8707 §2.2).
        InvalidAuthorizationDetails: more than was granted (RFC 9396 §8).
        SignerUnavailable, NoActiveKey, an outage of a database: nothing can be issued now.
    """
    client, wanted = asked.client, Wanted.of(asked)
    held = await find_first_holder(context, grant_id)
    grant = held.grant
    # Whatever approved the grant has dropped an `offline_access` without consent from its scope already.
    token = first_token() if refresh_allowed(client, grant.scope, ("consent",)) else None
    response = await token_response(
        context,
        client,
        grant,
        held.holder,
        nonce=grant.nonce,
        refresh_token=None if token is None else token.text,
        wanted=wanted,
        told=told,
    )
    event = issued(context, client, grant, grant_type=grant_type, refresh=token is not None)
    bound_to = own_key(client, wanted.confirmation)
    return FirstTokens(response, (*_family(grant, token, context.now, bound_to), event))


def own_key(client: Client, confirmation: Confirmation) -> str | None:
    """The key that a refresh token is bound to, of a client that proves itself by nothing else (RFC 9449 §5)."""
    return (confirmation.jkt or None) if client.public else None


def _family(grant: Grant, token: RefreshToken | None, now: int, bound_to: str | None) -> tuple[Step, ...]:
    if token is None:
        return ()
    digests = token.family_digest, token.secret_digest
    return (refresh_tokens.add(grant.grant_id, *digests, now, dpop_jkt=bound_to),)


def is_for_a_while(error: Exception) -> bool:
    """Whether registers, database or keys cannot be reached now: the code may be used again."""
    return is_outage(error) or isinstance(error, (SignerUnavailable, NoActiveKey))
