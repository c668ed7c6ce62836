"""A right code raises the session that is there: no new password, no new session."""

from __future__ import annotations

import hashlib

from idp.audit.events import Kind, record
from idp.authentication.totp_enrolment import raise_session
from idp.authentication.totp_login import ProvenCode, RefusedCode
from idp.context import Context
from idp.store.database import NothingChanged, Step
from idp.store.sessions import Session


def session_mark(session: Session) -> str:
    """Stands in the form that asks for a code: for whose session the page was made."""
    return hashlib.sha256(b"second factor\0" + session.session_id.encode()).hexdigest()


async def step_up(
    context: Context, proven: ProvenCode, session: Session, cookie_digest: bytes, client_id: str | None
) -> bool:
    """Use the code up and raise the session, in one write; False when either was too late.

    The code is of the account that the session belongs to: nobody's code raises somebody else's session. The session
    cookie is new (`cookie_digest`), so that one taken before is worth nothing after.
    """
    if proven.account_id != session.account_id:
        raise AssertionError("a code raises only the session of the person who gave it")
    raised = raise_session(session, cookie_digest, context.now)
    event = _event(context, session, client_id)
    try:
        await context.db.write(*proven.steps, raised, event)
    except NothingChanged:
        return False
    return True


def refused_code(context: Context, refused: RefusedCode, session: Session, client_id: str | None) -> Step:
    """The truth about an attempt, for the audit log and the person's history."""
    return _event(context, session, client_id, refused.outcome.value)


def _event(context: Context, session: Session, client_id: str | None, *outcome: str) -> Step:
    return record(
        context,
        Kind.SECOND_FACTOR,
        *outcome,
        account_id=session.account_id,
        client_id=client_id,
        session_id=session.session_id,
    )
