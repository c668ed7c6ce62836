"""Initiating User Registration via OpenID Connect 1.0: `prompt=create` leads to the activation, and back."""

from __future__ import annotations

import pytest

from tests.support.browsing import Visit
from tests.support.population import HOA
from tests.support.provider import PASSWORD, Provider


def _link(visit: Visit, name: str) -> str:
    """Where a link of the page leads."""
    return visit.text.split(f'id="{name}" href="')[1].split('"')[0]


async def test_4_2_the_metadata_say_so(strong: Provider) -> None:
    document = (await strong.http().get("/.well-known/openid-configuration")).json()
    assert "create" in document["prompt_values_supported"]


async def test_4_1_the_account_is_activated_and_the_request_goes_on(provider: Provider) -> None:
    await provider.open_account(HOA)
    code, browser, portal = (
        await provider.activation_code(HOA),
        provider.browser(),
        provider.portal("ministry"),
    )
    asked, visit = await portal.send(browser, prompt="create")
    assert visit.path == "/activate"
    assert "Cổng dịch vụ công của Bộ" in visit.text
    again = await visit.submit(personal_number=HOA.number, code="")
    assert "Cổng dịch vụ công của Bộ" in again.text, "a mistake does not lose the way"
    visit = await again.submit(personal_number=HOA.number, code=code)
    visit = await visit.submit(password=PASSWORD, password_again=PASSWORD)
    assert "Cổng dịch vụ công của Bộ" in visit.text
    visit = await browser.open(_link(visit, "continue"))
    visit = await provider.settle(await provider.sign_in(visit, HOA))
    assert (await portal.tokens(asked, visit)).sub


async def test_4_1_who_has_an_account_signs_in(strong: Provider) -> None:
    browser = strong.browser()
    asked, visit = await strong.portal("ministry").send(browser, prompt="create")
    visit = await strong.sign_in(await browser.open(_link(visit, "sign_in")), HOA)
    visit = await strong.settle(visit)
    assert (await strong.portal("ministry").tokens(asked, visit)).sub


async def test_4_1_a_session_does_not_answer_it(strong: Provider) -> None:
    browser = strong.browser()
    await strong.enter("ministry", HOA, browser)
    _, visit = await strong.portal("ministry").send(browser, prompt="create")
    assert visit.path == "/activate"
    visit = await browser.open(_link(visit, "sign_in"))
    assert visit.offers(personal_number="", password="")
    assert HOA.number not in visit.text, "whoever comes with a new account is perhaps somebody else"


@pytest.mark.parametrize("prompt", ["create login", "create consent"])
async def test_4_1_beside_other_values(strong: Provider, prompt: str) -> None:
    _, visit = await strong.portal("ministry").send(strong.browser(), prompt=prompt)
    assert visit.path == "/activate"


@pytest.mark.parametrize("prompt", ["create none", "none create", "Create", "created"])
async def test_4_1_1_what_makes_no_sense_is_refused(strong: Provider, prompt: str) -> None:
    _, visit = await strong.portal("ministry").send(strong.browser(), prompt=prompt)
    assert visit.error == "invalid_request"


@pytest.mark.parametrize("named", ["//evil.example", "x" * 22, "../../logout", ""])
async def test_a_request_that_does_not_wait_here_is_no_way_on(strong: Provider, named: str) -> None:
    visit = await strong.browser().open(f"/activate?interaction={named}")
    assert visit.status == 200
    assert "evil" not in visit.told("sign_in")
    assert 'id="sign_in"' not in visit.text


async def test_a_request_that_waits_in_another_browser_is_no_way_on(strong: Provider) -> None:
    _, visit = await strong.portal("ministry").send(strong.browser(), prompt="create")
    address = visit.address
    assert 'id="sign_in"' in visit.text
    assert 'id="sign_in"' not in (await strong.browser().open(address)).text
