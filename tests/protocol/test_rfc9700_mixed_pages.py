"""Pages and answers that cross: another person, another tab, another moment than the page was made for."""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlencode

import pytest

from idp.endpoints.posted_request import LIFETIME
from tests.support.browsing import Visit
from tests.support.population import AN, HOA, HOA_BINH, KHANG, MAI, SAO_MAI, SONG_HONG
from tests.support.provider import Provider

HINT_FORGED = "eyJhbGciOiJub25lIn0.e30.AAAA"


async def test_agreement_on_a_page_shown_to_another_person_counts_for_nobody(
    settled_provider: Provider,
) -> None:
    """A tab still shows Hoa what a portal asks of her; meanwhile An has logged in in the same browser."""
    provider, browser = settled_provider, settled_provider.browser()
    province = provider.portal("province")
    _, visit = await province.send(browser, scope="openid profile")
    shown_to_hoa = await provider.sign_in(visit, HOA)
    _, visit = await provider.portal("ministry").send(browser, scope="openid", prompt="login")
    await provider.sign_in(visit, AN)

    visit = await shown_to_hoa.submit(decision="allow", claim=["name", "birthdate"])
    assert visit.answer is None, "An was not asked"
    assert AN.name in visit.text
    assert await provider.events("consent.given") == []
    assert (await provider.settle(visit)).code, "the page goes on for the person who is there"


async def test_refusal_on_a_page_shown_to_another_person_counts_for_nobody(
    settled_provider: Provider,
) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    _, visit = await provider.portal("province").send(browser, scope="openid profile")
    shown_to_hoa = await provider.sign_in(visit, HOA)
    _, visit = await provider.portal("ministry").send(browser, scope="openid", prompt="login")
    await provider.sign_in(visit, AN)
    visit = await shown_to_hoa.submit(decision="deny")
    assert visit.error == "access_denied", "who refuses gives nothing of anybody's"
    assert await provider.events("consent.denied") == []


async def test_an_agreement_is_for_the_organisation_that_the_page_named(settled_provider: Provider) -> None:
    """The back button leads to the choice again, and the later choice counts, on every page."""
    provider, browser = settled_provider, settled_provider.browser()
    enterprise = provider.portal("enterprise")
    asked, visit = await enterprise.send(browser)
    choice = await provider.sign_in(visit, KHANG)
    for_company = await choice.submit(acting_for=HOA_BINH.record_id)
    assert HOA_BINH.legal_name in for_company.text
    for_himself = await choice.submit(acting_for="self")
    assert HOA_BINH.legal_name not in for_himself.text

    visit = await for_company.submit(decision="continue")
    assert visit.answer is None, "the notice for the company is out of date"
    tokens = await enterprise.tokens(asked, await visit.submit(decision="continue"))
    assert "vn_organisation" not in tokens.claims


async def _post(visit: Visit, step: str, **fields: str) -> Visit:
    """Send a form that the page does not have, with the page's own token."""
    token = next(value for name, value in visit.forms[0].values if name == "csrf_token")
    return await visit.browser.post(f"{visit.path}/{step}", [("csrf_token", token), *fields.items()])


async def test_no_step_can_be_skipped(settled_provider: Provider) -> None:
    provider = settled_provider
    _, login = await provider.portal("enterprise").send(provider.browser())
    for step, fields in (
        ("consent", {"decision": "continue"}),
        ("consent", {"decision": "allow", "claim": "name"}),
        ("representation", {"acting_for": HOA_BINH.record_id}),
    ):
        visit = await _post(login, step, **fields)
        assert visit.offers(personal_number=KHANG.number, password="any"), "who it is comes first"
    choice = await provider.sign_in(login, KHANG)
    visit = await _post(login, "consent", decision="continue")
    assert visit.offers(acting_for="self"), "then for whom"
    notice = await choice.submit(acting_for=HOA_BINH.record_id)
    visit = await _post(notice, "consent", decision="continue")
    assert (visit.answer, visit.status) == (None, 409), "an answer names the question"
    visit = await _post(notice, "consent", decision="allow", claim="name", shown=notice.forms[0].values[1][1])
    assert (visit.answer, visit.status) == (None, 400), "a notice is no agreement"
    assert await provider.events("consent.given") == []


@pytest.mark.parametrize(
    "choice", [SONG_HONG.record_id, SAO_MAI.record_id, "o-none", "", "self'--", KHANG.record_id]
)
async def test_nobody_acts_for_whom_the_register_does_not_name(
    settled_provider: Provider, choice: str
) -> None:
    provider = settled_provider
    _, visit = await provider.portal("enterprise").send(provider.browser())
    visit = await provider.sign_in(visit, MAI)
    visit = await _post(visit, "representation", acting_for=choice)
    assert (visit.answer, visit.status) == (None, 400)
    assert visit.offers(acting_for=HOA_BINH.record_id)


async def test_who_must_act_for_an_organisation_cannot_choose_to_act_for_nobody(
    settled_provider: Provider,
) -> None:
    provider = settled_provider
    _, visit = await provider.portal("enterprise").send(
        provider.browser(), claims='{"userinfo":{"vn_organisation":{"essential":true}}}'
    )
    visit = await provider.sign_in(visit, MAI)
    assert not visit.offers(acting_for="self")
    visit = await _post(visit, "representation", acting_for="self")
    assert visit.status == 400


async def test_a_choice_is_forgotten_when_somebody_else_logs_in(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    _, login_page = await provider.portal("enterprise").send(browser)
    choice = await provider.sign_in(login_page, KHANG)
    await choice.submit(acting_for=HOA_BINH.record_id)
    visit = await provider.sign_in(login_page, MAI)
    assert visit.offers(acting_for=HOA_BINH.record_id), "Mai has chosen nothing"


async def test_who_is_asked_for_an_organisation_later_still_chooses(settled_provider: Provider) -> None:
    """A login without the scope `org` is no choice to act for oneself."""
    provider, browser = settled_provider, settled_provider.browser()
    enterprise = provider.portal("enterprise")
    await provider.enter("enterprise", KHANG, browser, scope="openid profile")
    _, visit = await enterprise.send(browser)
    assert visit.offers(acting_for=HOA_BINH.record_id)
    asked, visit = await provider.enter("enterprise", KHANG, browser, scope="openid")
    visit = await (await enterprise.send(browser))[1].submit(acting_for=HOA_BINH.record_id)
    await provider.settle(visit)
    await provider.enter("enterprise", KHANG, browser, scope="openid")
    asked, visit = await enterprise.send(browser)
    tokens = await enterprise.tokens(asked, visit)
    assert "vn_organisation" in tokens.claims, "a request without `org` in between changes no choice"


async def test_a_forged_hint_is_told_to_the_client_before_anybody_logs_in(settled_provider: Provider) -> None:
    _, visit = await settled_provider.portal("ministry").send(
        settled_provider.browser(), id_token_hint=HINT_FORGED
    )
    assert visit.error == "invalid_request"


async def test_a_request_by_post_from_another_site_finds_the_session_and_keeps_the_browser(
    settled_provider: Provider,
) -> None:
    """Cookies are `SameSite=Lax`, so the POST itself brings none; the browser must not look like a new one."""
    provider, browser = settled_provider, settled_provider.browser()
    await provider.tokens("ministry", HOA, browser)
    known, jar = browser.cookies, dict(browser.cookies)
    ministry = provider.portal("ministry")
    asked = ministry.ask(prompt="none")
    arrived = await provider.http().post("/authorize", data=dict(asked.parameters))
    assert "set-cookie" not in arrived.headers
    visit = await browser.open(arrived.headers["location"])
    assert browser.cookies == known == jar
    await ministry.tokens(asked, visit)


async def test_what_was_sent_in_a_body_stands_in_no_address(settled_provider: Provider) -> None:
    """A hint may be a token or a personal number, and so may what is asked for by value."""
    provider, browser = settled_provider, settled_provider.browser()
    tokens = await provider.tokens("ministry", HOA)
    ministry = provider.portal("ministry")
    asked = ministry.ask(
        id_token_hint=tokens.id_token,
        login_hint=HOA.number,
        claims=f'{{"userinfo":{{"vn_personal_id":{{"value":"{HOA.number}"}}}}}}',
    )
    arrived = await provider.http().post("/authorize", data=dict(asked.parameters))
    address = arrived.headers["location"]
    assert HOA.number not in unquote(address)
    assert tokens.id_token not in address
    visit = await browser.open(address)
    assert HOA.number in visit.text, "the login page is filled in"
    await ministry.tokens(asked, await provider.settle(await provider.sign_in(visit, HOA)))

    provider.clock.advance(LIFETIME)
    for over in (address, f"{address[:-4]}AAAA", "/authorize?posted=x"):
        visit = await provider.browser().open(over)
        assert (visit.status, visit.told("error-code")) == (410, "stale_interaction")


async def test_after_the_question_the_browser_may_follow_to_the_portal(settled_provider: Provider) -> None:
    """Browsers apply `form-action` to the redirect that answers a form."""
    provider, browser = settled_provider, settled_provider.browser()
    await provider.tokens("ministry", HOA, browser)
    query = {"client_id": "ministry", "post_logout_redirect_uri": "https://ministry.example/bye"}
    visit = await browser.open(f"/logout?{urlencode(query)}")
    policy = visit.response.headers["content-security-policy"]
    assert "form-action 'self' https://ministry.example;" in policy
    visit = await visit.submit(decision="logout")
    assert visit.address == "https://ministry.example/bye"


@pytest.mark.parametrize("narrowed", ["openid", "openid org"])
async def test_a_narrowed_token_opens_no_more_than_its_scope(
    settled_provider: Provider, narrowed: str
) -> None:
    """RFC 6749 §6: the scope of a refreshed token is its limit, at UserInfo as everywhere."""
    provider = settled_provider
    dossiers = provider.portal("dossiers")
    first = await provider.tokens("dossiers", HOA)
    response = await dossiers.refresh(first.refresh_token, scope=narrowed)
    less = await dossiers.read(response)
    assert set((await dossiers.userinfo(less.access_token)).json()) == {"sub", "subject_type"}
    whole = await dossiers.read(await dossiers.refresh(less.refresh_token))
    assert (await dossiers.userinfo(whole.access_token)).json()["name"] == HOA.name, "the grant is as it was"


async def test_without_openid_there_is_no_id_token(settled_provider: Provider) -> None:
    dossiers = settled_provider.portal("dossiers")
    first = await settled_provider.tokens("dossiers", HOA)
    response = await dossiers.refresh(first.refresh_token, scope="profile")
    assert response.status_code == 200
    assert "id_token" not in response.json()
    assert (await dossiers.userinfo(response.json()["access_token"])).status_code == 403


@pytest.mark.parametrize("name", ["nobody\0", "nobody\x1f", "n" * 500])
async def test_an_impossible_client_id_is_an_unknown_client(provider: Provider, name: str) -> None:
    """A NUL is nothing that PostgreSQL could look up."""
    pair = base64.b64encode(f"{name.replace(chr(0), '%00')}:secret".encode()).decode()
    form = {"grant_type": "client_credentials"}
    basic = await provider.http().post("/token", data=form, headers={"authorization": f"Basic {pair}"})
    assert (basic.status_code, basic.json()["error"]) == (401, "invalid_client")

    machine = provider.portal("machine-es256")
    form |= {"client_assertion": machine.assertion(iss=name, sub=name)}
    form |= {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}
    signed = await provider.http().post("/token", data=form)
    assert (signed.status_code, signed.json()["error"]) == (401, "invalid_client")


async def test_a_session_that_another_person_replaces_is_told_to_its_owner(
    settled_provider: Provider,
) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    await provider.tokens("ministry", HOA, browser)
    _, visit = await provider.portal("ministry").send(browser, prompt="login")
    await provider.sign_in(visit, AN)
    ended = await provider.events("session.ended")
    assert [event.account_id for event in ended] == [(await provider.account(HOA)).account_id]
