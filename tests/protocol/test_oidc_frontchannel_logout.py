"""OpenID Connect Front-Channel Logout 1.0: portals that the person's own browser tells, by frames that nobody sees.

That browsers without script do so, and go on to the portal: tests/browser.
"""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest

from tests.support.browsing import Browser, Visit
from tests.support.installation import ISSUER
from tests.support.logouts import BYE, queued
from tests.support.on_sqlite import on_sqlite
from tests.support.population import HOA
from tests.support.portals import REGISTRATIONS, Tokens, register
from tests.support.provider import Provider

pytestmark = on_sqlite

HOST = "https://ministry.example"
AWKWARD = "a b;'\",=\\%0a<&"


@pytest.fixture
async def one(settled_provider: Provider) -> Provider:
    """A fresh provider with a portal that is told by frames alone."""
    await add_front(settled_provider, "front", f"{HOST}/front")
    return settled_provider


async def add_front(provider: Provider, client_id: str, uri: str, **more: Any) -> None:
    """A ministry's portal that is told of logouts by a frame."""
    changes = {"client_id": client_id, "client_name": f"Cổng {client_id}", "frontchannel_logout_uri": uri}
    registered, kept = register({**REGISTRATIONS["ministry"], **changes, **more}, int(provider.clock()))
    await provider.db.write(kept)
    provider.registered[client_id] = registered


@pytest.fixture
async def tokens(one: Provider, browser: Browser) -> Tokens:
    """What the portal holds of somebody who is logged in."""
    return await one.tokens("front", HOA, browser)


async def logout(browser: Browser, **parameters: str) -> Visit:
    """Go to the end session endpoint."""
    return await browser.open(f"/logout?{urlencode(parameters)}")


def framed(visit: Visit) -> list[str]:
    """Addresses of the frames of a page."""
    return [html.unescape(found) for found in re.findall(r"<iframe [^>]*src=\"([^\"]*)\"", visit.text)]


def policy(visit: Visit) -> dict[str, str]:
    """The content security policy by directive."""
    stated = visit.response.headers["content-security-policy"].split("; ")
    return {name: values for name, _, values in (one.partition(" ") for one in stated)}


def listed(visit: Visit, element_id: str) -> list[str]:
    """The entries of a list of a page."""
    found = re.search(rf'id="{element_id}">(.*?)</ul>', visit.text, re.DOTALL)
    return re.findall(r"<li[^>]*>([^<]*)</li>", found[1]) if found else []


async def test_the_page_loads_the_registered_address_and_leads_on_by_itself(
    one: Provider, browser: Browser, tokens: Tokens
) -> None:
    visit = await logout(browser, id_token_hint=tokens.id_token, post_logout_redirect_uri=BYE, state=AWKWARD)
    assert (visit.status, visit.answer) == (200, None)
    (frame,) = framed(visit)
    assert frame.partition("?")[0] == f"{HOST}/front"
    assert parse_qsl(urlsplit(frame).query) == [("iss", ISSUER), ("sid", tokens.claims["sid"])]
    at, _, onward = visit.response.headers["refresh"].partition("; url=")
    assert (at, onward.partition("?")[0]) == ("0", BYE)
    assert parse_qs(urlsplit(onward).query) == {"state": [AWKWARD]}
    assert onward in {html.unescape(found) for found in re.findall(r'id="return" href="([^"]*)"', visit.text)}
    _, silent = await one.portal("front").send(browser, prompt="none")
    assert silent.error == "login_required"


async def test_without_a_place_to_return_to_the_page_stays(
    one: Provider, browser: Browser, tokens: Tokens
) -> None:
    visit = await logout(browser, id_token_hint=tokens.id_token)
    assert len(framed(visit)) == 1
    assert "refresh" not in visit.response.headers
    assert "returning" not in visit.text


async def test_we_frame_exactly_these_portals_and_nobody_frames_us(
    one: Provider, browser: Browser, tokens: Tokens
) -> None:
    await add_front(
        one, "other", "https://other.example:8443/x", redirect_uris=["https://other.example:8443/cb"]
    )
    await one.tokens("other", HOA, browser)
    visit = await logout(browser, id_token_hint=tokens.id_token)
    stated = policy(visit)
    assert set(stated["frame-src"].split()) == {HOST, "https://other.example:8443"}
    assert stated["default-src"] == "'none'"
    assert stated["frame-ancestors"] == "'none'"
    assert "script-src" not in stated
    assert visit.response.headers["x-frame-options"] == "DENY"
    assert visit.response.headers["referrer-policy"] == "no-referrer"
    tags = re.findall(r"<iframe [^>]*>", visit.text)
    assert all('sandbox="allow-scripts allow-same-origin"' in tag and " hidden" in tag for tag in tags)


async def test_a_page_without_frames_may_frame_nobody(one: Provider, browser: Browser) -> None:
    tokens = await one.tokens("province", HOA, browser)
    visit = await logout(browser, id_token_hint=tokens.id_token)
    assert "frame-src" not in policy(visit)
    assert framed(visit) == []


async def test_the_person_is_asked_first_where_nobody_vouches(
    one: Provider, browser: Browser, tokens: Tokens
) -> None:
    visit = await logout(browser, client_id="front", post_logout_redirect_uri=BYE, state="x")
    assert framed(visit) == [], "before the session has ended nobody is told"
    visit = await visit.submit(decision="logout")
    assert parse_qs(urlsplit(framed(visit)[0]).query)["sid"] == [tokens.claims["sid"]]
    assert visit.response.headers["refresh"] == f"0; url={BYE}?state=x"


async def test_who_stays_signed_in_tells_nobody(one: Provider, browser: Browser, tokens: Tokens) -> None:
    visit = await logout(browser, client_id="front", post_logout_redirect_uri=BYE)
    assert (await visit.submit(decision="stay")).path == "/account"
    _, silent = await one.portal("front").send(browser, prompt="none")
    assert silent.error is None
    assert tokens.sub


async def test_asking_again_tells_nobody_again(one: Provider, browser: Browser, tokens: Tokens) -> None:
    await logout(browser, id_token_hint=tokens.id_token, post_logout_redirect_uri=BYE)
    visit = await logout(browser, id_token_hint=tokens.id_token, post_logout_redirect_uri=BYE)
    assert visit.address == BYE


async def test_the_hinted_session_ends_beside_the_browsers_own(
    one: Provider, browser: Browser, tokens: Tokens
) -> None:
    """The portal still shows an older session than the one of this browser: after the question both are over."""
    browser.forget()
    newer = await one.tokens("front", HOA, browser)
    visit = await logout(browser, id_token_hint=tokens.id_token)
    visit = await visit.submit(decision="logout")
    sids = {parse_qs(urlsplit(frame).query)["sid"][0] for frame in framed(visit)}
    assert sids == {tokens.claims["sid"], newer.claims["sid"]}
    assert len(await one.events("logout")) == 2


async def test_the_person_reads_who_is_told_and_who_may_not_hear_of_it(
    one: Provider, browser: Browser, tokens: Tokens
) -> None:
    await add_front(
        one,
        "both",
        f"{HOST}/both",
        client_name="Cổng cả hai",
        backchannel_logout_uri="https://ministry.example/b",
    )
    await one.tokens("both", HOA, browser)
    await one.tokens("province", HOA, browser)
    visit = await logout(browser, id_token_hint=tokens.id_token)
    assert listed(visit, "told") == ["Cổng cả hai"]
    assert sorted(listed(visit, "entered")) == ["Cổng dịch vụ công của tỉnh", "Cổng front"]
    assert [row["client_id"] for row in await queued(one)] == ["both"]
    assert len(framed(visit)) == 2
