"""Accounts, their credential, the browsers they were used from, and the codes that activate them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import and_, bindparam, delete, func, select, update

from idp.store import sessions
from idp.store.columns import bound, insert_all
from idp.store.database import Database, Row, Step, required, step
from idp.store.schema import accounts, activation_codes, credentials, grants, known_browsers
from idp.store.upsert import insert_unless_present, upsert

PASSWORD: Final = "password"


@dataclass(frozen=True, slots=True)
class Account:
    """An account; who it belongs to is told by the register."""

    account_id: str
    register_record_id: str
    ial: str
    created_at: int
    activated_at: int | None
    locked_at: int | None
    lock_reason: str | None


@dataclass(frozen=True, slots=True)
class LoginAccount:
    """What a password login needs of an account, in one read."""

    account_id: str
    ial: str
    lock_reason: str | None
    verifier: str | None = field(repr=False)
    browser_known: bool


@dataclass(frozen=True, slots=True)
class ActivationCode:
    """A code that was issued, by its digest."""

    account_id: str
    issued_at: int
    expires_at: int
    used_at: int | None
    superseded_at: int | None


_password = and_(credentials.c.account_id == accounts.c.account_id, credentials.c.kind == PASSWORD)
_this_browser = and_(
    known_browsers.c.account_id == accounts.c.account_id,
    known_browsers.c.browser_digest == bindparam("browser_digest"),
)
FIND = select(accounts).where(accounts.c.register_record_id == bindparam("register_record_id"))
FIND_FOR_LOGIN = (
    select(
        accounts.c.account_id,
        accounts.c.ial,
        accounts.c.lock_reason,
        credentials.c.verifier,
        known_browsers.c.known_since,
    )
    .select_from(accounts.outerjoin(credentials, _password).outerjoin(known_browsers, _this_browser))
    .where(accounts.c.register_record_id == bindparam("register_record_id"))
)
ADD = insert_unless_present(accounts, bound(accounts, "activated_at", "locked_at", "lock_reason")).returning(
    accounts.c.account_id
)
# Takes the row's lock too, so that whatever follows in the write is done by one after the other.
RAISE_LEVEL = (
    update(accounts)
    .where(accounts.c.account_id == bindparam("account"), accounts.c.locked_at.is_(None))
    .values(ial=bindparam("ial"))
)
ACTIVATE = (
    update(accounts)
    .where(accounts.c.account_id == bindparam("account"), accounts.c.locked_at.is_(None))
    .values(activated_at=func.coalesce(accounts.c.activated_at, bindparam("now")))
)
LOCK = (
    update(accounts)
    .where(accounts.c.account_id == bindparam("account"), accounts.c.locked_at.is_(None))
    .values(locked_at=bindparam("now"), lock_reason=bindparam("reason"))
)
UNLOCK = (
    update(accounts)
    .where(accounts.c.account_id == bindparam("account"), accounts.c.locked_at.is_not(None))
    .values(locked_at=None, lock_reason=None)
)
SET_CREDENTIAL = upsert(credentials, bound(credentials), update=("verifier", "changed_at"))
REHASH = (
    update(credentials)
    .where(
        credentials.c.account_id == bindparam("account"),
        credentials.c.kind == PASSWORD,
        credentials.c.verifier == bindparam("old_verifier"),
    )
    .values(verifier=bindparam("new_verifier"))
)
# Changes nothing, but takes the row's lock: a password that is being replaced is waited for, and then is another.
STILL_PASSWORD = (
    update(credentials)
    .where(
        credentials.c.account_id == bindparam("account"),
        credentials.c.kind == PASSWORD,
        credentials.c.verifier == bindparam("proven"),
    )
    .values(verifier=bindparam("proven"))
)
KNOW_BROWSER = upsert(known_browsers, bound(known_browsers), update=("seen_at",))
FORGET_BROWSERS = delete(known_browsers).where(known_browsers.c.account_id == bindparam("account"))
REVOKE_GRANTS = (
    update(grants)
    .where(grants.c.account_id == bindparam("account"), grants.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"), revoke_reason=bindparam("reason"))
)
ADD_CODE = insert_all(activation_codes, "used_at", "superseded_at")
_usable = and_(activation_codes.c.used_at.is_(None), activation_codes.c.superseded_at.is_(None))
SUPERSEDE_CODES = (
    update(activation_codes)
    .where(activation_codes.c.account_id == bindparam("account"), _usable)
    .values(superseded_at=bindparam("now"))
)
FIND_CODE = select(activation_codes).where(activation_codes.c.code_digest == bindparam("code_digest"))
BURN_CODE = (
    update(activation_codes)
    .where(
        activation_codes.c.code_digest == bindparam("code"),
        activation_codes.c.account_id == bindparam("account"),
        activation_codes.c.expires_at > bindparam("now"),
        _usable,
    )
    .values(used_at=bindparam("now"))
)


async def find(db: Database, register_record_id: str) -> Account | None:
    """The account of a person, by the register's key."""
    row = await db.fetch_one(FIND, register_record_id=register_record_id)
    return None if row is None else _account(row)


async def find_for_login(db: Database, register_record_id: str, browser_digest: bytes) -> LoginAccount | None:
    """The account of a person with its password, and whether it was used from this browser before."""
    row = await db.fetch_one(
        FIND_FOR_LOGIN, register_record_id=register_record_id, browser_digest=browser_digest
    )
    if row is None:
        return None
    return LoginAccount(
        account_id=row["account_id"],
        ial=row["ial"],
        lock_reason=row["lock_reason"],
        verifier=row["verifier"],
        browser_known=row["known_since"] is not None,
    )


async def find_code(db: Database, code_digest: bytes) -> ActivationCode | None:
    """An issued code, whatever became of it."""
    row = await db.fetch_one(FIND_CODE, code_digest=code_digest)
    if row is None:
        return None
    return ActivationCode(
        account_id=row["account_id"],
        issued_at=row["issued_at"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
        superseded_at=row["superseded_at"],
    )


def add(account_id: str, register_record_id: str, ial: str, now: int) -> Step:
    """Open an account; required, and fails when the person has one."""
    return required(
        ADD, account_id=account_id, register_record_id=register_record_id, ial=ial, created_at=now
    )


def raise_level(account_id: str, ial: str) -> Step:
    """Set the account level; required, and fails on a locked account."""
    return required(RAISE_LEVEL, account=account_id, ial=ial)


def activate(account_id: str, now: int) -> Step:
    """Note the first activation; required, and fails on a locked account."""
    return required(ACTIVATE, account=account_id, now=now)


def set_password(account_id: str, verifier: str, now: int) -> Step:
    """Give the account this password in place of any other."""
    return step(SET_CREDENTIAL, account_id=account_id, kind=PASSWORD, verifier=verifier, changed_at=now)


def still_password(account_id: str, verifier: str) -> Step:
    """The password that was proven is the account's still; required."""
    return required(STILL_PASSWORD, account=account_id, proven=verifier)


def rehash(account_id: str, old_verifier: str, new_verifier: str) -> Step:
    """The same password under today's policy; nothing when it was changed meanwhile."""
    return step(REHASH, account=account_id, old_verifier=old_verifier, new_verifier=new_verifier)


def know_browser(account_id: str, browser_digest: bytes, now: int) -> Step:
    """Remember a browser in which the person proved who they are."""
    return step(
        KNOW_BROWSER, account_id=account_id, browser_digest=browser_digest, known_since=now, seen_at=now
    )


def forget_browsers(account_id: str) -> Step:
    """Know no browser of the account any more."""
    return step(FORGET_BROWSERS, account=account_id)


def end_everything(account_id: str, session_reason: str, grant_reason: str, now: int) -> Sequence[Step]:
    """End every session of an account, with the logouts of its portals, and revoke every grant and its tokens."""
    return (
        *sessions.end_others(account_id, "", session_reason, now),
        step(REVOKE_GRANTS, account=account_id, reason=grant_reason, now=now),
    )


def lock(account_id: str, reason: str, now: int) -> Step:
    """Lock; required, and fails when it is locked."""
    return required(LOCK, account=account_id, reason=reason, now=now)


def unlock(account_id: str) -> Step:
    """Unlock; required, and fails when it is not locked."""
    return required(UNLOCK, account=account_id)


def issue_code(
    account_id: str, code_digest: bytes, *, issued_by: str, now: int, expires_at: int
) -> Sequence[Step]:
    """Keep a new code; older ones of the account stop working."""
    return (
        step(SUPERSEDE_CODES, account=account_id, now=now),
        step(
            ADD_CODE,
            code_digest=code_digest,
            account_id=account_id,
            issued_by=issued_by,
            issued_at=now,
            expires_at=expires_at,
        ),
    )


def burn_code(account_id: str, code_digest: bytes, now: int) -> Step:
    """Use a code up; required, and fails when it was used, superseded or has expired."""
    return required(BURN_CODE, code=code_digest, account=account_id, now=now)


def _account(row: Row) -> Account:
    return Account(
        account_id=row["account_id"],
        register_record_id=row["register_record_id"],
        ial=row["ial"],
        created_at=row["created_at"],
        activated_at=row["activated_at"],
        locked_at=row["locked_at"],
        lock_reason=row["lock_reason"],
    )
