"""Who receives what: notices are shown once, agreements are asked for claim by claim, remembered, and taken back."""

from __future__ import annotations

import orjson

from tests.support.browsing import Browser, Visit
from tests.support.population import HEN, HOA, SUONG
from tests.support.provider import Provider

NAME_NEEDED = orjson.dumps({"userinfo": {"name": {"essential": True}, "birthdate": None}}).decode()


async def _asked(
    provider: Provider, browser: Browser, scope: str = "openid profile", **more: str
) -> tuple[object, Visit]:
    asked, visit = await provider.portal("province").send(browser, scope=scope, **more)
    return asked, await provider.sign_in(visit, HOA)


async def _claims(provider: Provider, asked: object, visit: Visit) -> set[str]:
    """What the portal receives of the person."""
    portal = provider.portal("province")
    tokens = await portal.tokens(asked, visit)  # type: ignore[arg-type]  # opaque here
    return set((await portal.userinfo(tokens.access_token)).json()) - {"sub", "subject_type"}


async def test_a_notice_is_shown_once_and_again_when_more_is_asked(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    ministry = provider.portal("ministry")
    _, visit = await ministry.send(browser, scope="openid profile")
    visit = await provider.sign_in(visit, HOA)
    assert "Nguyễn Thị Hòa" in visit.text, "the values themselves are shown"
    assert not visit.offers(decision="deny"), "a law is no question"
    assert (await visit.submit(decision="continue")).code

    _, visit = await ministry.send(browser, scope="openid profile")
    assert visit.code, "read once is enough"
    _, visit = await ministry.send(browser, scope="openid profile pid")
    assert visit.offers(decision="continue"), "more than before is shown before it is given"
    assert (await visit.submit(decision="continue")).code
    _, visit = await ministry.send(browser, scope="openid profile")
    assert visit.code, "less than before needs no page"
    _, visit = await ministry.send(browser, prompt="consent")
    assert visit.offers(decision="continue"), "the portal may have it shown again"


async def test_agreement_is_claim_by_claim_and_only_that_is_given(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    asked, visit = await _asked(provider, browser)
    assert not any("checked" in line for line in visit.text.splitlines() if 'name="claim"' in line)
    visit = await visit.submit(decision="allow", claim=["name"])
    given = await _claims(provider, asked, visit)
    assert "name" in given
    assert not {"birthdate", "gender"} & given

    asked, visit = await provider.portal("province").send(browser, scope="openid profile")
    assert visit.hops == 0, "the answer is remembered, what was left out with it"
    assert await _claims(provider, asked, visit) == given


async def test_what_the_portal_cannot_do_without_has_to_be_ticked(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    asked, visit = await _asked(provider, browser, claims=NAME_NEEDED)
    refused = await visit.submit(decision="allow", claim=["birthdate"])
    assert refused.status == 400
    assert refused.told("error-summary-title")
    visit = await refused.submit(decision="allow", claim=["name"])
    assert "name" in await _claims(provider, asked, visit)


async def test_who_does_not_agree_is_back_at_the_portal_and_is_asked_again_next_time(
    settled_provider: Provider,
) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    _, visit = await _asked(provider, browser)
    visit = await visit.submit(decision="deny")
    assert visit.error == "access_denied"
    assert visit.given["state"]
    assert visit.given["iss"] == provider.settings.issuer
    assert [event.client_id for event in await provider.events("consent.denied")] == ["province"]
    _, visit = await provider.portal("province").send(browser, scope="openid profile")
    assert visit.offers(decision="allow"), "nothing is remembered of a refusal"


async def test_more_is_asked_for_again_and_what_was_agreed_stays(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    _, visit = await _asked(provider, browser, "openid age")
    await provider.settle(visit)
    asked, visit = await provider.portal("province").send(browser, scope="openid age address")
    assert visit.offers(decision="allow")
    given = await _claims(provider, asked, await provider.settle(visit))
    assert "age_over_18" in given
    _, visit = await provider.portal("province").send(browser, scope="openid age")
    assert visit.hops == 0


async def test_silence_is_impossible_before_the_person_agreed(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    await provider.enter("ministry", HOA, browser)
    _, visit = await provider.portal("province").send(browser, scope="openid profile", prompt="none")
    assert visit.error == "consent_required"


async def test_withdrawing_stops_the_tokens_and_the_portal_has_to_ask_again(
    settled_provider: Provider,
) -> None:
    provider, browser, portal = (
        settled_provider,
        settled_provider.browser(),
        settled_provider.portal("library"),
    )
    tokens = await provider.tokens("library", HOA, browser, prompt="consent")
    other = await provider.tokens("ministry", HOA, browser)
    assert (await portal.userinfo(tokens.access_token)).status_code == 200

    visit = await (await browser.open("/account")).submit(consent="library")
    assert visit.path == "/account"
    assert 'class="done"' in visit.text
    assert not visit.offers(consent="library")
    assert (await portal.userinfo(tokens.access_token)).status_code == 401
    assert (await portal.introspect(tokens.access_token)) == {"active": False}
    assert (await portal.introspect(tokens.refresh_token)) == {"active": False}
    assert (await portal.refresh(tokens.refresh_token)).json()["error"] == "invalid_grant"
    assert (await provider.portal("ministry").userinfo(other.access_token)).status_code == 200

    _, visit = await portal.send(browser)
    assert visit.offers(decision="allow")
    assert (await provider.events("consent.withdrawn"))[0].client_id == "library"


async def test_a_code_issued_before_the_withdrawal_gives_nothing_after_it(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    asked, visit = await provider.enter("library", HOA, browser)
    await (await browser.open("/account")).submit(consent="library")
    response = await provider.portal("library").redeem(asked, visit.code)
    assert response.json()["error"] == "invalid_grant"


async def test_what_rests_on_a_law_cannot_be_withdrawn(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    tokens = await provider.tokens("ministry", HOA, browser)
    page = await browser.open("/account")
    assert not page.offers(consent="ministry")
    hidden = page.forms[0].values
    await browser.post("/account/consents/withdraw", [*hidden, ("consent", "ministry")])
    assert (await provider.portal("ministry").userinfo(tokens.access_token)).status_code == 200


async def test_the_account_page_tells_who_received_what(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    tokens = await provider.tokens("ministry", HOA, browser)
    await provider.portal("ministry").userinfo(tokens.access_token)
    page = await browser.open("/account")
    assert page.text.count("Cổng dịch vụ công của Bộ") >= 3, "in session, releases and history"
    assert "Luật Lý lịch tư pháp" in page.text
    assert HOA.number not in page.text


async def test_dates_and_names_are_told_as_precisely_as_the_register_knows_them(
    settled_provider: Provider,
) -> None:
    provider = settled_provider
    told = {}
    for citizen in (HEN, SUONG):
        tokens = await provider.tokens("ministry", citizen, scope="openid profile")
        response = await provider.portal("ministry").userinfo(tokens.access_token)
        told[citizen] = response.json()
        assert told[citizen]["name"] == citizen.name
    assert told[HEN]["birthdate"] == "1950"
    assert told[HEN]["vn_birthdate_precision"] == "year"
    assert told[SUONG]["vn_birthdate_precision"] == "month"
    assert "family_name" not in told[SUONG]
