"""The end of a conversation: the authorization code, and the grant that stands behind it."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from idp.audit.events import OK, Kind, record
from idp.context import Context
from idp.interaction.conversation import Errand
from idp.interaction.levels import answered_level
from idp.interaction.steps import ONESELF, Situation, granted_details
from idp.oidc.authorization_details.granting import last_end, nameless, noted
from idp.oidc.authorization_details.request import details_text, kept_details
from idp.oidc.authorization_request import AuthorizationRequest
from idp.oidc.authorization_response import AuthorizationResponse, secured, success
from idp.oidc.claims.release import requested_claims
from idp.oidc.redirect_uri import RedirectTarget
from idp.store import grants, interactions, pushed_requests, refresh_tokens, sessions
from idp.store.database import Step
from idp.store.grants import Grant
from idp.store.interactions import Interaction
from idp.store.sessions import Session


@dataclass(frozen=True, slots=True)
class Settled:
    """What a conversation came to.

    `acting_for` is an organisation's record id or `ONESELF`; `claims` are those the person agreed to, by their leads.
    The interaction, if there is one, ends in the write that keeps the grant, once; `also` is kept with them.
    """

    acting_for: str
    claims: tuple[str, ...]
    interaction: Interaction | None = None
    also: tuple[Step, ...] = ()


async def issue_code(
    context: Context, errand: Errand, situation: Situation, settled: Settled
) -> AuthorizationResponse:
    """Keep the grant with the digest of a fresh code and answer with the code (OpenID Connect Core §3.1.2.5).

    The answer is signed first, where it is signed: what cannot be said is not granted.

    Raises:
        NothingChanged: the request was answered in the meantime (another tab, a double click).
        SignerUnavailable, NoActiveKey: it cannot be signed now.
    """
    session, target = situation.session, errand.target
    if session is None or not isinstance(target, RedirectTarget):
        raise AssertionError("a code is issued only to a session, and sent to a proven target")
    code = secrets.token_urlsafe(32)
    grant = new_grant(context, errand, situation, settled, context.now + grants.CODE_LIFETIME)
    answer = await secured(success(target, code), errand.client, context.keyring, context.now)
    kept = (grants.add(grant, hashlib.sha256(code.encode()).digest()), approval(context, grant, settled))
    chosen = settled.acting_for if situation.demands.organisation else session.acting_for
    changes = (
        *use_pushed(errand.request, context.now),
        *settled.also,
        *_session_changes(context, errand, session, chosen),
    )
    await keep_answer(context, kept, changes, settled.interaction)
    return answer


def use_pushed(request: AuthorizationRequest, now: int) -> tuple[Step, ...]:
    """The step by which a pushed request has its one answer (RFC 9126 §2.2); none for any other request."""
    return (pushed_requests.use(bytes.fromhex(request.pushed), now),) if request.pushed else ()


def approval(context: Context, grant: Grant, settled: Settled, **details: object) -> Step:
    """The audit event of a grant that is about to be kept."""
    granted = kept_details(grant.authorization_details)
    return record(
        context,
        Kind.AUTHORIZATION,
        OK,
        account_id=grant.account_id,
        client_id=grant.client_id,
        session_id=grant.session_id,
        grant_id=grant.grant_id,
        scope=list(grant.scope),
        claims=list(settled.claims),
        for_organisation=settled.acting_for != ONESELF,
        **({"authorization_details": noted(granted)} if granted else {}),
        **details,
    )


def new_grant(
    context: Context, errand: Errand, situation: Situation, settled: Settled, code_expires_at: int
) -> Grant:
    """What the person and we grant the client now; it ends when the last of its details does, if it has any."""
    request, session = errand.request, situation.session
    if session is None:
        raise AssertionError("somebody who is there grants it")
    details, longest = granted_details(situation), code_expires_at + refresh_tokens.ABSOLUTE_LIFETIME
    return Grant(
        grant_id=secrets.token_urlsafe(16),
        client_id=errand.client.client_id,
        account_id=session.account_id,
        session_id=session.session_id,
        redirect_uri=request.redirect_uri,
        code_challenge=request.code_challenge,
        nonce=request.nonce,
        scope=request.scope,
        claims=requested_claims(request, errand.client).granted(settled.claims).to_json(),
        auth_time=session.auth_time,
        amr=session.amr,
        authentication_level=answered_level(request, context.settings.issuer, session.authentication_level),
        acting_for=settled.acting_for,
        created_at=context.now,
        code_expires_at=code_expires_at,
        revoked_at=None,
        expires_at=min(longest, last_end(details) or longest),
        resources=request.resources,
        authorization_details=details_text(nameless(details)),
        dpop_jkt=request.dpop_jkt or None,
    )


def _session_changes(
    context: Context, errand: Errand, session: Session, chosen: str | None
) -> tuple[Step, ...]:
    """`chosen` is for whom the person acts at this client, as far as they were asked."""
    joined: tuple[Step, ...] = ()
    if not session.joined or session.acting_for != chosen:
        joined = (sessions.join_client(session.session_id, errand.client.client_id, chosen, context.now),)
    return (*joined, *sessions.touch(session, context.now))


async def keep_answer(
    context: Context, kept: tuple[Step, ...], changes: tuple[Step, ...], interaction: Interaction | None
) -> None:
    """Write what was granted, with the end of the interaction if there is one: once.

    Raises:
        NothingChanged: it was finished in the meantime, or a required change could not be made.
    """
    if interaction is None and not changes:
        await context.db.append(*kept)
        return
    finished = () if interaction is None else (interactions.finish(interaction.interaction_id, context.now),)
    await context.db.write(*finished, *changes, *kept)
