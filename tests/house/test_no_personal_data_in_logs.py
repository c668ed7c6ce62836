"""A whole life of an account leaves no number, name or secret in the access log, our own log or the audit events."""

from __future__ import annotations

import logging

import orjson
import pytest
from sqlalchemy import select

from idp.store.schema import audit_events
from tests.support.personal_data import PersonalDataAlarm
from tests.support.population import HOA, HOA_BINH, KHANG, NOBODYS_NUMBER, change_citizen
from tests.support.provider import PASSWORD, Provider

CHOSEN = "mười hai con giáp chạy đua"
WRONG = "đoán bừa một lần nữa"


async def _live_a_life(provider: Provider) -> list[str]:
    """Every kind of request, good and bad; the secrets that came up."""
    browser = provider.browser()
    code = await provider.activation_code(HOA)
    page = visit = await browser.open("/activate")
    for number, typed in ((NOBODYS_NUMBER, code), (HOA.number, "AAAAA-AAAAA"), (HOA.number, code)):
        visit = await page.submit(personal_number=number, code=typed)
    await visit.submit(password=HOA.number, password_again=HOA.number)
    await visit.submit(password=CHOSEN, password_again=CHOSEN)

    portal = provider.portal("dossiers")
    asked, visit = await portal.send(browser, login_hint=HOA.number, state=HOA.number)
    for number, typed in ((NOBODYS_NUMBER, WRONG), (HOA.name, WRONG), (HOA.number, WRONG)):
        visit = await visit.submit(personal_number=number, password=typed)
    visit = await provider.settle(await visit.submit(personal_number=HOA.number, password=CHOSEN))
    tokens = await portal.tokens(asked, visit)
    await portal.redeem(asked, visit.code)

    await provider.open_account(KHANG)
    asked, visit = await portal.send(provider.browser())
    visit = await provider.sign_in(visit, KHANG)
    visit = await provider.settle(await visit.submit(acting_for=HOA_BINH.record_id))
    tokens = await portal.tokens(asked, visit)
    await portal.userinfo(tokens.access_token)
    await portal.introspect(tokens.access_token)
    refreshed = (await portal.refresh(tokens.refresh_token)).json()
    await portal.revoke(refreshed["refresh_token"])
    await browser.open(f"/account?before={HOA.number}")
    await browser.open(f"/{HOA.number}/{HOA.name}")
    await browser.open(f"/authorize?client_id={HOA.number}&redirect_uri=https://{HOA.number}.example/")
    await browser.open(f"/logout?id_token_hint={HOA.number}&state={HOA.number}")
    await change_citizen(provider.registers, HOA, status="deceased")
    await browser.open("/account")
    secrets = [code, CHOSEN, WRONG, PASSWORD, visit.code, asked.verifier, tokens.access_token]
    return [*secrets, tokens.refresh_token, tokens.id_token, *browser.cookies.values()]


async def test_no_log_and_no_audit_event_names_a_person_or_holds_a_secret(
    provider: Provider, personal_data: PersonalDataAlarm, caplog: pytest.LogCaptureFixture
) -> None:
    watched = [HOA.name, KHANG.name, HOA.birth_date, "Số 5 ngõ 12", HOA_BINH.legal_name, HOA_BINH.code]
    personal_data.watch(*watched)
    caplog.set_level(logging.DEBUG, logger="motcua")
    personal_data.watch(*await _live_a_life(provider))

    access_log = orjson.dumps(provider.log.kept).decode()
    assert len(provider.log.kept) > 30
    assert personal_data.found_in(access_log) == []
    rows = await provider.db.fetch_all(select(audit_events))
    columns = [column.name for column in audit_events.columns]
    events = "\n".join(str([row[column] for column in columns]) for row in rows)
    assert len(rows) > 15
    assert personal_data.found_in(events) == []
    assert personal_data.found_in(caplog.text) == []
