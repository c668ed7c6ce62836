"""What the registers say holds at once: the next hop, refresh and UserInfo of somebody who died stop in that second."""

from __future__ import annotations

import pytest

from idp.accounts.locking import unlock_account
from tests.support.population import AN, HOA, HUY, LAN, TU, Citizen, change_citizen
from tests.support.provider import PASSWORD, Provider

STOPS = [
    ({"status": "deceased"}, "deceased"),
    ({"status": "missing"}, "missing"),
    ({"card_status": "locked"}, "card_locked"),
    ({"card_status": "none", "card_expires_on": None}, "no_card"),
    ({"card_expires_on": "2026-11-21"}, "card_expired"),
]


@pytest.mark.parametrize(("change", "reason"), STOPS)
async def test_a_change_stops_everything_within_the_same_second(
    settled_provider: Provider, change: dict[str, str], reason: str
) -> None:
    provider, browser, portal = (
        settled_provider,
        settled_provider.browser(),
        settled_provider.portal("dossiers"),
    )
    tokens = await provider.tokens("dossiers", HOA, browser)
    asked, unredeemed = await provider.enter("dossiers", HOA, browser)
    await change_citizen(provider.registers, HOA, **change)

    _, visit = await portal.send(browser)
    assert visit.told("stop-reason") == reason
    _, visit = await portal.send(browser, prompt="none")
    assert visit.error == "interaction_required"
    assert (await portal.userinfo(tokens.access_token)).status_code == 401
    assert (await portal.introspect(tokens.access_token)) == {"active": False}
    assert (await portal.introspect(tokens.refresh_token)) == {"active": False}
    assert (await portal.refresh(tokens.refresh_token)).json()["error"] == "invalid_grant"
    assert (await portal.redeem(asked, unredeemed.code)).json()["error"] == "invalid_grant"
    assert (await browser.open("/account")).told("stop-reason") == reason


@pytest.mark.parametrize(
    ("citizen", "reason"), [(TU, "deceased"), (LAN, "card_locked"), (HUY, "card_expired")]
)
async def test_who_cannot_log_in_reads_what_to_do_and_only_with_the_right_password(
    settled_provider: Provider, citizen: Citizen, reason: str
) -> None:
    provider = settled_provider
    _, login = await provider.portal("ministry").send(provider.browser())
    wrong = await provider.sign_in(login, citizen, "không phải mật khẩu này")
    assert (wrong.status, wrong.told("stop-reason")) == (401, "")
    stopped = await provider.sign_in(login, citizen)
    assert (stopped.status, stopped.told("stop-reason")) == (403, reason)
    assert (await stopped.submit(decision="cancel")).error == "access_denied"
    assert [event.outcome for event in await provider.events("login")] == ["wrong_password", reason]


async def test_a_stop_between_login_and_agreement_is_seen(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    _, login = await provider.portal("ministry").send(browser)
    notice = await provider.sign_in(login, HOA)
    await change_citizen(provider.registers, HOA, card_status="locked")
    assert (await notice.submit(decision="continue")).told("stop-reason") == "card_locked"


async def test_a_corrected_entry_opens_the_account_again_by_itself(settled_provider: Provider) -> None:
    provider = settled_provider
    await change_citizen(provider.registers, HOA, card_status="locked")
    _, login = await provider.portal("ministry").send(provider.browser())
    assert (await provider.sign_in(login, HOA)).told("stop-reason") == "card_locked"
    await change_citizen(provider.registers, HOA, card_status="valid")
    assert (await provider.sign_in(login, HOA)).offers(decision="continue")


async def test_a_new_name_is_told_at_the_next_question(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("ministry")
    tokens = await provider.tokens("ministry", HOA)
    await change_citizen(provider.registers, HOA, name="Nguyễn Thị Hòa Bình")
    told = (await portal.userinfo(tokens.access_token)).json()
    assert told["name"] == "Nguyễn Thị Hòa Bình"
    assert told["sub"] == tokens.sub, "who the person is does not change with it"


async def test_a_card_is_good_up_to_midnight_in_viet_nam(settled_provider: Provider) -> None:
    provider = settled_provider
    await change_citizen(provider.registers, AN, card_expires_on="2026-11-22")
    provider.clock.advance(17 * 3600 - 1)  # 23:59:59
    late = provider.browser()
    _, visit = await provider.portal("ministry").send(late)
    assert (await provider.settle(await provider.sign_in(visit, AN))).code
    provider.clock.advance(1)
    _, visit = await provider.portal("ministry").send(late)
    assert visit.told("stop-reason") == "card_expired"


async def test_staff_lock_ends_sessions_and_tokens_and_unlocking_does_not_revive_them(
    settled_provider: Provider,
) -> None:
    provider, browser, portal = (
        settled_provider,
        settled_provider.browser(),
        settled_provider.portal("dossiers"),
    )
    tokens = await provider.tokens("dossiers", HOA, browser)
    await provider.lock(HOA)
    assert (await portal.userinfo(tokens.access_token)).status_code == 401
    assert (await portal.refresh(tokens.refresh_token)).json()["error"] == "invalid_grant"
    _, login = await portal.send(browser)
    assert login.offers(personal_number=HOA.number, password=PASSWORD)
    assert (await provider.sign_in(login, HOA)).told("stop-reason") == "account_locked"

    assert await unlock_account(provider.context(), await provider.account(HOA), "officer-1")
    assert (await portal.userinfo(tokens.access_token)).status_code == 401
    _, visit = await portal.send(browser, prompt="none")
    assert visit.error == "login_required"
    assert (await provider.sign_in(login, HOA)).code
