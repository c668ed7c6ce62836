"""One login, two portals, one logout."""

from __future__ import annotations

from tests.support.population import HOA
from tests.support.provider import Provider


async def test_one_login_serves_two_portals_and_one_logout_ends_both(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    ministry, province = provider.portal("ministry"), provider.portal("province")

    asked, visit = await ministry.send(browser)
    assert visit.status == 200
    visit = await provider.sign_in(visit, HOA)
    assert "Nguyễn Thị Hòa" in visit.text
    visit = await visit.submit(decision="continue")
    first = await ministry.tokens(asked, visit)
    assert (await ministry.userinfo(first.access_token)).json()["vn_personal_id"]

    asked, visit = await province.send(browser, scope="openid")
    assert visit.hops == 0, "the second portal shows no page"
    second = await province.tokens(asked, visit)
    assert first.sub != second.sub
