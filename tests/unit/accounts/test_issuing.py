from __future__ import annotations

import asyncio
from dataclasses import replace

import orjson
import pytest

from idp.accounts.activation import ProvenCode, Refused, check_code
from idp.accounts.issuing import CannotIssue, Hindrance, issue_activation_code
from idp.accounts.locking import LockReason, lock_account
from idp.context import Context
from idp.store import accounts, audit
from idp.store.database import Database
from tests.support.persons import NOW, NUMBER, InventedPerson, register

OFFICER = "CA-0421"


async def test_the_first_code_opens_an_account_of_level_02(context: Context) -> None:
    issued = await issue_activation_code(context, NUMBER, OFFICER)
    account = await accounts.find(context.db, "p-1")
    assert account is not None
    assert (account.account_id, account.ial, account.activated_at) == (issued.account_id, "02", None)
    assert issued.expires_at == NOW + 14 * 86400
    (event,) = await audit.history(context.db, issued.account_id)
    assert (event["kind"], event["outcome"]) == ("activation.issued", "ok")
    assert orjson.loads(event["details"])["officer"] == OFFICER


async def test_nothing_kept_holds_the_code_or_the_number(context: Context) -> None:
    issued = await issue_activation_code(context, NUMBER, OFFICER)
    (event,) = await audit.history(context.db, issued.account_id)
    assert issued.code not in event["details"]
    assert NUMBER not in event["details"]
    assert issued.code not in repr(issued)


async def test_a_new_code_takes_the_place_of_the_older(context: Context) -> None:
    older = await issue_activation_code(context, NUMBER, OFFICER)
    newer = await issue_activation_code(context, NUMBER, OFFICER)
    assert newer.account_id == older.account_id
    assert await check_code(context, NUMBER, older.code) is Refused.SUPERSEDED
    assert isinstance(await check_code(context, NUMBER, newer.code), ProvenCode)


@pytest.mark.parametrize(
    ("record", "hindrance"),
    [
        ({"status": "deceased"}, Hindrance.DECEASED),
        ({"status": "missing"}, Hindrance.MISSING),
        ({"card_status": "locked"}, Hindrance.CARD_LOCKED),
        ({"card_expires_on": "2026-11-21"}, Hindrance.CARD_EXPIRED),
        ({"card_status": "none", "card_expires_on": None}, Hindrance.NO_CARD),
        ({"birth_date": "2020-11-23"}, Hindrance.UNDER_AGE),
        ({"birth_date": "2020-11-22"}, Hindrance.GUARDIAN_NEEDED),
        ({"birth_date": "2012-11-23"}, Hindrance.GUARDIAN_NEEDED),
        ({"birth_date": "2012"}, Hindrance.GUARDIAN_NEEDED),  # not certainly 14
        ({"birth_date": "2012-11-22"}, None),
        ({"card_expires_on": "2026-11-22"}, None),  # good on its last day
        ({"card_expires_on": None}, None),
        ({"subject_type": "foreigner"}, None),
    ],
)
async def test_who_can_hold_an_account(
    context: Context, registers: Database, record: dict[str, str | None], hindrance: Hindrance | None
) -> None:
    await register(registers, replace(InventedPerson(), **record))  # type: ignore[arg-type]
    if hindrance is None:
        await issue_activation_code(context, NUMBER, OFFICER)
        return
    with pytest.raises(CannotIssue) as refused:
        await issue_activation_code(context, NUMBER, OFFICER)
    assert refused.value.hindrance is hindrance
    assert await accounts.find(context.db, "p-1") is None


async def test_a_child_comes_with_a_guardian(context: Context, registers: Database) -> None:
    await register(registers, InventedPerson(birth_date="2015-05-05"))
    assert (await issue_activation_code(context, NUMBER, OFFICER, with_guardian=True)).account_id
    await register(registers, InventedPerson(birth_date="2022-05-05"))
    with pytest.raises(CannotIssue) as refused:
        await issue_activation_code(context, NUMBER, OFFICER, with_guardian=True)
    assert refused.value.hindrance is Hindrance.UNDER_AGE


@pytest.mark.parametrize("number", ["001184000018", "12", ""])
async def test_an_unknown_number_is_told_to_the_officer(context: Context, number: str) -> None:
    with pytest.raises(CannotIssue) as refused:
        await issue_activation_code(context, number, OFFICER)
    assert refused.value.hindrance is Hindrance.UNKNOWN_NUMBER


async def test_a_locked_account_gets_no_code(context: Context) -> None:
    await issue_activation_code(context, NUMBER, OFFICER)
    account = await accounts.find(context.db, "p-1")
    assert account is not None
    await lock_account(context, account, LockReason.SUSPECTED_FRAUD, OFFICER)
    with pytest.raises(CannotIssue) as refused:
        await issue_activation_code(context, NUMBER, OFFICER)
    assert refused.value.hindrance is Hindrance.ACCOUNT_LOCKED
    newest = (await audit.history(context.db, account.account_id))[0]
    assert newest["kind"] in {"activation.issued", "account.locked"}


async def test_many_officers_at_once_open_one_account_and_leave_one_live_code(context: Context) -> None:
    issued = await asyncio.gather(*(issue_activation_code(context, NUMBER, OFFICER) for _ in range(16)))
    assert len({one.account_id for one in issued}) == 1
    checked = [await check_code(context, NUMBER, one.code) for one in issued]
    assert sum(isinstance(one, ProvenCode) for one in checked) == 1
