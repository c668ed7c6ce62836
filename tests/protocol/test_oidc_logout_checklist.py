"""The logout plans of the OpenID Foundation's suite, module by module.

RP-initiated, front-channel and back-channel logout. The plan for login begun by a third party registers its clients:
see test_oidc_registration. The plan for session management is declined (idp/decisions/DIVERGENCES.md).

Whether somebody is logged out is seen as the suite sees it: by the answer to a following `prompt=none`.
"""

from __future__ import annotations

import re
from html import escape, unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.browsing import Browser, Visit
from tests.support.installation import ISSUER
from tests.support.logouts import deliver
from tests.support.population import HOA
from tests.support.portals import REGISTRATIONS, Tokens, register
from tests.support.provider import Provider
from tests.support.receiving_portal import ReceivingPortal

BYE = "https://ministry.example/bye"
LONG_STATE = "s" * 128


@pytest.fixture
def one(strong: Provider) -> Provider:
    """One provider for all of them: every test has a browser of its own."""
    return strong


@pytest.fixture
async def tokens(one: Provider, browser: Browser) -> Tokens:
    """What the ministry's portal holds of the person who is logged in in `browser`."""
    return await one.tokens("ministry", HOA, browser)


async def logout(browser: Browser, **parameters: str) -> Visit:
    """Go to the end session endpoint."""
    return await browser.open(f"/logout?{urlencode(parameters)}")


async def is_logged_out(one: Provider, browser: Browser) -> bool:
    """What a silent request says."""
    _, visit = await one.portal("ministry").send(browser, prompt="none")
    assert visit.error in {None, "login_required"}
    return visit.error is not None


def is_question(visit: Visit) -> bool:
    """Whether the page asks before it ends the session."""
    return visit.offers(decision="logout")


async def answer(visit: Visit) -> Visit:
    """The person confirms where asked; an error page stays what it is."""
    return await visit.submit(decision="logout") if is_question(visit) else visit


async def test_oidcc_rp_initiated_logout_discovery_endpoint_verification(one: Provider) -> None:
    document = (await one.http().get("/.well-known/openid-configuration")).json()
    assert document["end_session_endpoint"] == f"{ISSUER}/logout"


async def test_oidcc_rp_initiated_logout(one: Provider, browser: Browser, tokens: Tokens) -> None:
    visit = await answer(
        await logout(browser, id_token_hint=tokens.id_token, post_logout_redirect_uri=BYE, state=LONG_STATE)
    )
    assert visit.address == f"{BYE}?state={LONG_STATE}"
    assert await is_logged_out(one, browser)


async def test_oidcc_rp_initiated_logout_with_a_hint_long_expired(
    one: Provider, browser: Browser, tokens: Tokens
) -> None:
    one.clock.advance(20 * 60)
    visit = await answer(await logout(browser, id_token_hint=tokens.id_token, post_logout_redirect_uri=BYE))
    assert visit.address == BYE
    assert await is_logged_out(one, browser)


async def test_oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri(
    one: Provider, browser: Browser, tokens: Tokens
) -> None:
    visit = await logout(
        browser, id_token_hint=tokens.id_token, post_logout_redirect_uri=f"{BYE}?foo=bar", state="x"
    )
    assert (visit.answer, visit.told("error-code")) == (None, "logout_redirect_mismatch")
    assert not await is_logged_out(one, browser)


@pytest.mark.parametrize(
    "uri",
    [
        "https://ministry.example/other",
        f"{BYE}/",
        f"{BYE}#fragment",
        "https://province.example/bye",
        "javascript:alert(1)",
        "//evil.example/bye",
    ],
)
async def test_oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(
    one: Provider, browser: Browser, tokens: Tokens, uri: str
) -> None:
    visit = await logout(browser, id_token_hint=tokens.id_token, post_logout_redirect_uri=uri)
    assert (visit.answer, visit.told("error-code")) == (None, "logout_redirect_mismatch")
    assert not await is_logged_out(one, browser)


def unsigned(tokens: Tokens) -> str:
    """The hint rewritten to `alg: none`."""
    return jwt.encode(dict(tokens.claims), "", algorithm="none")


def foreign(tokens: Tokens) -> str:
    """The hint signed by a key of nobody's."""
    kid = jwt.get_unverified_header(tokens.id_token)["kid"]
    key = ec.generate_private_key(ec.SECP256R1())
    return jwt.encode(dict(tokens.claims), key, algorithm="ES256", headers={"kid": kid})


async def test_oidcc_rp_initiated_logout_modified_id_token_hint(
    one: Provider, browser: Browser, tokens: Tokens
) -> None:
    visit = await logout(browser, id_token_hint=unsigned(tokens), post_logout_redirect_uri=BYE)
    assert (visit.answer, visit.told("error-code")) == (None, "invalid_logout_hint")
    assert not await is_logged_out(one, browser)


async def test_oidcc_rp_initiated_logout_bad_id_token_hint(
    one: Provider, browser: Browser, tokens: Tokens
) -> None:
    visit = await logout(browser, id_token_hint=foreign(tokens), post_logout_redirect_uri=BYE)
    assert (visit.answer, visit.told("error-code")) == (None, "invalid_logout_hint")
    assert not await is_logged_out(one, browser)


@pytest.mark.usefixtures("tokens")
async def test_oidcc_rp_initiated_logout_no_id_token_hint(one: Provider, browser: Browser) -> None:
    visit = await logout(browser, post_logout_redirect_uri=BYE)
    assert is_question(visit)
    visit = await answer(visit)
    assert visit.answer is None, "nobody vouches for the address"
    assert await is_logged_out(one, browser)


@pytest.mark.usefixtures("tokens")
async def test_oidcc_rp_initiated_logout_no_params(one: Provider, browser: Browser) -> None:
    visit = await answer(await logout(browser))
    assert (visit.answer, visit.status) == (None, 200)
    assert visit.told("logged-out")
    assert await is_logged_out(one, browser)


@pytest.mark.usefixtures("tokens")
async def test_oidcc_rp_initiated_logout_only_state(one: Provider, browser: Browser) -> None:
    visit = await answer(await logout(browser, state="only"))
    assert (visit.answer, visit.status) == (None, 200)
    assert visit.told("logged-out")
    assert await is_logged_out(one, browser)


async def test_oidcc_rp_initiated_logout_no_post_logout_redirect_uri(
    one: Provider, browser: Browser, tokens: Tokens
) -> None:
    visit = await answer(await logout(browser, id_token_hint=tokens.id_token))
    assert (visit.answer, visit.status) == (None, 200)
    assert visit.told("logged-out")
    assert await is_logged_out(one, browser)


async def test_oidcc_rp_initiated_logout_no_state(one: Provider, browser: Browser, tokens: Tokens) -> None:
    visit = await answer(await logout(browser, id_token_hint=tokens.id_token, post_logout_redirect_uri=BYE))
    assert visit.address == BYE
    assert await is_logged_out(one, browser)


async def test_a_hint_of_another_client_returns_nowhere(
    one: Provider, browser: Browser, tokens: Tokens
) -> None:
    """RP-Initiated Logout 1.0 §4: a `client_id` must be the one that the hint was issued to."""
    visit = await logout(
        browser,
        id_token_hint=tokens.id_token,
        client_id="province",
        post_logout_redirect_uri="https://province.example/bye",
    )
    assert (visit.answer, visit.told("error-code")) == (None, "invalid_logout_hint")
    assert not await is_logged_out(one, browser)


async def test_logout_by_post_is_as_by_get(one: Provider, browser: Browser, tokens: Tokens) -> None:
    """A POST from the portal's site brings no cookie of ours: its hint names the session."""
    fields = {"id_token_hint": tokens.id_token, "post_logout_redirect_uri": BYE, "state": "x"}
    response = await one.http().post("/logout", data=fields)
    assert (response.status_code, response.headers["location"]) == (303, f"{BYE}?state=x")
    assert await is_logged_out(one, browser)


async def test_logout_is_noted_with_who_asked(one: Provider, browser: Browser, tokens: Tokens) -> None:
    before = len(await one.events("logout"))
    await logout(browser, id_token_hint=tokens.id_token)
    await logout(browser, id_token_hint=tokens.id_token)
    noted = (await one.events("logout"))[before:]
    assert [(event.client_id, event.outcome) for event in noted] == [("ministry", "ok")]
    assert noted[0].account_id == (await one.account(HOA)).account_id


async def test_a_logout_hint_of_somebody_else_is_told_to_the_person_and_ends_nothing_by_itself(
    one: Provider, browser: Browser, tokens: Tokens
) -> None:
    """RP-Initiated Logout 1.0 §2, `logout_hint`: also beside an ID token that would have sufficed."""
    somebody = "x" * len(tokens.sub)
    visit = await logout(browser, id_token_hint=tokens.id_token, logout_hint=somebody)
    assert is_question(visit)
    assert 'id="other-person"' in visit.text
    assert not await is_logged_out(one, browser)
    visit = await logout(browser, client_id="ministry", logout_hint=tokens.sub)
    assert is_question(visit)
    assert 'id="other-person"' not in visit.text
    visit = await logout(browser, id_token_hint=tokens.id_token, logout_hint=tokens.claims["sid"])
    assert visit.told("logged-out")


async def test_the_pages_speak_the_language_that_the_portal_asks_for(
    one: Provider, browser: Browser, tokens: Tokens
) -> None:
    """RP-Initiated Logout 1.0 §2, `ui_locales`; the person's own choice goes before."""
    visit = await logout(browser, ui_locales="fr en vi")
    assert '<html lang="en">' in visit.text
    visit = await logout(browser, ui_locales="en", lang="vi")
    assert '<html lang="vi">' in visit.text
    assert tokens.sub


async def test_what_came_by_post_about_a_person_gets_into_no_address(
    one: Provider, browser: Browser, tokens: Tokens
) -> None:
    """The other language is one link away, and `client_id` vouches for the way back there."""
    fields = {"id_token_hint": tokens.id_token, "logout_hint": "x" * 43, "post_logout_redirect_uri": BYE}
    visit = await browser.post("/logout", [*fields.items(), ("client_id", "ministry"), ("state", "x")])
    assert is_question(visit)
    link = re.search(r'id="switch-language" href="([^"]*)"', visit.text)
    assert link is not None
    assert set(dict(parse_qsl(urlsplit(unescape(link[1])).query))) == {
        "post_logout_redirect_uri", "client_id", "state", "lang",
    }  # fmt: skip
    visit = await browser.open(unescape(link[1]))
    assert '<html lang="en">' in visit.text
    assert (await answer(visit)).address == f"{BYE}?state=x"


async def test_oidcc_frontchannel_logout_discovery_endpoint_verification(one: Provider) -> None:
    document = (await one.http().get("/.well-known/openid-configuration")).json()
    assert document["frontchannel_logout_supported"] is True
    assert document["frontchannel_logout_session_supported"] is True
    assert document["end_session_endpoint"] == f"{ISSUER}/logout"


async def test_oidcc_frontchannel_rp_initiated_logout(one: Provider, browser: Browser) -> None:
    """More of it: test_oidc_frontchannel_logout."""
    metadata = {
        **REGISTRATIONS["ministry"],
        "client_id": "front",
        "frontchannel_logout_uri": "https://ministry.example/front",
        "frontchannel_logout_session_required": True,
    }
    one.registered["front"], kept = register(metadata, int(one.clock()))
    await one.db.write(kept)
    tokens = await one.tokens("front", HOA, browser)
    visit = await logout(
        browser, id_token_hint=tokens.id_token, post_logout_redirect_uri=BYE, state=LONG_STATE
    )
    asked = urlencode({"iss": ISSUER, "sid": tokens.claims["sid"]})
    assert f'src="{escape(f"https://ministry.example/front?{asked}")}"' in visit.text
    assert visit.response.headers["refresh"] == f"0; url={BYE}?state={LONG_STATE}"
    assert await is_logged_out(one, browser)


async def test_oidcc_backchannel_logout_discovery_endpoint_verification(one: Provider) -> None:
    document = (await one.http().get("/.well-known/openid-configuration")).json()
    assert document["backchannel_logout_supported"] is True
    assert document["backchannel_logout_session_supported"] is True
    assert document["end_session_endpoint"] == f"{ISSUER}/logout"


async def test_oidcc_backchannel_rp_initiated_logout(
    telling_provider: Provider, receiver: ReceivingPortal
) -> None:
    """More of it: test_oidc_backchannel_logout."""
    browser = telling_provider.browser()
    tokens = await telling_provider.tokens("told", HOA, browser)
    visit = await logout(browser, id_token_hint=tokens.id_token, post_logout_redirect_uri=BYE)
    assert visit.address == BYE
    await deliver(telling_provider)
    (request,) = receiver.received
    claims = await telling_provider.portal("told").verify(request.token)
    assert (claims["sid"], claims["sub"]) == (tokens.claims["sid"], tokens.claims["sub"])
    assert "nonce" not in claims
