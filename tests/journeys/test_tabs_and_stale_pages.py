"""People keep many tabs, go back, reload and press twice; every page goes on from there or says why not."""

from __future__ import annotations

from urllib.parse import quote

from idp.store.interactions import LIFETIME
from tests.support.population import AN, HOA
from tests.support.portals import REGISTRATIONS, register
from tests.support.provider import NOW, PASSWORD, Provider


async def test_many_tabs_lead_to_many_portals_with_one_login(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    clients = ["ministry", "enterprise", "dossiers", "ministry", "province"]
    tabs = [await provider.portal(client_id).send(browser) for client_id in clients]
    assert len({visit.address for _, visit in tabs}) == len(tabs)
    await provider.sign_in(tabs[0][1], HOA)
    for client_id, (asked, visit) in zip(clients, tabs, strict=True):
        settled = await provider.settle(await browser.open(visit.address))
        assert (await provider.portal(client_id).tokens(asked, settled)).sub
    assert len(await provider.events("login")) == 1


async def test_logging_in_in_two_tabs_keeps_one_session(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    tabs = [await provider.portal(client_id).send(browser) for client_id in ("ministry", "dossiers")]
    sids = set()
    for client_id, (asked, visit) in zip(("ministry", "dossiers"), tabs, strict=True):
        settled = await provider.settle(await provider.sign_in(visit, HOA))
        sids.add((await provider.portal(client_id).tokens(asked, settled)).claims["sid"])
    assert len(sids) == 1


async def test_back_to_the_login_page_and_forward_again(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    asked, login = await provider.portal("ministry").send(browser)
    notice = await provider.sign_in(login, HOA)
    again = await provider.sign_in(login, HOA)
    assert again.address == notice.address
    settled = await notice.submit(decision="continue")
    assert (await provider.portal("ministry").tokens(asked, settled)).sub


async def test_reloading_a_page_shows_it_again(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    _, login = await provider.portal("ministry").send(browser)
    assert (await browser.open(login.address)).offers(personal_number=HOA.number, password=PASSWORD)
    notice = await provider.sign_in(login, HOA)
    assert (await browser.open(notice.address)).offers(decision="continue")


async def test_a_mistyped_password_is_asked_again_with_the_number_kept(settled_provider: Provider) -> None:
    provider = settled_provider
    _, login = await provider.portal("ministry").send(provider.browser())
    wrong = await provider.sign_in(login, HOA, "không phải mật khẩu này")
    assert wrong.status == 401
    assert HOA.number in wrong.text
    assert "không phải mật khẩu này" not in wrong.text
    unknown = await wrong.submit(personal_number="001184999999", password="không phải mật khẩu này")
    assert unknown.status == 401
    for number in ("12345", "", "001184OOO017"):
        visit = await wrong.submit(personal_number=number, password=PASSWORD)
        assert (visit.status, visit.told("error-summary-title") != "") == (400, True)
    assert (await provider.sign_in(wrong, HOA)).offers(decision="continue")


async def test_pressing_twice_gives_one_answer_and_an_explanation(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    _, login = await provider.portal("ministry").send(browser)
    notice = await provider.sign_in(login, HOA)
    assert (await notice.submit(decision="continue")).code
    for visit in (
        await notice.submit(decision="continue"),
        await notice.submit(decision="cancel"),
        await provider.sign_in(login, HOA),
        await browser.open(notice.address),
    ):
        assert (visit.status, visit.told("error-code")) == (410, "already_finished")
        assert 'href="https://ministry.example/"' in visit.text, "the way on"


async def test_a_page_left_open_for_hours_explains_itself(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    _, login = await provider.portal("ministry").send(browser)
    provider.clock.advance(LIFETIME)
    for visit in (await browser.open(login.address), await provider.sign_in(login, HOA)):
        assert (visit.status, visit.told("error-code")) == (410, "stale_interaction")
        assert 'href="https://ministry.example/"' in visit.text, "the way on"
    assert await provider.events("login") == []


async def test_another_browser_cannot_go_on_with_an_interaction(settled_provider: Provider) -> None:
    provider, mine, other = settled_provider, settled_provider.browser(), settled_provider.browser()
    _, login = await provider.portal("ministry").send(mine)
    visit = await other.open(login.address)
    assert (visit.status, visit.told("error-code")) == (400, "cookies_required")
    await other.open("/activate")  # now it has a cookie of its own
    visit = await other.open(login.address)
    assert (visit.status, visit.told("error-code")) == (404, "stale_interaction")

    form = next(form for form in login.forms if form.action.endswith("/login"))
    stolen = form.filled([("personal_number", HOA.number), ("password", PASSWORD)])
    visit = await other.post(form.action, stolen)
    assert (visit.status, visit.told("error-code")) == (403, "csrf_failed")


async def test_a_form_from_another_site_changes_nothing(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    await provider.enter("ministry", HOA, browser)
    page = await browser.open("/account")
    fields = page.forms[0].values
    response = await browser.http.post(
        "/account/sessions/end-others", data=dict(fields), headers={"sec-fetch-site": "cross-site"}
    )
    assert response.status_code == 403
    response = await browser.http.post("/account/sessions/end-others", data={})
    assert response.status_code == 403


async def test_going_back_to_the_portal_without_logging_in(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    asked, login = await provider.portal("ministry").send(browser)
    visit = await login.submit(decision="cancel")
    assert visit.error == "access_denied"
    assert visit.given["state"] == asked.parameters["state"]
    assert visit.given["iss"] == provider.settings.issuer
    assert (await browser.open(login.address)).told("error-code") == "already_finished"


async def test_our_own_page_leads_to_the_login_and_back(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    login = await browser.open("/account")
    assert login.path.startswith("/interaction/")
    visit = await provider.sign_in(login, HOA)
    assert visit.path == "/account"
    assert HOA.name in visit.text


async def test_two_people_at_one_screen_are_never_mixed(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    first = await provider.tokens("ministry", HOA, browser)
    asked, login = await provider.portal("ministry").send(browser, prompt="login")
    notice = await provider.sign_in(login, AN)
    assert AN.name in notice.text
    second = await provider.portal("ministry").tokens(asked, await provider.settle(notice))
    assert second.sub != first.sub
    assert second.claims["sid"] != first.claims["sid"]
    assert (await provider.portal("ministry").userinfo(first.access_token)).status_code == 401


async def test_the_language_can_be_switched_on_every_page(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    _, login = await provider.portal("ministry").send(browser)
    assert "Đăng nhập" in login.text
    english = await browser.open(f"{login.address}?lang=en")
    assert "Sign in" in english.text
    assert (await browser.open(login.address)).text.count("Sign in"), "and stays switched"


async def test_an_old_page_leads_to_where_the_portal_begins_a_login(settled_provider: Provider) -> None:
    """OpenID Connect Core §4, initiating login from a third party: `iss` says with whom."""
    provider, browser = settled_provider, settled_provider.browser()
    start = {"client_id": "starting", "initiate_login_uri": "https://dossiers.example/start?by=us"}
    registered, kept = register({**REGISTRATIONS["dossiers"], **start}, NOW)
    await provider.db.write(kept)
    provider.registered[registered.client_id] = registered
    _, login = await provider.portal("starting").send(browser)
    provider.clock.advance(LIFETIME + 1)
    visit = await browser.open(login.address)
    assert visit.told("error-code") == "stale_interaction"
    issuer = quote(provider.settings.issuer, safe="")
    assert f'href="https://dossiers.example/start?by=us&amp;iss={issuer}"' in visit.text
