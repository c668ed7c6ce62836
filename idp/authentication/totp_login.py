"""The second factor: a person who gave the password proves to hold the authenticator app.

A code works once, whoever brings it first. What slows guesses keeps out nobody who belongs: a browser in which a right
code was given before has a bucket of its own, which strangers cannot fill. To guess at all takes the right password,
so that a new password ends an attack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from idp.authentication.totp import matching_step
from idp.authentication.totp_secret import unseal_secret
from idp.context import Context
from idp.store import authenticators
from idp.store.authenticators import Authenticator
from idp.store.database import Step
from idp.store.throttle import Bucket, Limit, bucket, refund, take_all

METHOD: Final = "otp"  # RFC 8176 §2

STRANGERS: Final = Limit(interval_ms=3_600_000, burst=10)
"""All browsers that never gave a right code for one account: 8,770 guesses a year at most, each with three of a million
chances (the drift). One in forty years of guessing with the right password in hand; the person sees every attempt."""
KNOWN_BROWSER: Final = Limit(interval_ms=900_000, burst=10)
"""One browser that gave a right code before: ten slips at once, then one each quarter of an hour."""


class Outcome(StrEnum):
    """Why a code was not accepted."""

    WRONG_CODE = "wrong_code"
    USED_CODE = "used_code"
    THROTTLED = "throttled"
    NO_AUTHENTICATOR = "no_authenticator"


@dataclass(frozen=True, slots=True)
class ProvenCode:
    """A right code. Made here only.

    `steps` belong into the write that raises the session: they use the code up, which only one write can do.
    """

    account_id: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class RefusedCode:
    """Why not, and the seconds to wait of a throttled attempt."""

    outcome: Outcome
    retry_after: int = 0


async def prove_code(
    context: Context, account_id: str, code: str, browser_digest: bytes
) -> ProvenCode | RefusedCode:
    """Whether six digits are the code of this person's app now, and were not used before (RFC 6238 §5.2)."""
    held = await authenticators.find(context.db, account_id, browser_digest)
    if held is None or held.confirmed_at is None:
        return RefusedCode(Outcome.NO_AUTHENTICATOR)
    buckets = _path(held, browser_digest)
    wait = await take_all(context.db, buckets, context.now * 1000)
    if wait:
        return RefusedCode(Outcome.THROTTLED, -(-wait // 1000))
    step = matching_step(unseal_secret(context, account_id, held.secret_sealed), code, context.now)
    if step is None:
        return RefusedCode(Outcome.WRONG_CODE)
    if step <= held.last_step:
        return RefusedCode(Outcome.USED_CODE)
    return ProvenCode(
        account_id,
        (
            authenticators.use(account_id, held.secret_sealed, step),
            *refund(buckets),
            authenticators.know_browser(account_id, browser_digest, context.now),
        ),
    )


def _path(held: Authenticator, browser_digest: bytes) -> Sequence[Bucket]:
    account = held.account_id.encode()
    if held.browser_known:
        return (bucket("code-known", KNOWN_BROWSER, account, browser_digest),)
    return (bucket("code-strangers", STRANGERS, account),)
