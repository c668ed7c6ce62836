"""Personal number and password: who is it, or why not.

The truth of a refusal is for the audit log; strangers get one answer, after the same work. Only after the right
password does anyone learn what is wrong with the account or the card.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from idp.authentication.hashing import PasswordHasher
from idp.authentication.throttle import GlobalThrottle, known_path, stranger_path
from idp.context import Context
from idp.registers.calendar import today
from idp.registers.population import find_person_by_number
from idp.registers.standing import Standing, standing
from idp.registers.types import Person
from idp.store import accounts
from idp.store.accounts import LoginAccount
from idp.store.database import Step
from idp.store.throttle import Bucket, refund, take_all

AMR: Final = ("pwd",)  # RFC 8176 §2


class Outcome(StrEnum):
    """What became of an attempt. The first line of refusals is one answer to a stranger."""

    UNKNOWN_NUMBER = "unknown_number"
    NO_ACCOUNT = "no_account"
    NO_PASSWORD = "no_password"
    WRONG_PASSWORD = "wrong_password"

    THROTTLED = "throttled"

    ACCOUNT_LOCKED = "account_locked"
    DECEASED = "deceased"
    MISSING = "missing"
    CARD_LOCKED = "card_locked"
    CARD_EXPIRED = "card_expired"
    NO_CARD = "no_card"


TOLD_TO_NOBODY: Final = frozenset(
    {Outcome.UNKNOWN_NUMBER, Outcome.NO_ACCOUNT, Outcome.NO_PASSWORD, Outcome.WRONG_PASSWORD}
)
_STANDING: Final = {
    Standing.DECEASED: Outcome.DECEASED,
    Standing.MISSING: Outcome.MISSING,
    Standing.CARD_LOCKED: Outcome.CARD_LOCKED,
    Standing.CARD_EXPIRED: Outcome.CARD_EXPIRED,
    Standing.NO_CARD: Outcome.NO_CARD,
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a person typed, and the digest of the browser cookie, new or old, that the answer will keep."""

    personal_number: str = field(repr=False)
    password: str = field(repr=False)
    browser_digest: bytes


@dataclass(frozen=True, slots=True)
class ProvenPerson:
    """Somebody who proved with a password who they are. Made here only.

    `steps` belong into the write that opens the session: they require the password to be the same still, remember the
    browser, give back what the throttle took, and move the password to today's hashing policy.
    """

    account_id: str
    ial: str
    person: Person
    amr: tuple[str, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an attempt failed; `told` is what the person may learn."""

    outcome: Outcome
    account_id: str | None
    number_digest: bytes
    retry_after: int = 0  # seconds; of a throttled attempt

    @property
    def told(self) -> Outcome:
        """The outcome as the page shows it: all that would tell people apart reads as a wrong password."""
        return Outcome.WRONG_PASSWORD if self.outcome in TOLD_TO_NOBODY else self.outcome


async def prove_password(
    context: Context, hasher: PasswordHasher, throttle: GlobalThrottle, attempt: Attempt
) -> ProvenPerson | Refusal:
    """Prove a person by number and password. Known or not, everybody costs the same reads and one hash.

    Raises:
        Unavailable: more passwords are waiting than this worker can hash soon.
    """
    number_digest = context.keyring.digest("personal_number", attempt.personal_number.encode())
    person = await find_person_by_number(context.registers, attempt.personal_number)
    record_id = "" if person is None else person.record_id
    account = await accounts.find_for_login(context.db, record_id, attempt.browser_digest)
    account_id = None if account is None else account.account_id
    known = account is not None and account.browser_known

    buckets = _path(context, number_digest, attempt, known=known)
    hasher.require_room(known_browser=known)
    wait = await _take(context, throttle, buckets, known=known)
    if wait:
        return Refusal(Outcome.THROTTLED, account_id, number_digest, -(-wait // 1000))
    verifier = None if account is None else account.verifier
    proven = await hasher.verify(verifier, attempt.password, known_browser=known)
    if person is None or account is None or verifier is None or not proven:
        return Refusal(_why_not(person, account), account_id, number_digest)
    if not known:
        throttle.refund()
    hindrance = _hindrance(context, person, account)
    if hindrance is not None:
        await context.db.write(*refund(buckets))
        return Refusal(hindrance, account_id, number_digest)
    steps = (
        accounts.still_password(account.account_id, verifier),
        *refund(buckets),
        accounts.know_browser(account.account_id, attempt.browser_digest, context.now),
        *await _rehash(hasher, account, attempt.password),
    )
    return ProvenPerson(account.account_id, account.ial, person, AMR, steps)


def _path(context: Context, number_digest: bytes, attempt: Attempt, *, known: bool) -> Sequence[Bucket]:
    if known:
        return known_path(number_digest, attempt.browser_digest)
    return stranger_path(number_digest, context.address)


async def _take(context: Context, throttle: GlobalThrottle, buckets: Sequence[Bucket], *, known: bool) -> int:
    """Count the attempt: 0 when it may go on, else the milliseconds to wait."""
    now_ms = context.now * 1000
    if known:
        return await take_all(context.db, buckets, now_ms)
    wait = throttle.take(now_ms)
    if wait:
        return wait
    wait = await take_all(context.db, buckets, now_ms)
    if wait:
        throttle.refund()
    return wait


def _why_not(person: Person | None, account: LoginAccount | None) -> Outcome:
    if person is None:
        return Outcome.UNKNOWN_NUMBER
    if account is None:
        return Outcome.NO_ACCOUNT
    return Outcome.NO_PASSWORD if account.verifier is None else Outcome.WRONG_PASSWORD


def _hindrance(context: Context, person: Person, account: LoginAccount) -> Outcome | None:
    """What stops a person with the right password; the register's gravest reason first."""
    in_register = standing(person, today(context.now))
    if in_register is not Standing.OK:
        return _STANDING[in_register]
    return None if account.lock_reason is None else Outcome.ACCOUNT_LOCKED


async def _rehash(hasher: PasswordHasher, account: LoginAccount, password: str) -> tuple[Step, ...]:
    if account.verifier is None or not hasher.needs_rehash(account.verifier):
        return ()
    renewed = await hasher.hash(password)
    return (accounts.rehash(account.account_id, account.verifier, renewed),)
