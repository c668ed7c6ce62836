"""Staff remove the authenticator app of somebody who lost the phone, and stands before them with the identity card."""

from __future__ import annotations

from idp.audit import events
from idp.context import Context
from idp.store import accounts, authenticators
from idp.store.accounts import Account
from idp.store.database import NothingChanged


async def remove_by_staff(context: Context, account: Account, officer: str) -> bool:
    """Remove it, and end every session and grant: somebody else may hold the phone. False where there is none.

    The person reads it in the history of their account. Nothing else that staff does removes an authenticator.
    """
    try:
        await context.db.write(
            *authenticators.remove(account.account_id),
            *accounts.end_everything(account.account_id, "staff", "staff", context.now),
            events.record(
                context,
                events.Kind.AUTHENTICATOR_REMOVED,
                account_id=account.account_id,
                officer=officer,
            ),
        )
    except NothingChanged:
        return False
    return True
