"""RFC 9396 §7, §12: a mandate ends on its day, with the office, with the company, and when it is taken back."""

from __future__ import annotations

import pytest
from sqlalchemy import bindparam, update

from idp.store.database import step
from idp.store.schema import accounts
from tests.support.delegation import change, read
from tests.support.mandates import GRANTED, admit_agents, ask, given, mandate, meet
from tests.support.on_sqlite import on_sqlite
from tests.support.population import HOA_BINH, KHANG, change_company, change_office, end_office
from tests.support.portals import Tokens
from tests.support.provider import Provider

pytestmark = on_sqlite


@pytest.fixture
async def own(one: Provider) -> Provider:
    """A provider whose clock and registers may be moved."""
    return await admit_agents(one)


async def _ended(provider: Provider, tokens: Tokens) -> None:
    portal = provider.portal("agent")
    for token in (tokens.access_token, tokens.refresh_token):
        assert await portal.introspect(token) == {"active": False}
    assert (await portal.refresh(tokens.refresh_token)).json()["error"] == "invalid_grant"
    assert (await portal.userinfo(tokens.access_token)).status_code == 401


async def test_its_tokens_end_with_its_last_day(own: Provider) -> None:
    own.clock.advance(16.5 * 3600)  # half past eleven in the evening
    tokens = await given(own, mandate(until="2026-11-22"))
    own.clock.advance(28 * 60)
    late = await own.portal("agent").refresh(tokens.refresh_token)
    assert late.json()["expires_in"] == 120
    assert read(late.json()["access_token"])["exp"] == own.clock() + 120
    own.clock.advance(121)
    await _ended(own, await own.portal("agent").read(late))


async def test_the_others_go_on_when_one_is_over(own: Provider) -> None:
    own.clock.advance(16.75 * 3600)
    tokens = await given(own, mandate(until="2026-11-22"), mandate(actions=["file"]))
    assert len(tokens.body["authorization_details"]) == 2
    own.clock.advance(20 * 60)
    fresh = await own.portal("agent").refresh(tokens.refresh_token)
    assert [one["actions"] for one in fresh.json()["authorization_details"]] == [["file"]]
    assert fresh.json()["expires_in"] == 300


async def test_a_power_that_only_what_is_over_needed_may_go(own: Provider) -> None:
    own.clock.advance(16.75 * 3600)
    tokens = await given(own, mandate(actions=["sign"], until="2026-11-22"), mandate(actions=["file"]))
    own.clock.advance(20 * 60)
    await change_office(own.registers, KHANG, HOA_BINH, powers="file")
    fresh = await own.portal("agent").refresh(tokens.refresh_token)
    assert [one["actions"] for one in fresh.json()["authorization_details"]] == [["file"]]


async def test_a_code_of_yesterday_gives_nothing(own: Provider) -> None:
    own.clock.advance(17 * 3600 - 20)
    sent, visit = await ask(own, own.browser(), mandate(until="2026-11-22"))
    visit = await own.settle(await meet(visit))
    own.clock.advance(30)
    assert (await own.portal("agent").redeem(sent, visit.code)).json()["error"] == "invalid_grant"


async def test_a_page_of_yesterday_cannot_be_answered(own: Provider) -> None:
    own.clock.advance(17 * 3600 - 20)
    _, visit = await ask(own, own.browser(), mandate(until="2026-11-22"))
    visit = await meet(visit)
    own.clock.advance(30)
    visit = await visit.submit(decision="continue", detail="1")
    assert visit.error == "invalid_authorization_details"


@pytest.mark.parametrize(
    "said",
    [{"until": "2026-11-21"}, {"powers": "file"}, {"since": "2026-11-23"}],
    ids=lambda said: next(iter(said)),
)
async def test_it_ends_when_the_register_says_otherwise(own: Provider, said: dict[str, str]) -> None:
    tokens = await given(own)
    await change_office(own.registers, KHANG, HOA_BINH, **said)
    await _ended(own, tokens)
    _, visit = await ask(own, own.browser())
    assert (await meet(visit)).told("stop-reason") == "mandate_lacking"


async def test_it_ends_with_the_company(own: Provider) -> None:
    tokens = await given(own)
    await change_company(own.registers, HOA_BINH, status="dissolved")
    await _ended(own, tokens)


async def test_no_mandate_outlasts_the_office(own: Provider) -> None:
    await end_office(own.registers, KHANG, HOA_BINH, "2026-11-30")
    sent, visit = await ask(own, own.browser())
    visit = await meet(visit)
    assert "30/11/2026" in visit.text
    tokens = await own.portal("agent").tokens(sent, await own.settle(visit))
    assert tokens.body["authorization_details"][0]["until"] == "2026-11-30"


async def test_a_joint_office_is_told(own: Provider) -> None:
    await change_office(own.registers, KHANG, HOA_BINH, joint=1)
    sent, visit = await ask(own, own.browser())
    visit = await meet(visit)
    assert "chỉ cùng với người đại diện theo pháp luật khác" in visit.text
    tokens = await own.portal("agent").tokens(sent, await own.settle(visit))
    assert tokens.body["authorization_details"] == [GRANTED | {"joint": True}]


async def test_a_client_that_may_ask_no_more_is_given_no_more(own: Provider) -> None:
    tokens = await given(own)
    await change(own, "agent", authorization_details_types=[])
    portal = own.portal("agent", app=await own.another_worker())
    fresh = await portal.refresh(tokens.refresh_token)
    assert "authorization_details" not in {*fresh.json(), *read(fresh.json()["access_token"])}


async def test_an_account_of_level_one_gives_none(own: Provider) -> None:
    lowered = update(accounts).where(accounts.c.register_record_id == bindparam("person")).values(ial="01")
    await own.db.write(step(lowered, person=KHANG.record_id))
    _, visit = await ask(own, own.browser())
    visit = await meet(visit)
    assert visit.told("stop-reason") == "account_level_low"
    assert (await visit.submit(decision="cancel")).error == "access_denied"


@pytest.mark.parametrize("client_id", ["agent", "bookkeeper"])
async def test_a_mandate_that_is_taken_back_ends(own: Provider, client_id: str) -> None:
    """Also where the law is the ground of the information: that cannot be withdrawn, and is shown again."""
    browser = own.browser()
    tokens = await given(own, client_id=client_id, browser=browser)
    await (await browser.open("/account")).submit(consent=client_id)
    assert await own.portal(client_id).introspect(tokens.access_token) == {"active": False}
    _, visit = await ask(own, browser, client_id=client_id)
    assert visit.offers(detail="1")
    page = await browser.open("/account")
    assert not page.offers(consent=client_id)


async def test_what_rests_on_law_alone_is_not_withdrawn(own: Provider) -> None:
    browser = own.browser()
    await given(own, browser=browser)
    await own.enter("ministry", KHANG, browser)
    form = next(
        form for form in (await browser.open("/account")).forms if ("consent", "agent") in form.choices
    )
    await browser.post(form.action, [*form.values, ("consent", "ministry")])
    assert (await own.events("consent.withdrawn")) == []
