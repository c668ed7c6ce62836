"""An officer opens an account, or renews the way into it, for a person who stands at the counter (level 02).

Decree 69/2024: level 02 is proofed in person, with a valid card. Who may hold it: citizens from 14; from 6 to under 14
when a parent or guardian comes along; nobody below 6. Ages count from the latest possible day of birth.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from idp.accounts.activation_code import LIFETIME, activation_code_digest, new_activation_code
from idp.assurance import AccountLevel
from idp.audit import events
from idp.context import Context
from idp.registers.birth_date import age_over
from idp.registers.calendar import today
from idp.registers.population import find_person_by_number
from idp.registers.standing import Standing, standing
from idp.registers.types import Person
from idp.store import accounts
from idp.store.accounts import Account
from idp.store.database import NothingChanged, Step

YOUNGEST_ALONE: Final = 14  # years
YOUNGEST: Final = 6  # years


class Hindrance(StrEnum):
    """Why no code is issued; the officer is told."""

    UNKNOWN_NUMBER = "unknown_number"
    DECEASED = "deceased"
    MISSING = "missing"
    CARD_LOCKED = "card_locked"
    CARD_EXPIRED = "card_expired"
    NO_CARD = "no_card"
    UNDER_AGE = "under_age"
    GUARDIAN_NEEDED = "guardian_needed"
    ACCOUNT_LOCKED = "account_locked"


_STANDING: Final = {
    Standing.DECEASED: Hindrance.DECEASED,
    Standing.MISSING: Hindrance.MISSING,
    Standing.CARD_LOCKED: Hindrance.CARD_LOCKED,
    Standing.CARD_EXPIRED: Hindrance.CARD_EXPIRED,
    Standing.NO_CARD: Hindrance.NO_CARD,
}


class CannotIssue(Exception):
    """No code was issued; `hindrance` says why. It is in the audit log already."""

    def __init__(self, hindrance: Hindrance) -> None:
        super().__init__(hindrance.value)
        self.hindrance = hindrance


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """A code for a person; it is shown once, and only its digest is kept."""

    account_id: str
    code: str = field(repr=False)
    person: Person
    expires_at: int


async def issue_activation_code(
    context: Context, personal_number: str, officer: str, *, with_guardian: bool = False
) -> IssuedCode:
    """Give a person a new code; older ones stop working. Opens the account where there is none.

    `with_guardian` states that a parent or guardian of a child from 6 to 13 appeared in person with it.

    Raises:
        CannotIssue: the register or the account forbids it.
    """
    person = await find_person_by_number(context.registers, personal_number)
    account = None if person is None else await accounts.find(context.db, person.record_id)
    hindrance = _hindrance(context, person, account, with_guardian=with_guardian)
    if person is None or hindrance is not None:
        raise await _refuse(context, hindrance or Hindrance.UNKNOWN_NUMBER, account, personal_number, officer)
    try:
        return await _issue(context, person, account, officer)
    except NothingChanged:  # another officer opened the account, or locked it, in this moment
        account = await accounts.find(context.db, person.record_id)
        if account is None or account.locked_at is not None:
            raise await _refuse(
                context, Hindrance.ACCOUNT_LOCKED, account, personal_number, officer
            ) from None
        return await _issue(context, person, account, officer)


async def _issue(context: Context, person: Person, account: Account | None, officer: str) -> IssuedCode:
    account_id = str(uuid.uuid4()) if account is None else account.account_id
    code = new_activation_code()
    expires_at = context.now + LIFETIME
    await context.db.write(
        _open(context, account_id, person, account),
        *accounts.issue_code(
            account_id,
            activation_code_digest(context.keyring, account_id, code),
            issued_by=officer,
            now=context.now,
            expires_at=expires_at,
        ),
        events.record(
            context,
            events.Kind.ACTIVATION_ISSUED,
            account_id=account_id,
            officer=officer,
            expires_at=expires_at,
            first=account is None,
        ),
    )
    return IssuedCode(account_id, code, person, expires_at)


def _open(context: Context, account_id: str, person: Person, account: Account | None) -> Step:
    if account is None:
        return accounts.add(account_id, person.record_id, AccountLevel.LEVEL_02, context.now)
    return accounts.raise_level(account_id, AccountLevel.LEVEL_02)


def _hindrance(
    context: Context, person: Person | None, account: Account | None, *, with_guardian: bool
) -> Hindrance | None:
    if person is None:
        return Hindrance.UNKNOWN_NUMBER
    day = today(context.now)
    in_register = standing(person, day)
    if in_register is not Standing.OK:
        return _STANDING[in_register]
    if not age_over(person.birth_date, YOUNGEST, day):
        return Hindrance.UNDER_AGE
    if not with_guardian and not age_over(person.birth_date, YOUNGEST_ALONE, day):
        return Hindrance.GUARDIAN_NEEDED
    return Hindrance.ACCOUNT_LOCKED if account is not None and account.locked_at is not None else None


async def _refuse(
    context: Context, hindrance: Hindrance, account: Account | None, personal_number: str, officer: str
) -> CannotIssue:
    await context.db.append(
        events.record(
            context,
            events.Kind.ACTIVATION_ISSUED,
            hindrance.value,
            account_id=None if account is None else account.account_id,
            officer=officer,
            number_digest=context.keyring.digest("personal_number", personal_number.encode()).hex(),
        )
    )
    return CannotIssue(hindrance)
