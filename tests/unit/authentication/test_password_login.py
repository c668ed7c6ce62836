from __future__ import annotations

from dataclasses import replace

import pytest
from argon2 import PasswordHasher as Argon2

from idp.authentication.hashing import PasswordHasher
from idp.authentication.password_login import Attempt, Outcome, ProvenPerson, Refusal, prove_password
from idp.authentication.throttle import STRANGERS, GlobalThrottle
from idp.context import Context
from idp.store import accounts
from idp.store.accounts import find_for_login
from idp.store.database import Database
from idp.store.throttle import Limit
from tests.support.persons import BROWSER, NOW, NUMBER, OTHER_BROWSER, InventedPerson, later, register

PASSWORD = "bida hoa sen 77"
UNKNOWN_NUMBER = "001184000018"
ACCOUNT = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
async def account(context: Context, hasher: PasswordHasher) -> str:
    await context.db.write(
        accounts.add(ACCOUNT, "p-1", "02", NOW),
        accounts.set_password(ACCOUNT, await hasher.hash(PASSWORD), NOW),
    )
    return ACCOUNT


async def try_login(
    context: Context,
    hasher: PasswordHasher,
    number: str = NUMBER,
    *,
    password: str = PASSWORD,
    browser: bytes = BROWSER,
    throttle: GlobalThrottle | None = None,
) -> ProvenPerson | Refusal:
    attempt = Attempt(number, password, browser)
    return await prove_password(context, hasher, throttle or GlobalThrottle(), attempt)


async def refusal(
    context: Context,
    hasher: PasswordHasher,
    number: str = NUMBER,
    password: str = "wrong " + PASSWORD,
    browser: bytes = BROWSER,
) -> Refusal:
    answer = await try_login(context, hasher, number, password=password, browser=browser)
    assert isinstance(answer, Refusal)
    return answer


async def log_in(context: Context, hasher: PasswordHasher, browser: bytes = BROWSER) -> ProvenPerson:
    proven = await try_login(context, hasher, browser=browser)
    assert isinstance(proven, ProvenPerson)
    await context.db.write(*proven.steps)
    return proven


async def hammer(context: Context, hasher: PasswordHasher, number: str = NUMBER) -> Refusal:
    """Try wrong passwords as a stranger until one attempt is throttled."""
    for _ in range(STRANGERS.burst + 1):
        answer = await refusal(context, hasher, number, browser=OTHER_BROWSER)
        if answer.outcome is Outcome.THROTTLED:
            return answer
    raise AssertionError("never throttled")


async def test_the_right_password_proves_the_person(
    context: Context, hasher: PasswordHasher, account: str
) -> None:
    proven = await log_in(context, hasher)
    assert (proven.account_id, proven.ial, proven.amr) == (account, "02", ("pwd",))
    assert proven.person.record_id == "p-1"


async def test_an_earlier_number_leads_to_the_same_person(
    context: Context, hasher: PasswordHasher, registers: Database, account: str
) -> None:
    await register(registers, InventedPerson(number=UNKNOWN_NUMBER))
    proven = await try_login(context, hasher, UNKNOWN_NUMBER)
    assert isinstance(proven, ProvenPerson)
    assert proven.account_id == account


async def test_the_log_knows_why_and_a_stranger_does_not(
    context: Context, hasher: PasswordHasher, registers: Database, account: str
) -> None:
    await register(registers, InventedPerson(number="001184000021", record_id="p-2"))
    await register(registers, InventedPerson(number="001184000022", record_id="p-3"))
    await context.db.write(accounts.add("no-password", "p-3", "02", NOW))
    answers = [
        await refusal(context, hasher),
        await refusal(context, hasher, UNKNOWN_NUMBER),
        await refusal(context, hasher, "12"),
        await refusal(context, hasher, "001184000021"),
        await refusal(context, hasher, "001184000022"),
    ]
    assert [answer.outcome for answer in answers] == [
        Outcome.WRONG_PASSWORD,
        Outcome.UNKNOWN_NUMBER,
        Outcome.UNKNOWN_NUMBER,
        Outcome.NO_ACCOUNT,
        Outcome.NO_PASSWORD,
    ]
    assert {answer.told for answer in answers} == {Outcome.WRONG_PASSWORD}
    assert [answer.account_id for answer in answers] == [account, None, None, None, "no-password"]
    assert len({answer.number_digest for answer in answers}) == len(answers)


@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        ({"status": "deceased"}, Outcome.DECEASED),
        ({"status": "missing"}, Outcome.MISSING),
        ({"card_status": "locked"}, Outcome.CARD_LOCKED),
        ({"card_expires_on": "2026-11-21"}, Outcome.CARD_EXPIRED),
        ({"card_status": "none", "card_expires_on": None}, Outcome.NO_CARD),
    ],
)
async def test_only_the_right_password_tells_what_the_register_says(
    context: Context,
    hasher: PasswordHasher,
    account: str,
    record: dict[str, str | None],
    outcome: Outcome,
) -> None:
    await register(context.registers, replace(InventedPerson(), **record))  # type: ignore[arg-type]
    assert (await refusal(context, hasher)).told is Outcome.WRONG_PASSWORD
    answer = await refusal(context, hasher, password=PASSWORD)
    assert (answer.outcome, answer.told, answer.account_id) == (outcome, outcome, account)


async def test_only_the_right_password_tells_that_the_account_is_locked(
    context: Context, hasher: PasswordHasher, account: str
) -> None:
    await context.db.write(accounts.lock(account, "own_request", NOW))
    assert (await refusal(context, hasher)).told is Outcome.WRONG_PASSWORD
    assert (await refusal(context, hasher, password=PASSWORD)).told is Outcome.ACCOUNT_LOCKED


async def test_guessing_is_slowed_the_same_for_known_and_unknown_numbers(
    context: Context, hasher: PasswordHasher, account: str
) -> None:
    known = await hammer(context, hasher)
    unknown = await hammer(context, hasher, UNKNOWN_NUMBER)
    assert known.retry_after == unknown.retry_after == STRANGERS.interval_ms // 1000
    assert (
        await refusal(context, hasher, password=PASSWORD, browser=OTHER_BROWSER)
    ).outcome is Outcome.THROTTLED


async def test_who_waits_gets_in(context: Context, hasher: PasswordHasher, account: str) -> None:
    wait = (await hammer(context, hasher)).retry_after
    proven = await try_login(later(context, wait), hasher, browser=OTHER_BROWSER)
    assert isinstance(proven, ProvenPerson)


async def test_a_known_browser_gets_in_while_strangers_hammer_from_the_same_address(
    context: Context, hasher: PasswordHasher, account: str
) -> None:
    await log_in(context, hasher)
    await hammer(context, hasher)
    for _ in range(5):
        await log_in(context, hasher)


async def test_a_known_browser_is_slowed_too_and_harms_nobody_else(
    context: Context, hasher: PasswordHasher, account: str
) -> None:
    await log_in(context, hasher)
    outcomes = [(await refusal(context, hasher)).outcome for _ in range(11)]
    assert outcomes == [Outcome.WRONG_PASSWORD] * 10 + [Outcome.THROTTLED]
    await log_in(context, hasher, OTHER_BROWSER)


async def test_a_browser_known_to_one_person_is_a_stranger_to_the_next(
    context: Context, hasher: PasswordHasher, registers: Database, account: str
) -> None:
    await log_in(context, hasher)
    await register(registers, InventedPerson(number="001184000021", record_id="p-2"))
    await context.db.write(accounts.add("other", "p-2", "02", NOW))
    known = await find_for_login(context.db, "p-2", BROWSER)
    assert known is not None
    assert not known.browser_known


async def test_one_address_is_slowed_over_many_numbers(
    context: Context, hasher: PasswordHasher, account: str
) -> None:
    from idp.authentication import throttle  # noqa: PLC0415 - the policy, made small for this test

    original = throttle.ADDRESS
    throttle.ADDRESS = Limit(original.interval_ms, 3)  # type: ignore[misc]
    try:
        outcomes = [(await refusal(context, hasher, f"00118400003{n}")).outcome for n in range(4)]
        elsewhere = await refusal(later(context, 0, address="203.0.113.8"), hasher, "001184000039")
    finally:
        throttle.ADDRESS = original  # type: ignore[misc]
    assert outcomes == [Outcome.UNKNOWN_NUMBER] * 3 + [Outcome.THROTTLED]
    assert elsewhere.outcome is Outcome.UNKNOWN_NUMBER


async def test_all_strangers_together_are_bounded_and_known_browsers_are_not(
    context: Context, hasher: PasswordHasher, account: str
) -> None:
    await log_in(context, hasher)
    full = GlobalThrottle(Limit(60_000, 1))
    assert isinstance(
        await try_login(context, hasher, password="wrong one 1", browser=OTHER_BROWSER, throttle=full),
        Refusal,
    )
    answer = await try_login(context, hasher, browser=OTHER_BROWSER, throttle=full)
    assert isinstance(answer, Refusal)
    assert (answer.outcome, answer.retry_after) == (Outcome.THROTTLED, 60)
    assert isinstance(await try_login(context, hasher, throttle=full), ProvenPerson)


async def test_success_takes_nothing(context: Context, hasher: PasswordHasher, account: str) -> None:
    one = GlobalThrottle(Limit(60_000, 1))
    for number in range(STRANGERS.burst + 2):
        proven = await try_login(context, hasher, browser=bytes([number]) * 32, throttle=one)
        assert isinstance(proven, ProvenPerson)
        await context.db.write(*proven.steps)


async def test_a_hash_of_an_older_policy_is_renewed_at_login(
    context: Context, hasher: PasswordHasher, account: str
) -> None:
    older = Argon2(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    await context.db.write(accounts.set_password(account, older, NOW))
    await log_in(context, hasher)
    renewed = await find_for_login(context.db, "p-1", BROWSER)
    assert renewed is not None
    assert renewed.verifier is not None
    assert not hasher.needs_rehash(renewed.verifier)
    await log_in(context, hasher)


def test_what_a_person_typed_shows_in_no_representation() -> None:
    assert PASSWORD not in repr(Attempt(NUMBER, PASSWORD, BROWSER))
    assert NUMBER not in repr(Attempt(NUMBER, PASSWORD, BROWSER))
