"""Staff end sessions of a person; the person's own hand is at `/account`."""

from __future__ import annotations

from idp.audit import events
from idp.context import Context
from idp.store import sessions
from idp.store.accounts import Account
from idp.store.database import NothingChanged

REASON = "staff"


async def end_session(context: Context, account: Account, session_id: str, officer: str) -> bool:
    """End one session in one write with its event; False when this account has no such live session."""
    try:
        await context.db.write(
            *sessions.end(session_id, account.account_id, REASON, context.now),
            events.record(
                context,
                events.Kind.SESSION_ENDED,
                account_id=account.account_id,
                session_id=session_id,
                officer=officer,
            ),
        )
    except NothingChanged:
        return False
    return True


async def end_all_sessions(context: Context, account: Account, officer: str) -> None:
    """End every session of an account."""
    await context.db.write(
        *sessions.end_others(account.account_id, "", REASON, context.now),
        events.record(
            context, events.Kind.SESSION_ENDED, account_id=account.account_id, officer=officer, all=True
        ),
    )
