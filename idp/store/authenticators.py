"""Authenticator apps of people (RFC 6238), and the browsers in which a right code was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import BigInteger, and_, bindparam, delete, null, select, update
from sqlalchemy.dialects.postgresql import insert

from idp.store.columns import bound
from idp.store.database import Database, Row, Step, required, step
from idp.store.person_schema import authenticator_browsers, authenticators
from idp.store.upsert import insert_unless_present

WAITING_LIFETIME: Final = 15 * 60
"""Seconds that a secret waits for its first code."""
NEVER_USED: Final = -1
"""The `last_step` of a secret of which no code was used yet."""


@dataclass(frozen=True, slots=True)
class Authenticator:
    """A person's authenticator; it counts once it is confirmed."""

    account_id: str
    secret_sealed: bytes = field(repr=False)
    last_step: int
    session_id: str
    enrolled_at: int
    confirmed_at: int | None
    always_since: int | None
    browser_known: bool


_this_browser = and_(
    authenticator_browsers.c.account_id == authenticators.c.account_id,
    authenticator_browsers.c.browser_digest == bindparam("browser_digest"),
)
FIND = (
    select(authenticators, authenticator_browsers.c.known_since)
    .select_from(authenticators.outerjoin(authenticator_browsers, _this_browser))
    .where(authenticators.c.account_id == bindparam("account_id"))
)
_begun = insert(authenticators).values(bound(authenticators, "confirmed_at", "always_since"))
# A confirmed one is never overwritten: it is removed first, by whoever can give its code.
BEGIN = _begun.on_conflict_do_update(
    index_elements=[authenticators.c.account_id],
    set_={
        name: _begun.excluded[name] for name in ("secret_sealed", "last_step", "session_id", "enrolled_at")
    },
    where=authenticators.c.confirmed_at.is_(None),
).returning(authenticators.c.account_id)
CONFIRM = (
    update(authenticators)
    .where(
        authenticators.c.account_id == bindparam("account"),
        authenticators.c.session_id == bindparam("session"),
        authenticators.c.secret_sealed == bindparam("secret"),
        authenticators.c.confirmed_at.is_(None),
    )
    .values(confirmed_at=bindparam("now"), last_step=bindparam("used"))
)
# Takes the row's lock: of many that bring the code of one step, the first moves `last_step` past it.
USE = (
    update(authenticators)
    .where(
        authenticators.c.account_id == bindparam("account"),
        authenticators.c.secret_sealed == bindparam("secret"),
        authenticators.c.confirmed_at.is_not(None),
        authenticators.c.last_step < bindparam("used"),
    )
    .values(last_step=bindparam("used"))
)
_confirmed = and_(
    authenticators.c.account_id == bindparam("account"), authenticators.c.confirmed_at.is_not(None)
)
ASK_ALWAYS = update(authenticators).where(_confirmed).values(always_since=bindparam("now"))
ASK_WHERE_NEEDED = update(authenticators).where(_confirmed).values(always_since=null())
REMOVE = delete(authenticators).where(_confirmed)
KNOW_BROWSER = insert_unless_present(authenticator_browsers, bound(authenticator_browsers))
FORGET_BROWSERS = delete(authenticator_browsers).where(
    authenticator_browsers.c.account_id == bindparam("account")
)
_BEFORE = bindparam("before", type_=BigInteger) - WAITING_LIFETIME
PURGE = delete(authenticators).where(
    authenticators.c.account_id.in_(
        select(authenticators.c.account_id)
        .where(authenticators.c.confirmed_at.is_(None), authenticators.c.enrolled_at < _BEFORE)
        .limit(bindparam("most"))
    )
)


def _authenticator(row: Row) -> Authenticator:
    return Authenticator(
        account_id=row["account_id"],
        secret_sealed=bytes(row["secret_sealed"]),
        last_step=row["last_step"],
        session_id=row["session_id"],
        enrolled_at=row["enrolled_at"],
        confirmed_at=row["confirmed_at"],
        always_since=row["always_since"],
        browser_known=row["known_since"] is not None,
    )


async def find(db: Database, account_id: str, browser_digest: bytes) -> Authenticator | None:
    """A person's authenticator, confirmed or not, and whether a right code came from this browser before."""
    row = await db.fetch_one(FIND, account_id=account_id, browser_digest=browser_digest)
    return None if row is None else _authenticator(row)


def begin(account_id: str, session_id: str, secret_sealed: bytes, now: int) -> Step:
    """Keep a secret until its first code is given; required, and fails where there is a confirmed one."""
    return required(
        BEGIN,
        account_id=account_id,
        secret_sealed=secret_sealed,
        last_step=NEVER_USED,
        session_id=session_id,
        enrolled_at=now,
    )


def confirm(account_id: str, session_id: str, secret_sealed: bytes, used: int, now: int) -> Step:
    """The first code was right, that of step `used`; required, and fails for another session or secret."""
    return required(CONFIRM, account=account_id, session=session_id, secret=secret_sealed, used=used, now=now)


def use(account_id: str, secret_sealed: bytes, used: int) -> Step:
    """Use up a step and all before it (RFC 6238 §5.2); required, and fails when that has happened before."""
    return required(USE, account=account_id, secret=secret_sealed, used=used)


def ask_always(account_id: str, now: int) -> Step:
    """Ask for a code at every login; required, and fails where there is no authenticator."""
    return required(ASK_ALWAYS, account=account_id, now=now)


def ask_where_needed(account_id: str) -> Step:
    """Ask for a code only where a service needs it; required, and fails where there is no authenticator."""
    return required(ASK_WHERE_NEEDED, account=account_id)


def remove(account_id: str) -> Sequence[Step]:
    """Forget a confirmed authenticator and its browsers; required, and fails where there is none."""
    return required(REMOVE, account=account_id), step(FORGET_BROWSERS, account=account_id)


def know_browser(account_id: str, browser_digest: bytes, now: int) -> Step:
    """Remember a browser in which a right code was given."""
    return step(KNOW_BROWSER, account_id=account_id, browser_digest=browser_digest, known_since=now)
