from __future__ import annotations

import asyncio

import orjson
import pytest
from sqlalchemy import func, select

from idp.accounts.activation import TOLD, ProvenCode, Refused, check_code, redeem
from idp.accounts.issuing import issue_activation_code
from idp.accounts.locking import LockReason, lock_account
from idp.accounts.throttle import NUMBER as NUMBER_LIMIT
from idp.context import Context
from idp.store import accounts, audit, sessions
from idp.store.database import Database
from idp.store.schema import audit_events, credentials
from tests.support.persons import (
    BROWSER,
    NOW,
    NUMBER,
    OTHER_BROWSER,
    InventedPerson,
    later,
    open_session,
    register,
)

OFFICER = "CA-0421"
WRONG = "00000-00000"
VERIFIER = "$argon2id$v=19$m=19456,t=2,p=1$first"
RENEWED = "$argon2id$v=19$m=19456,t=2,p=1$second"


async def issue(context: Context) -> str:
    return (await issue_activation_code(context, NUMBER, OFFICER)).code


async def prove(context: Context, code: str) -> ProvenCode:
    proven = await check_code(context, NUMBER, code)
    assert isinstance(proven, ProvenCode)
    return proven


async def activated(context: Context) -> str:
    proven = await prove(context, await issue(context))
    assert await redeem(context, proven, VERIFIER, BROWSER)
    return proven.account_id


async def test_looking_at_a_code_burns_nothing(context: Context) -> None:
    code = await issue(context)
    first, again = await prove(context, code), await prove(context, code.lower())
    assert first == again
    assert first.first
    assert first.person.record_id == "p-1"


async def test_redeeming_sets_the_password_and_activates_the_account(context: Context) -> None:
    account_id = await activated(context)
    account = await accounts.find(context.db, "p-1")
    assert account is not None
    assert (account.account_id, account.activated_at) == (account_id, NOW)
    kept = await accounts.find_for_login(context.db, "p-1", BROWSER)
    assert kept is not None
    assert (kept.verifier, kept.browser_known) == (VERIFIER, True)


async def test_strangers_see_one_answer_and_the_log_sees_why(context: Context, registers: Database) -> None:
    await register(registers, InventedPerson(number="001184000021", record_id="p-2"))
    superseded = await issue(context)
    expired = await issue(context)
    answers = [
        await check_code(context, "001184000018", WRONG),
        await check_code(context, "001184000021", WRONG),
        await check_code(context, NUMBER, WRONG),
        await check_code(context, NUMBER, "no code at all"),
        await check_code(context, NUMBER, superseded),
        await check_code(later(context, 14 * 86400), NUMBER, expired),
    ]
    await redeem(context, await prove(context, expired), VERIFIER, BROWSER)
    answers.append(await check_code(context, NUMBER, expired))
    assert answers == [
        Refused.UNKNOWN_NUMBER,
        Refused.NO_ACCOUNT,
        Refused.WRONG_CODE,
        Refused.WRONG_CODE,
        Refused.SUPERSEDED,
        Refused.EXPIRED,
        Refused.USED,
    ]
    assert TOLD.isdisjoint(answers)
    logged = await context.db.fetch_all(
        select(audit_events.c.outcome, audit_events.c.details).where(audit_events.c.kind == "activation")
    )
    assert sorted(row["outcome"] for row in logged) == sorted([*(answer.value for answer in answers), "ok"])  # type: ignore[union-attr]
    assert not any(NUMBER in row["details"] or "001184" in row["details"] for row in logged)


async def test_a_code_of_somebody_else_is_a_wrong_code(context: Context, registers: Database) -> None:
    await register(registers, InventedPerson(number="001184000021", record_id="p-2"))
    other = (await issue_activation_code(context, "001184000021", OFFICER)).code
    await issue(context)
    assert await check_code(context, NUMBER, other) is Refused.WRONG_CODE


async def test_a_code_works_until_its_last_second(context: Context) -> None:
    code = await issue(context)
    await prove(later(context, 14 * 86400 - 1), code)


async def test_an_expired_code_cannot_be_redeemed_although_it_was_looked_at_in_time(context: Context) -> None:
    proven = await prove(context, await issue(context))
    assert not await redeem(later(context, 14 * 86400), proven, VERIFIER, BROWSER)
    assert (await audit.history(context.db, proven.account_id))[0]["outcome"] == "expired"
    kept = await accounts.find_for_login(context.db, "p-1", BROWSER)
    assert kept is not None
    assert kept.verifier is None


async def test_too_many_tries_are_noted_and_lock_nobody_out(context: Context) -> None:
    code = await issue(context)
    answers = [await check_code(context, NUMBER, WRONG) for _ in range(NUMBER_LIMIT.burst + 3)]
    assert answers == [Refused.WRONG_CODE] * NUMBER_LIMIT.burst + [Refused.THROTTLED] * 3
    assert Refused.THROTTLED not in TOLD
    proven = await prove(context, code)
    assert await redeem(context, proven, VERIFIER, BROWSER)


async def test_unknown_numbers_are_throttled_alike(context: Context) -> None:
    answers = [await check_code(context, "001184000018", WRONG) for _ in range(NUMBER_LIMIT.burst + 1)]
    assert answers[-2:] == [Refused.UNKNOWN_NUMBER, Refused.THROTTLED]


async def test_of_32_redemptions_at_once_exactly_one_succeeds(context: Context) -> None:
    proven = await prove(context, await issue(context))
    verifiers = [f"{VERIFIER}-{number}" for number in range(32)]
    won = await asyncio.gather(*(redeem(context, proven, verifier, BROWSER) for verifier in verifiers))
    assert won.count(True) == 1
    rows = await context.db.fetch_all(select(credentials.c.verifier))
    assert [row["verifier"] for row in rows] == [verifiers[won.index(True)]]
    counted = await context.db.fetch_all(
        select(audit_events.c.outcome, func.count().label("times"))
        .where(audit_events.c.kind == "activation")
        .group_by(audit_events.c.outcome)
    )
    assert {row["outcome"]: row["times"] for row in counted} == {"ok": 1, "used": 31}


async def test_redeeming_and_issuing_at_once_do_not_stand_in_each_others_way(context: Context) -> None:
    for round_ in range(5):
        proven = await prove(context, await issue(context))
        await asyncio.gather(
            *(redeem(context, proven, f"{VERIFIER}-{round_}", BROWSER) for _ in range(4)),
            *(issue_activation_code(context, NUMBER, OFFICER) for _ in range(4)),
        )


async def test_a_new_code_replaces_a_forgotten_password_and_ends_what_went_on_under_it(
    context: Context,
) -> None:
    account_id = await activated(context)
    await context.db.write(open_session("one", account_id))
    renewed = await prove(later(context, 60), await issue(context))
    assert not renewed.first
    assert await redeem(later(context, 60), renewed, RENEWED, OTHER_BROWSER)
    kept = await accounts.find_for_login(context.db, "p-1", BROWSER)
    here = await accounts.find_for_login(context.db, "p-1", OTHER_BROWSER)
    assert kept is not None
    assert here is not None
    assert (kept.verifier, kept.browser_known, here.browser_known) == (RENEWED, False, True)
    assert await sessions.live(context.db, account_id, NOW) == []
    account = await accounts.find(context.db, "p-1")
    assert account is not None
    assert account.activated_at == NOW


async def test_the_right_code_tells_what_hinders(context: Context, registers: Database) -> None:
    code = await issue(context)
    await register(registers, InventedPerson(card_expires_on="2026-11-21"))
    assert await check_code(context, NUMBER, WRONG) is Refused.WRONG_CODE
    assert await check_code(context, NUMBER, code) is Refused.CARD_EXPIRED
    assert Refused.CARD_EXPIRED in TOLD


async def test_a_locked_account_is_not_activated(context: Context) -> None:
    proven = await prove(context, await issue(context))
    account = await accounts.find(context.db, "p-1")
    assert account is not None
    assert await lock_account(context, account, LockReason.OWN_REQUEST, OFFICER)
    assert not await redeem(context, proven, VERIFIER, BROWSER)
    outcomes = [row["outcome"] for row in await audit.history(context.db, proven.account_id)]
    assert outcomes.count("account_locked") == 1


@pytest.mark.parametrize("reason", list(LockReason))
async def test_a_lock_ends_everything_and_is_told(context: Context, reason: LockReason) -> None:
    from idp.accounts.locking import unlock_account  # noqa: PLC0415 - beside its opposite

    account_id = await activated(context)
    await context.db.write(open_session("one", account_id))
    account = await accounts.find(context.db, "p-1")
    assert account is not None
    assert await lock_account(context, account, reason, OFFICER)
    assert not await lock_account(context, account, reason, OFFICER)
    assert await sessions.live(context.db, account_id, NOW) == []
    locked = await accounts.find(context.db, "p-1")
    assert locked is not None
    assert (locked.locked_at, locked.lock_reason) == (NOW, reason.value)
    assert await unlock_account(context, locked, OFFICER)
    assert not await unlock_account(context, locked, OFFICER)
    events = {
        row["kind"]: orjson.loads(row["details"]) for row in await audit.history(context.db, account_id)
    }
    assert (
        events["account.locked"] == events["account.unlocked"] == {"reason": reason.value, "officer": OFFICER}
    )
