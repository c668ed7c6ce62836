"""One login, two portals that know nothing of each other, one logout."""

from __future__ import annotations

from urllib.parse import urlencode

from tests.support.browsing import Browser
from tests.support.population import HOA
from tests.support.portals import Tokens
from tests.support.provider import Provider


async def _logout(browser: Browser, tokens: Tokens, **parameters: str) -> None:
    query = {"id_token_hint": tokens.id_token} | parameters
    await browser.open(f"/logout?{urlencode(query)}")


async def test_one_login_opens_both_portals_and_each_verifies_its_own_tokens(
    settled_provider: Provider,
) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    ministry, province = provider.portal("ministry"), provider.portal("province")

    asked, visit = await ministry.send(browser)
    assert "Cổng dịch vụ công của Bộ" in visit.text, "the page names who asks"
    visit = await provider.sign_in(visit, HOA)
    assert "Nguyễn Thị Hòa" in visit.text
    assert "Luật Lý lịch tư pháp" in visit.text, "and why"
    first = await ministry.tokens(asked, await visit.submit(decision="continue"))
    told = (await ministry.userinfo(first.access_token)).json()
    assert told["name"] == "Nguyễn Thị Hòa"
    assert told["vn_personal_id"] == {"scheme": "vn_pin", "value": HOA.number}
    assert told["sub"] == first.sub
    assert first.claims["acr"] == f"{provider.settings.issuer}/acr/1"

    asked, visit = await province.send(browser, scope="openid")
    assert visit.hops == 0, "the answer comes at once, with no page between"
    second = await province.tokens(asked, visit)
    assert second.claims["sid"] == first.claims["sid"]
    assert second.claims["auth_time"] == first.claims["auth_time"]
    assert second.sub != first.sub, "the two portals cannot join what they know"
    assert set((await province.userinfo(second.access_token)).json()) <= {"sub", "subject_type"}


async def test_the_same_person_has_the_same_subject_at_every_visit(settled_provider: Provider) -> None:
    subjects = {(await settled_provider.tokens("ministry", HOA)).sub for _ in range(2)}
    assert len(subjects) == 1
    assert HOA.number not in subjects.pop()


async def test_logout_at_one_portal_ends_the_session_for_both(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    first = await provider.tokens("ministry", HOA, browser)
    second = await provider.tokens("province", HOA, browser, scope="openid")
    cookies = browser.cookies

    query = {
        "id_token_hint": first.id_token,
        "post_logout_redirect_uri": "https://ministry.example/bye",
        "state": "s-1",
    }
    visit = await browser.open(f"/logout?{urlencode(query)}")
    assert visit.address == "https://ministry.example/bye?state=s-1"

    _, visit = await provider.portal("province").send(browser, scope="openid")
    assert visit.offers(personal_number=HOA.number, password="any"), "the other portal's next request asks"
    assert (await provider.portal("province").userinfo(second.access_token)).status_code == 401

    thief = provider.browser()
    thief.set_cookie("__Host-motcua-session", cookies["__Host-motcua-session"])
    _, visit = await provider.portal("ministry").send(thief, prompt="none")
    assert visit.error == "login_required", "the old cookie opens nothing"


async def test_logout_without_a_hint_asks_first(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    await provider.tokens("ministry", HOA, browser)

    visit = await browser.open("/logout")
    visit = await visit.submit(decision="stay")
    assert visit.path == "/account"
    assert visit.status == 200, "still signed in"

    visit = await (await browser.open("/logout")).submit(decision="logout")
    assert visit.status == 200
    assert "Cổng dịch vụ công của Bộ" in visit.text, "the portals of the session are named"
    _, visit = await provider.portal("ministry").send(browser, prompt="none")
    assert visit.error == "login_required"


async def test_somebody_elses_hint_does_not_end_a_session_unasked(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    elsewhere = await provider.tokens("ministry", HOA, provider.browser())
    await provider.tokens("ministry", HOA, browser)
    await _logout(browser, elsewhere)
    _, visit = await provider.portal("ministry").send(browser, prompt="none")
    assert visit.code, "another session's hint leads to a question only"


async def test_logging_out_twice_is_as_good_as_once(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    tokens = await provider.tokens("ministry", HOA, browser)
    for _ in range(2):
        query = {
            "id_token_hint": tokens.id_token,
            "post_logout_redirect_uri": "https://ministry.example/bye",
        }
        visit = await browser.open(f"/logout?{urlencode(query)}")
        assert visit.address == "https://ministry.example/bye"
    assert len(await provider.events("logout")) == 1
