"""A person sets up an authenticator app, says when it is asked for, and removes it.

What comes here has proven the password, and the app where there is one, within the last minutes: whoever finds an open
session can neither add an app of their own nor take the person's away.
"""

from __future__ import annotations

from idp.assurance import authentication_level
from idp.audit.events import Kind, record
from idp.authentication.totp import matching_step, new_secret
from idp.authentication.totp_login import METHOD
from idp.authentication.totp_secret import seal_secret, unseal_secret
from idp.context import Context
from idp.store import authenticators, sessions
from idp.store.authenticators import Authenticator
from idp.store.database import NothingChanged, Step
from idp.store.sessions import Session


async def begin(context: Context, session: Session) -> bool:
    """Make a secret for this session to confirm; False where the person has an authenticator already."""
    sealed = seal_secret(context, session.account_id, new_secret())
    return await _done(
        context, authenticators.begin(session.account_id, session.session_id, sealed, context.now)
    )


def waiting_secret(context: Context, session: Session, held: Authenticator | None) -> bytes | None:
    """The secret that this session made and has not confirmed yet. Nobody confirms what another session was shown."""
    if held is None or held.confirmed_at is not None or held.session_id != session.session_id:
        return None
    if held.enrolled_at + authenticators.WAITING_LIFETIME <= context.now:
        return None
    return unseal_secret(context, session.account_id, held.secret_sealed)


async def confirm(
    context: Context,
    session: Session,
    held: Authenticator,
    code: str,
    *,
    browser_digest: bytes,
    cookie_digest: bytes,
) -> bool:
    """The first right code makes the authenticator count, and raises this session, whose cookie is new."""
    secret = waiting_secret(context, session, held)
    used = None if secret is None else matching_step(secret, code, context.now)
    if used is None:
        return False
    account_id = session.account_id
    return await _done(
        context,
        authenticators.confirm(account_id, session.session_id, held.secret_sealed, used, context.now),
        authenticators.know_browser(account_id, browser_digest, context.now),
        raise_session(session, cookie_digest, context.now),
        _event(context, Kind.AUTHENTICATOR_ADDED, session),
    )


async def ask_always(context: Context, session: Session, *, always: bool) -> bool:
    """At every login, or only where a service needs it; False where there is no authenticator."""
    account_id = session.account_id
    chosen = (
        authenticators.ask_always(account_id, context.now)
        if always
        else authenticators.ask_where_needed(account_id)
    )
    event = record(
        context,
        Kind.AUTHENTICATOR_SET,
        account_id=account_id,
        session_id=session.session_id,
        always=always,
    )
    return await _done(context, chosen, event)


async def remove(context: Context, session: Session) -> bool:
    """Forget the authenticator; False where there is none."""
    return await _done(
        context,
        *authenticators.remove(session.account_id),
        _event(context, Kind.AUTHENTICATOR_REMOVED, session),
    )


def raise_session(session: Session, cookie_digest: bytes, now: int) -> Step:
    """The session with the second factor beside what was proven before; required.

    `auth_time` stays that of the password: no factor of the session is older, which is what `max_age` asks.
    """
    amr = tuple(dict.fromkeys((*session.amr, METHOD)))
    level = authentication_level(amr)
    if level is None:
        raise AssertionError("methods of authentication without a level")
    return sessions.step_up(session, amr, level, cookie_digest, now)


def _event(context: Context, kind: Kind, session: Session) -> Step:
    return record(context, kind, account_id=session.account_id, session_id=session.session_id)


async def _done(context: Context, *steps: Step) -> bool:
    try:
        await context.db.write(*steps)
    except NothingChanged:
        return False
    return True
