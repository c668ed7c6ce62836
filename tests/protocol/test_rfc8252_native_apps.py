"""RFC 8252: apps on a person's own device. Row by row of §7 and §8."""

from __future__ import annotations

import pytest

from idp.errors import InvalidClientMetadata, InvalidRedirectUri
from idp.oidc.client_metadata import read_client
from tests.support.browsing import Browser
from tests.support.devices import add_clients
from tests.support.on_sqlite import on_sqlite
from tests.support.population import HOA
from tests.support.portals import REGISTRATIONS
from tests.support.provider import NOW, PASSWORD, Provider

pytestmark = on_sqlite

APP = REGISTRATIONS["app"]
CLAIMED = {
    **APP,
    "client_id": "claimed-app",
    "redirect_uris": ["https://app.example/callback"],
    "scope": "openid",
}


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1/callback",
        "http://127.0.0.1:51004/callback",
        "http://127.0.0.1:1/callback",
        "vn.example.app:/callback",
    ],
)
async def test_a_loopback_port_is_the_systems_to_choose(service: Provider, hoa: Browser, uri: str) -> None:
    """§7.1, §7.3: private scheme as registered; loopback at any port."""
    _, visit = await service.portal("app").send(hoa, redirect_uri=uri)
    assert visit.status == 200, visit.text
    assert "error-code" not in visit.text


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost/callback",  # §8.3: a name may lead elsewhere
        "http://localhost:51004/callback",
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:51004/callback/",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:051004/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:51004@evil.example/callback",
        "http://127.0.0.1.evil.example:51004/callback",
        "http://127.0.0.2:51004/callback",
        "http://[::1]:51004/callback",  # not registered
        "https://127.0.0.1:51004/callback",
        "vn.example.app:/callback/..",
        "VN.EXAMPLE.APP:/callback",
        "vn.example.app://callback",
    ],
)
async def test_nothing_else_is_a_loopback_address(service: Provider, hoa: Browser, uri: str) -> None:
    _, visit = await service.portal("app").send(hoa, redirect_uri=uri)
    assert visit.answer is None
    assert (visit.status, visit.told("error-code")) == (400, "redirect_uri_mismatch")


async def test_a_web_clients_loopback_port_is_fixed(service: Provider, hoa: Browser) -> None:
    """§7.3 is for native apps: a portal's development address is compared character by character."""
    web = {**REGISTRATIONS["province"], "client_id": "web-at-home", "redirect_uris": ["http://127.0.0.1/cb"]}
    await add_clients(service, web)
    for uri, answered in {"http://127.0.0.1/cb": True, "http://127.0.0.1:5000/cb": False}.items():
        _, visit = await service.portal("web-at-home").send(hoa, redirect_uri=uri)
        assert (visit.told("error-code") != "redirect_uri_mismatch") is answered


async def test_an_app_cannot_do_without_pkce(service: Provider, hoa: Browser) -> None:
    """§6, §8.1."""
    visit = await hoa.open(service.portal("app").ask("code_challenge", "code_challenge_method").address)
    assert visit.error == "invalid_request"
    with pytest.raises(InvalidClientMetadata, match="profile"):
        read_client({**APP, "profile": "legacy", "legacy_until": "2027-06-30"}, now=NOW)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt"])
def test_an_app_has_no_secret(method: str) -> None:
    """§8.5: what stands in every copy of an app is no secret."""
    with pytest.raises(InvalidClientMetadata, match="native"):
        read_client({**APP, "token_endpoint_auth_method": method}, now=NOW)


@pytest.mark.parametrize(
    "uri",
    [
        "myapp:/callback",  # §7.1: no dot, so nobody's name
        "vn.example.app://callback",
        "vn.example.app:callback",
        "javascript:/alert",
        "http://192.168.1.5/callback",
        "http://app.example/callback",
        "https://*.app.example/callback",
    ],
)
def test_what_an_app_cannot_register(uri: str) -> None:
    with pytest.raises(InvalidRedirectUri):
        read_client({**APP, "redirect_uris": [uri]}, now=NOW)


async def test_an_app_that_may_be_another_is_not_answered_in_silence(one: Provider, browser: Browser) -> None:
    """§8.6: another app may have taken the scheme. A login is a sign of life; a session and an old consent are none."""
    asked, visit = await one.enter("app", HOA, browser)
    assert (await one.portal("app").tokens(asked, visit)).sub
    asked, visit = await one.portal("app").send(browser)
    assert visit.offers(decision="confirm"), visit.text
    assert "Ứng dụng di động" in visit.text
    visit = await visit.submit(decision="confirm")
    assert (await one.portal("app").tokens(asked, visit)).sub


async def test_the_person_may_say_that_it_was_not_they(one: Provider, browser: Browser) -> None:
    await one.enter("app", HOA, browser)
    _, visit = await one.portal("app").send(browser)
    visit = await visit.submit(decision="deny")
    assert visit.error == "access_denied"


async def test_without_a_page_such_an_app_gets_an_error(one: Provider, browser: Browser) -> None:
    await one.enter("app", HOA, browser)
    _, visit = await one.portal("app").send(browser, prompt="none")
    assert visit.error == "interaction_required"


async def test_a_claimed_address_is_proof_enough(one: Provider, browser: Browser) -> None:
    """§7.2: the system gives an https address to the app of its owner only."""
    await add_clients(one, CLAIMED)
    await one.enter("dossiers", HOA, browser)
    _, visit = await one.portal("claimed-app").send(browser, prompt="none")
    assert visit.code


async def test_a_confirmation_is_the_persons_own(one: Provider, browser: Browser) -> None:
    """A press on a page that was made for somebody else counts for nothing."""
    await one.enter("app", HOA, browser)
    _, visit = await one.portal("app").send(browser)
    form = next(form for form in visit.forms if form.takes([("decision", "confirm")]))
    planted = [(name, "0" * 64 if name == "shown" else value) for name, value in form.values]
    again = await browser.post(form.action, [*planted, ("decision", "confirm")])
    assert (again.status, again.offers(decision="confirm")) == (409, True)
    assert not again.offers(password=PASSWORD)
