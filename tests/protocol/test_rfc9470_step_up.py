"""RFC 9470 §4 to §6 at the provider: a login as strong and as young as a resource server asks for."""

from __future__ import annotations

import httpx2
import orjson
import pytest
from starlette.types import ASGIApp

from examples.api.app import build_api
from examples.portal.challenge import Challenge, read_challenge
from examples.resource_server import Api, Guard
from tests.support.authenticator import App, add_app, press, read_secret
from tests.support.browsing import Browser, Visit
from tests.support.devices import TV, add_clients, ask, type_code
from tests.support.installation import ISSUER
from tests.support.population import HOA
from tests.support.portals import API, REGISTRATIONS, Portal, Tokens, register
from tests.support.provider import PASSWORD, Provider

ONE, TWO, THREE = (f"{ISSUER}/acr/{level}" for level in (1, 2, 3))


def essential(*values: str) -> str:
    """A `claims` parameter that makes one of these levels a condition."""
    return orjson.dumps({"id_token": {"acr": {"essential": True, "values": values}}}).decode()


def _asks_code(visit: Visit) -> bool:
    return visit.offers(code="")


@pytest.fixture
async def app(strong: Provider) -> App:
    """Hoa's authenticator app, added in a browser that is not used again."""
    return await add_app(strong, strong.browser())


@pytest.fixture
async def browser(strong: Provider, app: App) -> Browser:
    """A browser in which she is signed in by password."""
    browser = strong.browser()
    await strong.enter("ministry", HOA, browser)
    return browser


async def _stepped_up(provider: Provider, browser: Browser, app: App, **wish: str) -> Tokens:
    asked, visit = await provider.portal("ministry").send(browser, **wish)
    assert _asks_code(visit)
    assert not visit.offers(password=""), "only what is missing is asked for"
    return await provider.portal("ministry").tokens(asked, await visit.submit(code=app.code()))


@pytest.mark.parametrize(
    "wish",
    [
        {"acr_values": TWO},
        {"acr_values": f"{TWO} {ONE}"},
        {"acr_values": f"{THREE} {TWO}"},
        {"acr_values": "LoA2"},
        {"claims": essential(TWO)},
        {"claims": essential(THREE, TWO)},
    ],
)
async def test_5_step_up_within_a_session(
    strong: Provider, app: App, browser: Browser, wish: dict[str, str]
) -> None:
    before = await strong.tokens("ministry", HOA, browser)
    tokens = await _stepped_up(strong, browser, app, **wish)
    assert (before.claims["acr"], tokens.claims["acr"]) == (ONE, TWO)
    assert tokens.claims["amr"] == ["pwd", "otp"]
    assert tokens.claims["sid"] == before.claims["sid"]
    assert tokens.claims["auth_time"] == before.claims["auth_time"], "no factor is older than it says"
    access = await strong.portal("ministry").introspect(tokens.access_token)
    assert access["active"]


async def test_6_the_access_token_carries_acr_and_auth_time(
    strong: Provider, app: App, browser: Browser
) -> None:
    tokens = await _stepped_up(strong, browser, app, acr_values=TWO)
    claims = await strong.portal("ministry").verify(tokens.access_token, audience=ISSUER)
    assert (claims["acr"], claims["auth_time"]) == (TWO, tokens.claims["auth_time"])


async def test_5_a_strong_session_is_asked_no_more(strong: Provider, app: App, browser: Browser) -> None:
    await _stepped_up(strong, browser, app, acr_values=TWO)
    for wish in ({"claims": essential(TWO)}, {"acr_values": TWO, "prompt": "none"}):
        assert (await strong.tokens("ministry", HOA, browser, **wish)).claims["acr"] == TWO


@pytest.mark.parametrize("wish", [{"acr_values": f"{ONE} {TWO}"}, {"acr_values": "urn:unknown"}, {}])
async def test_5_the_level_liked_best_is_enough(
    strong: Provider, browser: Browser, wish: dict[str, str]
) -> None:
    assert (await strong.tokens("ministry", HOA, browser, **wish)).claims["acr"] == ONE


async def test_core_5_5_1_1_an_essential_level_is_answered_with_one_that_was_asked_for(
    strong: Provider, app: App, browser: Browser
) -> None:
    await _stepped_up(strong, browser, app, acr_values=TWO)
    assert (await strong.tokens("ministry", HOA, browser, claims=essential(ONE))).claims["acr"] == ONE
    assert (await strong.tokens("ministry", HOA, browser, acr_values=ONE)).claims["acr"] == TWO


async def test_5_max_age_and_level_together(strong: Provider, app: App, browser: Browser) -> None:
    """Both factors anew: the password because it is too long ago, the code because a new login has none."""
    await _stepped_up(strong, browser, app, acr_values=TWO)
    strong.clock.advance(301)
    asked, visit = await strong.portal("ministry").send(browser, claims=essential(TWO), max_age="300")
    assert not _asks_code(visit)
    visit = await strong.sign_in(visit, HOA)
    assert _asks_code(visit)
    tokens = await strong.portal("ministry").tokens(asked, await visit.submit(code=app.code()))
    assert (tokens.claims["acr"], tokens.claims["auth_time"]) == (TWO, int(strong.clock()))


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        ({"claims": essential(TWO)}, "login_required"),
        ({"claims": essential(THREE)}, "unmet_authentication_requirements"),
        ({"acr_values": TWO}, None),
    ],
)
async def test_prompt_none_shows_no_page(
    strong: Provider, browser: Browser, wish: dict[str, str], error: str | None
) -> None:
    _, visit = await strong.portal("ministry").send(browser, prompt="none", **wish)
    assert visit.error == error


class TestWithoutAnApp:
    """Somebody who has none is told how to get one, where the level is a condition."""

    async def test_a_wish_is_passed_over(self, strong: Provider) -> None:
        assert (await strong.tokens("ministry", HOA, acr_values=TWO)).claims["acr"] == ONE

    async def test_prompt_none(self, strong: Provider) -> None:
        browser = strong.browser()
        await strong.enter("ministry", HOA, browser)
        _, visit = await strong.portal("ministry").send(browser, prompt="none", claims=essential(TWO))
        assert visit.error == "unmet_authentication_requirements"

    async def test_the_way_back(self, strong: Provider) -> None:
        visit = await self._lacking(strong, strong.browser())
        assert (await visit.submit(decision="lacking")).error == "unmet_authentication_requirements"

    async def test_the_app_is_added_and_the_request_goes_on(self, strong: Provider) -> None:
        browser = strong.browser()
        visit = await self._lacking(strong, browser)
        way = visit.text.split('id="set_up" href="')[1].split('"')[0]
        strong.clock.advance(11 * 60)  # and the login is too old for a change by now
        page = await strong.sign_in(await browser.open(way), HOA)
        assert "Cổng dịch vụ công của Bộ" in page.text
        assert "https://ministry.example" in page.response.headers["content-security-policy"]
        page = await press(page, "/begin")
        visit = await press(page, "/confirm", code=App(read_secret(page), strong.clock).code())
        assert not _asks_code(visit), "the code that added the app is proof enough"
        visit = await strong.settle(visit)
        assert visit.code

    @pytest.mark.parametrize("change", ["id", "browser", "finished"])
    async def test_no_way_back_to_what_is_not_the_persons(self, strong: Provider, change: str) -> None:
        browser = strong.browser()
        visit = await self._lacking(strong, browser)
        waiting = visit.path.rpartition("/")[2]
        if change == "finished":
            await visit.submit(decision="lacking")
        other = strong.browser() if change == "browser" else browser
        named = "//evil.example" if change == "id" else waiting
        page = await other.open(f"/account/authenticator?interaction={named}")
        if page.offers(personal_number=HOA.number, password=PASSWORD):
            page = await strong.sign_in(page, HOA)
        page = await press(page, "/begin")
        assert "evil" not in page.text
        visit = await press(page, "/confirm", code=App(read_secret(page), strong.clock).code())
        assert visit.path == "/account"

    async def _lacking(self, provider: Provider, browser: Browser) -> Visit:
        _, visit = await provider.portal("ministry").send(browser, claims=essential(TWO))
        visit = await provider.sign_in(visit, HOA)
        assert visit.offers(decision="lacking")
        return visit


async def test_3_and_4_the_example_api_and_a_client_that_follows_its_challenge(
    strong: Provider, app: App
) -> None:
    """Everything in one: call, challenge, step-up, call; then the login grows too old, and again."""
    portal = await _filing(strong)
    described = Api(issuer=ISSUER, audience=API, address=API, accept_unbound_tokens=True)
    api = build_api(Guard(described, transport=strong.transport(), clock=strong.clock))
    browser = strong.browser()
    tokens = await strong.tokens("filing", HOA, browser, resource=API)
    challenge = await _call(api, tokens)
    assert challenge == Challenge("insufficient_user_authentication", TWO, "900")
    wish = {"acr_values": challenge.acr_values, "max_age": challenge.max_age, "resource": API}
    asked, visit = await portal.send(browser, **wish)
    tokens = await portal.tokens(asked, await visit.submit(code=app.code()))
    assert await _call(api, tokens) is None

    strong.clock.advance(16 * 60)
    asked, visit = await portal.send(browser, resource=API)
    stale = await portal.tokens(asked, visit)
    assert await _call(api, stale) == challenge, "strong as ever, but too long ago"
    asked, visit = await portal.send(browser, **wish)
    visit = await (await strong.sign_in(visit, HOA)).submit(code=app.code())
    assert await _call(api, await portal.tokens(asked, visit)) is None


async def _filing(provider: Provider) -> Portal:
    """A portal that calls the API for people."""
    metadata = {**REGISTRATIONS["ministry"], "client_id": "filing", "audience": [API]}
    if "filing" not in provider.registered:
        provider.registered["filing"], kept = register(metadata, int(provider.clock()))
        await provider.db.write(kept)
    return provider.portal("filing")


async def _call(api: ASGIApp, tokens: Tokens) -> Challenge | None:
    """None for an answer, else the challenge."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(api), base_url=API) as http:
        headers = {"authorization": f"Bearer {tokens.access_token}"}
        response = await http.get("/extracts", headers=headers)
    return None if response.is_success else read_challenge(response.headers["www-authenticate"])


async def test_a_device_gets_a_login_as_strong_as_it_asks_for(strong: Provider, app: App) -> None:
    """RFC 8628 with an essential `acr`: the code of the app is asked for before the device is let in."""
    await _add_device(strong)
    device = await ask(strong, claims=essential(TWO))
    visit = await type_code(strong.browser(), device.user_code)
    visit = await strong.sign_in(visit, HOA)
    assert _asks_code(visit)
    visit = await (await visit.submit(code=app.code())).submit(decision="confirm")
    assert (await device.portal.read(await device.poll())).claims["acr"] == TWO


async def test_a_device_of_somebody_without_an_app_is_refused(strong: Provider) -> None:
    await _add_device(strong)
    device = await ask(strong, claims=essential(TWO))
    visit = await strong.sign_in(await type_code(strong.browser(), device.user_code), HOA)
    await visit.submit(decision="lacking")
    assert await device.error() == "access_denied"


async def _add_device(provider: Provider) -> None:
    if "tv" not in provider.registered:
        await add_clients(provider, TV)


async def test_a_refresh_gives_the_level_of_its_login(strong: Provider, app: App) -> None:
    """RFC 9470 §6.2 by RFC 9068: what was granted before the step-up stays as weak as it was."""
    browser, portal = strong.browser(), strong.portal("dossiers")
    weak = await strong.tokens("dossiers", HOA, browser)
    await strong.enter("ministry", HOA, browser)
    await _stepped_up(strong, browser, app, acr_values=TWO)
    claims = (await portal.read(await portal.refresh(weak.refresh_token))).claims
    assert claims["acr"] == ONE
