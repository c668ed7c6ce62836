"""A person redeems an officer's one-time code: the account gets its first password, or a new one for a forgotten one.

A code is looked at first (`check_code`), while the person chooses a password, and burnt last, in the one write that
sets it (`redeem`). To a stranger every refusal is the same; the audit log tells them apart. Only the right code leads
to the person's standing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from idp.accounts.activation_code import InvalidActivationCode, activation_code_digest, read_activation_code
from idp.accounts.throttle import activation_path
from idp.audit import events
from idp.context import Context
from idp.registers.calendar import today
from idp.registers.population import find_person_by_number
from idp.registers.standing import Standing, standing
from idp.registers.types import Person
from idp.store import accounts
from idp.store.accounts import Account, ActivationCode
from idp.store.database import NothingChanged
from idp.store.throttle import take_all


class Refused(StrEnum):
    """Why a code was not accepted. All but the last group is one answer to a stranger."""

    UNKNOWN_NUMBER = "unknown_number"
    NO_ACCOUNT = "no_account"
    WRONG_CODE = "wrong_code"
    USED = "used"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    THROTTLED = "throttled"

    ACCOUNT_LOCKED = "account_locked"
    DECEASED = "deceased"
    MISSING = "missing"
    CARD_LOCKED = "card_locked"
    CARD_EXPIRED = "card_expired"
    NO_CARD = "no_card"


_STANDING: Final = {
    Standing.DECEASED: Refused.DECEASED,
    Standing.MISSING: Refused.MISSING,
    Standing.CARD_LOCKED: Refused.CARD_LOCKED,
    Standing.CARD_EXPIRED: Refused.CARD_EXPIRED,
    Standing.NO_CARD: Refused.NO_CARD,
}
TOLD: Final = frozenset({Refused.ACCOUNT_LOCKED, *_STANDING.values()})
"""What the person learns, for only the right code leads here."""


@dataclass(frozen=True, slots=True)
class ProvenCode:
    """A live code and the person it was issued to. Made by `check_code` only; nothing is burnt yet."""

    account_id: str
    person: Person
    code_digest: bytes = field(repr=False)
    first: bool  # the account has never been activated


async def check_code(context: Context, personal_number: str, typed_code: str) -> ProvenCode | Refused:
    """Whether this code is this person's and still works. A refusal is in the audit log already."""
    person = await find_person_by_number(context.registers, personal_number)
    account = await accounts.find(context.db, "" if person is None else person.record_id)
    account_id = "" if account is None else account.account_id
    code_digest = _digest(context, account_id, typed_code)
    issued = await accounts.find_code(context.db, code_digest)

    refused = _judge(context, person, account, issued)
    if person is not None and account is not None and refused is None:
        return ProvenCode(account_id, person, code_digest, account.activated_at is None)
    return await _refuse(context, personal_number, account, refused or Refused.WRONG_CODE)


async def redeem(context: Context, proven: ProvenCode, verifier: str, browser_digest: bytes) -> bool:
    """Burn the code and set the password (`verifier`: its hash) in one write; of many at once exactly one succeeds.

    Sessions, grants and known browsers of whoever held the old password end; this browser is known from now on. False
    when the code was used meanwhile, or the account locked.
    """
    account_id, now = proven.account_id, context.now
    try:
        await context.db.write(
            accounts.activate(account_id, now),  # the account's row first, as whoever issues a code does
            accounts.burn_code(account_id, proven.code_digest, now),
            accounts.set_password(account_id, verifier, now),
            *accounts.end_everything(account_id, "replaced", "person", now),
            accounts.forget_browsers(account_id),
            accounts.know_browser(account_id, browser_digest, now),
            events.record(context, events.Kind.ACTIVATION, account_id=account_id, first=proven.first),
        )
    except NothingChanged:
        await context.db.append(
            events.record(
                context,
                events.Kind.ACTIVATION,
                (await _why_lost(context, proven)).value,
                account_id=account_id,
            )
        )
        return False
    return True


async def _why_lost(context: Context, proven: ProvenCode) -> Refused:
    """Why a code that was live when it was looked at could not be redeemed."""
    issued = await accounts.find_code(context.db, proven.code_digest)
    if issued is None:
        return Refused.WRONG_CODE
    return _ended(issued, context.now) or Refused.ACCOUNT_LOCKED


def _digest(context: Context, account_id: str, typed_code: str) -> bytes:
    """The digest of what was typed; of a text that can be no code, one that nothing has."""
    try:
        code = read_activation_code(typed_code)
    except InvalidActivationCode:
        code = ""
    return activation_code_digest(context.keyring, account_id, code)


def _judge(
    context: Context, person: Person | None, account: Account | None, issued: ActivationCode | None
) -> Refused | None:
    if person is None:
        return Refused.UNKNOWN_NUMBER
    if account is None:
        return Refused.NO_ACCOUNT
    if issued is None:
        return Refused.WRONG_CODE
    ended = _ended(issued, context.now)
    if ended is not None:
        return ended
    in_register = standing(person, today(context.now))
    if in_register is not Standing.OK:
        return _STANDING[in_register]
    return None if account.locked_at is None else Refused.ACCOUNT_LOCKED


def _ended(issued: ActivationCode, now: int) -> Refused | None:
    """Why an issued code works no more."""
    if issued.used_at is not None:
        return Refused.USED
    if issued.superseded_at is not None:
        return Refused.SUPERSEDED
    return Refused.EXPIRED if issued.expires_at <= now else None


async def _refuse(
    context: Context, personal_number: str, account: Account | None, refused: Refused
) -> Refused:
    number_digest = context.keyring.digest("personal_number", personal_number.encode())
    outcome = refused
    if refused not in TOLD and await take_all(
        context.db, activation_path(number_digest, context.address), context.now * 1000
    ):
        outcome = Refused.THROTTLED
    await context.db.append(
        events.record(
            context,
            events.Kind.ACTIVATION,
            outcome.value,
            account_id=None if account is None else account.account_id,
            number_digest=number_digest.hex(),
        )
    )
    return outcome
