"""Staff lock and unlock an account; a lock ends everything that is going on with it."""

from __future__ import annotations

from enum import StrEnum

from idp.audit import events
from idp.context import Context
from idp.store import accounts
from idp.store.accounts import Account
from idp.store.database import NothingChanged


class LockReason(StrEnum):
    """Why an account is locked: the grounds of Decree 69/2024 and of Decree 59/2022 that it kept."""

    OWN_REQUEST = "own_request"
    BREACH_OF_TERMS = "breach_of_terms"
    CARD_REVOKED = "card_revoked"
    DEATH = "death"
    AUTHORITY_REQUEST = "authority_request"
    SUSPECTED_FRAUD = "suspected_fraud"


async def lock_account(context: Context, account: Account, reason: LockReason, officer: str) -> bool:
    """Lock, end every session and revoke every grant in one write; False when it is locked already."""
    try:
        await context.db.write(
            accounts.lock(account.account_id, reason.value, context.now),
            *accounts.end_everything(account.account_id, "lock", "staff", context.now),
            events.record(
                context,
                events.Kind.ACCOUNT_LOCKED,
                account_id=account.account_id,
                reason=reason.value,
                officer=officer,
            ),
        )
    except NothingChanged:
        return False
    return True


async def unlock_account(context: Context, account: Account, officer: str) -> bool:
    """Unlock; what the lock ended stays ended. False when it is not locked."""
    try:
        await context.db.write(
            accounts.unlock(account.account_id),
            events.record(
                context,
                events.Kind.ACCOUNT_UNLOCKED,
                account_id=account.account_id,
                reason=account.lock_reason,
                officer=officer,
            ),
        )
    except NothingChanged:
        return False
    return True
