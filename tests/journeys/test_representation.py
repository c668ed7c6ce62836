"""A person who legally represents a company chooses for whom to act, and the tokens say both."""

from __future__ import annotations

import orjson

from tests.support.browsing import Visit
from tests.support.population import HOA, HOA_BINH, KHANG, MAI, SAO_MAI, SONG_HONG, change_company, end_office
from tests.support.portals import Tokens
from tests.support.provider import NOW, Provider

ONLY_FOR_ORGANISATIONS = orjson.dumps({"userinfo": {"vn_organisation": {"essential": True}}}).decode()


async def _choose(provider: Provider, visit: Visit, choice: str) -> Visit:
    return await provider.settle(await visit.submit(acting_for=choice))


async def _enter_for(provider: Provider, choice: str) -> Tokens:
    asked, visit = await provider.portal("enterprise").send(provider.browser())
    visit = await _choose(provider, await provider.sign_in(visit, KHANG), choice)
    return await provider.portal("enterprise").tokens(asked, visit)


async def test_the_tokens_say_who_acts_and_for_which_organisation(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("enterprise")
    asked, visit = await portal.send(provider.browser())
    visit = await provider.sign_in(visit, KHANG)
    assert HOA_BINH.legal_name in visit.text
    assert visit.offers(acting_for="self")
    assert visit.offers(acting_for=SONG_HONG.record_id)
    assert not visit.offers(acting_for=SAO_MAI.record_id), "a dissolved company cannot be acted for"

    visit = await visit.submit(acting_for=HOA_BINH.record_id)
    assert HOA_BINH.legal_name in visit.text, "the notice says it once more"
    tokens = await portal.tokens(asked, await provider.settle(visit))
    assert tokens.claims["vn_organisation"]["legal_name"] == HOA_BINH.legal_name
    assert HOA_BINH.code in orjson.dumps(tokens.claims["vn_organisation"]).decode()
    access = await portal.verify(tokens.access_token, audience=provider.settings.issuer)
    assert HOA_BINH.code in orjson.dumps(access["vn_organisation"]).decode()

    response = await portal.userinfo(tokens.access_token)
    assert response.headers["content-type"] == "application/jwt"
    told = await portal.verify(response.text)
    assert told["name"] == KHANG.name
    assert told["vn_organisation"]["legal_name"] == HOA_BINH.legal_name
    assert told["vn_mandate"]


async def test_who_acts_for_themselves_brings_no_organisation(settled_provider: Provider) -> None:
    tokens = await _enter_for(settled_provider, "self")
    assert "vn_organisation" not in tokens.claims
    assert "vn_mandate" not in tokens.claims


async def test_who_represents_nobody_is_not_asked(settled_provider: Provider) -> None:
    provider = settled_provider
    _, visit = await provider.portal("enterprise").send(provider.browser())
    visit = await provider.sign_in(visit, HOA)
    assert visit.offers(decision="continue"), "the notice follows the login at once"


async def test_the_choice_holds_for_the_session_and_can_be_made_anew(settled_provider: Provider) -> None:
    provider, browser, portal = (
        settled_provider,
        settled_provider.browser(),
        settled_provider.portal("enterprise"),
    )
    _, visit = await portal.send(browser)
    await _choose(provider, await provider.sign_in(visit, KHANG), HOA_BINH.record_id)

    asked, visit = await portal.send(browser)
    assert visit.hops == 0
    assert (await portal.tokens(asked, visit)).claims["vn_organisation"]["legal_name"] == HOA_BINH.legal_name

    asked, visit = await portal.send(browser, prompt="select_account")
    visit = await _choose(provider, await provider.sign_in(visit, KHANG), SONG_HONG.record_id)
    assert (await portal.tokens(asked, visit)).claims["vn_organisation"]["legal_name"] == SONG_HONG.legal_name


async def test_a_choice_that_is_missing_or_not_offered_is_asked_again(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    _, visit = await provider.portal("enterprise").send(browser)
    visit = await provider.sign_in(visit, KHANG)
    form = next(form for form in visit.forms if form.action.endswith("/representation"))
    for choice in ([], [("acting_for", SAO_MAI.record_id)], [("acting_for", "o-of-somebody-else")]):
        refused = await browser.post(form.action, [*form.values, *choice])
        assert refused.status == 400
        assert refused.offers(acting_for=HOA_BINH.record_id)


async def test_where_an_organisation_is_required_nobody_enters_for_themselves(
    settled_provider: Provider,
) -> None:
    provider, portal = settled_provider, settled_provider.portal("enterprise")
    _, visit = await portal.send(provider.browser(), claims=ONLY_FOR_ORGANISATIONS)
    assert not (await provider.sign_in(visit, KHANG)).offers(acting_for="self")
    _, visit = await portal.send(provider.browser(), claims=ONLY_FOR_ORGANISATIONS)
    assert (await provider.sign_in(visit, HOA)).error == "access_denied"


async def test_a_portal_that_asks_for_no_organisation_learns_of_none(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    _, visit = await provider.portal("enterprise").send(browser)
    await _choose(provider, await provider.sign_in(visit, KHANG), HOA_BINH.record_id)
    tokens = await provider.tokens("ministry", KHANG, browser)
    told = (await provider.portal("ministry").userinfo(tokens.access_token)).json()
    assert not {"vn_organisation", "vn_mandate"} & {*tokens.claims, *told}


async def test_silence_is_impossible_while_the_choice_is_open(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    await provider.enter("ministry", KHANG, browser)
    _, visit = await provider.portal("enterprise").send(browser, prompt="none")
    assert visit.error == "interaction_required"


async def test_a_dissolved_company_ends_what_was_done_for_it(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("dossiers")
    browser = provider.browser()
    asked, visit = await portal.send(browser)
    visit = await _choose(provider, await provider.sign_in(visit, KHANG), HOA_BINH.record_id)
    tokens = await portal.tokens(asked, visit)
    assert (await portal.userinfo(tokens.access_token)).status_code == 200

    await change_company(provider.registers, HOA_BINH, status="dissolved")
    assert (await portal.userinfo(tokens.access_token)).status_code == 401
    assert (await portal.introspect(tokens.access_token)) == {"active": False}
    assert (await portal.refresh(tokens.refresh_token)).json()["error"] == "invalid_grant"
    _, visit = await portal.send(browser)
    assert visit.offers(acting_for=SONG_HONG.record_id), "the person chooses among what is left"
    assert not visit.offers(acting_for=HOA_BINH.record_id)


async def test_the_representative_of_a_dissolved_company_reads_what_to_do(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("enterprise")
    await change_company(provider.registers, HOA_BINH, status="dissolved")
    _, visit = await portal.send(provider.browser(), claims=ONLY_FOR_ORGANISATIONS)
    visit = await provider.sign_in(visit, MAI)
    assert visit.told("stop-reason") == "organisation_dissolved"
    assert HOA_BINH.legal_name in visit.text
    assert (await visit.submit(decision="cancel")).error == "access_denied"


async def test_a_representative_who_left_office_acts_no_more(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("enterprise")
    tokens = await _enter_for(provider, HOA_BINH.record_id)
    await end_office(provider.registers, KHANG, HOA_BINH, "2026-11-21")
    assert (await portal.userinfo(tokens.access_token)).status_code == 401
    assert int(provider.clock()) == NOW, "within the same second"


async def test_who_acts_for_a_company_cannot_hide_which_one(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("library")
    asked, visit = await portal.send(provider.browser(), scope="openid profile org")
    visit = await (await provider.sign_in(visit, KHANG)).submit(acting_for=HOA_BINH.record_id)
    refused = await visit.submit(decision="allow", claim=["name"])
    assert refused.status == 400, "every token names the company, so it is asked for as required"
    visit = await refused.submit(decision="allow", claim=["name", "vn_organisation"])
    tokens = await portal.tokens(asked, visit)
    access = await portal.verify(tokens.access_token, audience=provider.settings.issuer)
    assert HOA_BINH.code in orjson.dumps(access["vn_organisation"]).decode()


async def test_who_acts_for_themselves_is_not_asked_about_a_company(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("library")
    _, visit = await portal.send(provider.browser(), scope="openid profile org")
    visit = await (await provider.sign_in(visit, KHANG)).submit(acting_for="self")
    assert visit.offers(decision="allow", claim="name")
    assert not visit.offers(decision="allow", claim="vn_organisation")
