"""More of the Basic OP plan, module by module: what a client may say about how the person is asked.

That each of these succeeds at all stands in `test_oidc_basic_checklist`; here is what it does (Core §3.1.2.1).
"""

from __future__ import annotations

import pytest

from tests.support.authenticator import add_app
from tests.support.browsing import Visit
from tests.support.installation import ISSUER
from tests.support.population import AN, HOA
from tests.support.provider import PASSWORD, Provider


def _asks_login(visit: Visit) -> bool:
    return visit.offers(personal_number=HOA.number, password=PASSWORD)


def _prefilled(visit: Visit) -> str:
    return next(value for form in visit.forms for name, value in form.values if name == "personal_number")


@pytest.mark.parametrize("way", ["get", "post"])
async def test_oidcc_login_hint_of_a_personal_number(strong: Provider, way: str) -> None:
    """It is filled in, however it was sent, and put into no address."""
    browser, portal = strong.browser(), strong.portal("ministry")
    asked = portal.ask(login_hint=HOA.number)
    if way == "get":
        visit = await browser.open(asked.address)
    else:
        await browser.open("/")  # the browser is known, and sends its cookie only with what comes from here
        browser.forget()
        visit = await browser.post("/authorize", list(asked.parameters.items()))
    assert _prefilled(visit) == HOA.number
    assert _asks_login(visit)
    assert HOA.number not in visit.address
    assert not any(HOA.number in str(record) for record in strong.log.kept)
    foreign = await strong.browser().open(visit.address)
    assert HOA.number not in foreign.text, "the page is this browser's only"


@pytest.mark.parametrize("hint", ["buffy@localhost.example", "00109900000", '"><script>', "x" * 300])
async def test_oidcc_login_hint_of_something_else(strong: Provider, hint: str) -> None:
    _, visit = await strong.portal("ministry").send(strong.browser(), login_hint=hint)
    assert (_asks_login(visit), _prefilled(visit)) == (True, "")
    assert hint not in visit.text


async def test_oidcc_login_hint_is_no_proof(strong: Provider) -> None:
    """Whoever is signed in stays who they are: the hint chooses no person."""
    browser = strong.browser()
    own = (await strong.tokens("ministry", HOA, browser)).sub
    assert (await strong.tokens("ministry", HOA, browser, login_hint=AN.number)).sub == own
    _, visit = await strong.portal("ministry").send(browser, login_hint=AN.number, prompt="login")
    assert _prefilled(visit) == AN.number


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent", "select_account login"])
async def test_oidcc_prompt_login_alone_and_beside_others(strong: Provider, prompt: str) -> None:
    browser = strong.browser()
    first = await strong.tokens("ministry", HOA, browser)
    strong.clock.advance(5)
    asked, visit = await strong.portal("ministry").send(browser, prompt=prompt)
    assert _asks_login(visit)
    visit = await strong.sign_in(visit, HOA)
    assert visit.offers(decision="continue") == ("consent" in prompt)
    tokens = await strong.portal("ministry").tokens(asked, await strong.settle(visit))
    assert tokens.claims["auth_time"] == first.claims["auth_time"] + 5


async def test_oidcc_prompt_consent(strong: Provider) -> None:
    browser = strong.browser()
    await strong.enter("province", HOA, browser)
    _, visit = await strong.portal("province").send(browser, prompt="consent")
    assert visit.offers(decision="allow"), "what was agreed to before is asked again"


@pytest.mark.parametrize("prompt", ["none login", "none consent", "none none2", "nothing"])
async def test_oidcc_prompt_none_beside_others_is_refused(strong: Provider, prompt: str) -> None:
    _, visit = await strong.portal("ministry").send(strong.browser(), prompt=prompt)
    assert visit.error == "invalid_request"


@pytest.mark.parametrize("display", ["page", "popup", "touch", "wap", "hologram"])
async def test_oidcc_display(strong: Provider, display: str) -> None:
    _, visit = await strong.portal("ministry").send(strong.browser(), display=display)
    assert _asks_login(visit)


@pytest.mark.parametrize(
    ("ui_locales", "language"), [("en", "en"), ("se en", "en"), ("vi", "vi"), ("se", "vi"), ("en-GB", "en")]
)
async def test_oidcc_ui_locales(strong: Provider, ui_locales: str, language: str) -> None:
    _, visit = await strong.portal("ministry").send(strong.browser(), ui_locales=ui_locales)
    assert f'<html lang="{language}"' in visit.text


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        (f"{ISSUER}/acr/1 {ISSUER}/acr/2", f"{ISSUER}/acr/1"),
        (f"{ISSUER}/acr/2 {ISSUER}/acr/1", f"{ISSUER}/acr/2"),
    ],
)
async def test_oidcc_ensure_request_with_acr_values_of_somebody_with_an_app(
    strong: Provider, wanted: str, given: str
) -> None:
    """The advertised values, in either order: what is told is one of them, and the one liked best."""
    app = await add_app(strong, strong.browser())
    asked, visit = await strong.portal("ministry").send(strong.browser(), acr_values=wanted)
    visit = await strong.sign_in(visit, HOA)
    if visit.offers(code=""):
        visit = await visit.submit(code=app.code())
    tokens = await strong.portal("ministry").tokens(asked, await strong.settle(visit))
    assert tokens.claims["acr"] == given


async def test_oidcc_id_token_hint_of_somebody_else_asks_nobody_for_a_code(strong: Provider) -> None:
    """Whose login it is comes before how strong it is."""
    await add_app(strong, strong.browser())
    hint, browser = (await strong.tokens("ministry", AN)).id_token, strong.browser()
    await strong.enter("ministry", HOA, browser)
    _, visit = await strong.portal("ministry").send(browser, id_token_hint=hint, acr_values="LoA2")
    assert _asks_login(visit)
    assert (await strong.sign_in(visit, HOA)).error == "login_required"
