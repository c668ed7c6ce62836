"""The Basic OP plan with static clients, continued: how the person is asked, module by module, in both response modes.

More of what these parameters do stands in `test_oidc_basic_checklist_asking`.
"""

from __future__ import annotations

import pytest

from tests.support.installation import ISSUER
from tests.support.suite import Suite, asks_login
from tests.support.suite_checks import check_answer

SILENT_ERRORS = ("login_required", "interaction_required", "account_selection_required", "consent_required")


async def test_oidcc_display_page(suite: Suite) -> None:
    await suite.flow(display="page")


async def test_oidcc_display_popup(suite: Suite) -> None:
    await suite.flow(display="popup")


async def test_oidcc_prompt_login(suite: Suite) -> None:
    browser = suite.browser()
    first = await suite.flow(browser)
    suite.provider.clock.advance(1)
    asked, visit = await suite.send(browser, prompt="login")
    assert asks_login(visit)
    second = await suite.finish(asked, visit)
    assert second.claims["auth_time"] == first.claims["auth_time"] + 1
    assert second.sub == first.sub


@pytest.mark.parametrize("length", [128, 1000])
async def test_oidcc_prompt_none_not_logged_in(suite: Suite, length: int) -> None:
    visit = await suite.refused(*SILENT_ERRORS, prompt="none", state="s" * length)
    assert visit.error == "login_required"


async def test_oidcc_prompt_none_logged_in(suite: Suite) -> None:
    browser = suite.browser()
    first = await suite.flow(browser)
    suite.provider.clock.advance(5)
    asked, visit = await suite.send(browser, prompt="none")
    check_answer(asked, visit)
    second = await suite.finish(asked, visit)
    assert (second.sub, second.claims["auth_time"]) == (first.sub, first.claims["auth_time"])


async def test_oidcc_max_age_1(suite: Suite) -> None:
    browser = suite.browser()
    first = await suite.flow(browser)
    suite.provider.clock.advance(2)
    asked, visit = await suite.send(browser, max_age="1")
    assert asks_login(visit)
    second = await suite.finish(asked, visit)
    assert second.claims["auth_time"] == first.claims["auth_time"] + 2 == suite.provider.clock()


async def test_oidcc_max_age_10000(suite: Suite) -> None:
    browser = suite.browser()
    first = await suite.flow(browser, max_age="15000")
    suite.provider.clock.advance(60)
    asked, visit = await suite.send(browser, max_age="10000")
    check_answer(asked, visit)
    second = await suite.finish(asked, visit)
    assert second.claims["auth_time"] == first.claims["auth_time"]


async def test_oidcc_id_token_hint(suite: Suite) -> None:
    """Also when it has expired."""
    browser = suite.browser()
    first = await suite.flow(browser)
    suite.provider.clock.advance(15 * 60)
    asked, visit = await suite.send(browser, prompt="none", id_token_hint=first.id_token)
    check_answer(asked, visit)
    second = await suite.finish(asked, visit)
    assert (second.sub, second.claims["auth_time"]) == (first.sub, first.claims["auth_time"])


async def test_oidcc_login_hint(suite: Suite) -> None:
    await suite.flow(login_hint="buffy@localhost.example")


@pytest.mark.parametrize("locales", ["se", "en vi", "vi-VN"])
async def test_oidcc_ui_locales(suite: Suite, locales: str) -> None:
    await suite.flow(ui_locales=locales)


@pytest.mark.parametrize("locales", ["se", "en vi"])
async def test_oidcc_claims_locales(suite: Suite, locales: str) -> None:
    assert await suite.told(await suite.flow(claims_locales=locales))


@pytest.mark.parametrize("wanted", [f"{ISSUER}/acr/1", f"{ISSUER}/acr/1 {ISSUER}/acr/2", "1 2"])
async def test_oidcc_ensure_request_with_acr_values_succeeds(suite: Suite, wanted: str) -> None:
    tokens = await suite.flow(acr_values=wanted)
    assert tokens.claims["acr"] == f"{ISSUER}/acr/1", "what a password reaches"
