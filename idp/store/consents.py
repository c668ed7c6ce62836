"""What each person agreed to, or was told, for each client."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select, update

from idp.store.columns import bound
from idp.store.database import Database, Row, Step, required, step
from idp.store.schema import consents
from idp.store.upsert import upsert

GIVE = upsert(
    consents,
    {**bound(consents, "withdrawn_at"), "withdrawn_at": None},
    update=("basis", "asked_digest", "asked", "claims", "given_at", "withdrawn_at"),
)
WITHDRAW = (
    update(consents)
    .where(
        consents.c.account_id == bindparam("account"),
        consents.c.client_id == bindparam("client"),
        consents.c.asked_digest == bindparam("asked"),
        consents.c.withdrawn_at.is_(None),
    )
    .values(withdrawn_at=bindparam("now"))
)
OF_ACCOUNT = (
    select(consents)
    .where(consents.c.account_id == bindparam("account_id"), consents.c.withdrawn_at.is_(None))
    .order_by(consents.c.given_at.desc())
)


def give(
    *,
    account_id: str,
    client_id: str,
    basis: str,
    asked_digest: bytes,
    asked: str,
    claims: str,
    now: int,
) -> Step:
    """Record an agreement (or that the notice was shown); a newer one takes the older one's place."""
    return step(
        GIVE,
        account_id=account_id,
        client_id=client_id,
        basis=basis,
        asked_digest=asked_digest,
        asked=asked,
        claims=claims,
        given_at=now,
    )


def withdraw(account_id: str, client_id: str, asked_digest: bytes, now: int) -> Step:
    """Take an agreement back, if it is still the one of this digest."""
    return required(WITHDRAW, account=account_id, client=client_id, asked=asked_digest, now=now)


async def of_account(db: Database, account_id: str) -> Sequence[Row]:
    """Agreements and notices of a person, newest first."""
    return await db.fetch_all(OF_ACCOUNT, account_id=account_id)
