"""OpenID Connect Back-Channel Logout 1.0: what a portal is sent, and that every ending is told to whom it concerns.

The suite's modules `oidcc-backchannel-logout-discovery-endpoint-verification` and
`oidcc-backchannel-rp-initiated-logout` are among these. How a delivery survives failures: tests/unit/jobs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode, urljoin

import jwt
import pytest

from idp.accounts.sessions import end_all_sessions, end_session
from idp.oidc.logout_token import EVENT
from idp.store import incidents
from idp.store.sessions import ABSOLUTE_LIFETIME, IDLE_LIFETIME
from keys.policy import Purpose
from tests.support.browsing import Browser
from tests.support.installation import ISSUER
from tests.support.logouts import add_portal, deliver, expire, follow_registers, logout, queued
from tests.support.population import HOA, KHANG, change_citizen
from tests.support.portals import Tokens
from tests.support.provider import Provider
from tests.support.receiving_portal import ReceivingPortal


@pytest.fixture
def one(telling_provider: Provider) -> Provider:
    """A fresh provider for each module."""
    return telling_provider


@pytest.fixture
async def tokens(one: Provider, browser: Browser) -> Tokens:
    """What the portal holds of somebody who is logged in."""
    return await one.tokens("told", HOA, browser)


async def test_oidcc_backchannel_logout_discovery_endpoint_verification(one: Provider) -> None:
    document = (await one.http().get("/.well-known/openid-configuration")).json()
    assert document["backchannel_logout_supported"] is True
    assert document["backchannel_logout_session_supported"] is True
    assert document["end_session_endpoint"] == f"{ISSUER}/logout"


async def test_oidcc_backchannel_rp_initiated_logout(
    one: Provider, browser: Browser, tokens: Tokens, receiver: ReceivingPortal
) -> None:
    await logout(browser, tokens)
    await deliver(one)
    (request,) = receiver.received
    assert request.content_type == "application/x-www-form-urlencoded"
    assert request.form.keys() == {"logout_token"}
    header = jwt.get_unverified_header(request.token)
    assert header["typ"] == "logout+jwt"
    assert header["alg"] == jwt.get_unverified_header(tokens.id_token)["alg"]
    claims = await one.portal("told").verify(request.token)
    assert claims.keys() == {"iss", "sub", "aud", "iat", "exp", "jti", "events", "sid"}
    assert (claims["iss"], claims["aud"]) == (ISSUER, "told")
    assert (claims["sub"], claims["sid"]) == (tokens.claims["sub"], tokens.claims["sid"])
    assert claims["events"] == {EVENT: {}}
    assert claims["exp"] - claims["iat"] <= 120
    assert len(claims["jti"]) >= 32
    (event,) = await one.events("logout.delivered")
    assert (event.outcome, event.client_id) == ("ok", "told")
    assert event.account_id == (await one.account(HOA)).account_id
    assert [row["state"] for row in await queued(one)] == ["delivered"]


async def test_the_algorithm_is_the_one_of_the_clients_id_tokens(
    one: Provider, receiver: ReceivingPortal
) -> None:
    await add_portal(one, "old", receiver.uri, id_token_signed_response_alg="RS256")
    browser = one.browser()
    await logout(browser, await one.tokens("old", HOA, browser))
    await deliver(one)
    assert jwt.get_unverified_header(receiver.received[0].token)["alg"] == "RS256"
    await one.portal("old").verify(receiver.received[0].token)


async def test_a_logout_token_is_no_id_token(
    one: Provider, browser: Browser, tokens: Tokens, receiver: ReceivingPortal
) -> None:
    """RFC 8725 §3.11: its type keeps it from passing as a hint."""
    await logout(browser, tokens)
    await deliver(one)
    visit = await browser.open(f"/logout?{urlencode({'id_token_hint': receiver.received[0].token})}")
    assert visit.told("error-code") == "invalid_logout_hint"


async def by_portal(one: Provider, browser: Browser, tokens: Tokens) -> None:
    await logout(browser, tokens)


async def by_person_at_the_provider(one: Provider, browser: Browser, tokens: Tokens) -> None:
    visit = await browser.open("/logout")
    await visit.submit(decision="logout")


async def by_person_from_another_device(one: Provider, browser: Browser, tokens: Tokens) -> None:
    elsewhere = one.browser()
    await one.enter("ministry", HOA, elsewhere)
    await (await elsewhere.open("/account")).submit(session=tokens.claims["sid"])


async def by_person_with_all_other_devices(one: Provider, browser: Browser, tokens: Tokens) -> None:
    elsewhere = one.browser()
    await one.enter("ministry", HOA, elsewhere)
    page = await elsewhere.open("/account")
    (form,) = [form for form in page.forms if form.action.endswith("/end-others")]
    await elsewhere.post(urljoin(page.address, form.action), form.filled([]))


async def by_lock(one: Provider, browser: Browser, tokens: Tokens) -> None:
    await one.lock(HOA)


async def by_staff(one: Provider, browser: Browser, tokens: Tokens) -> None:
    assert await end_session(one.context(), await one.account(HOA), tokens.claims["sid"], "officer-1")


async def by_staff_with_all(one: Provider, browser: Browser, tokens: Tokens) -> None:
    await end_all_sessions(one.context(), await one.account(HOA), "officer-1")


async def by_somebody_else_in_the_same_browser(one: Provider, browser: Browser, tokens: Tokens) -> None:
    _, visit = await one.portal("ministry").send(browser, prompt="login")
    await one.sign_in(visit, KHANG)


async def by_emergency(one: Provider, browser: Browser, tokens: Tokens) -> None:
    now = int(one.clock())
    revoked = incidents.revoke_signed(
        "i", "ES256", [Purpose.ID_TOKEN], from_at=now - 60, until_at=now + 1, reason="key_revoked", now=now
    )
    await one.db.write(*revoked)


async def by_lack_of_use(one: Provider, browser: Browser, tokens: Tokens) -> None:
    one.clock.advance(IDLE_LIFETIME)
    await expire(one)


async def by_the_end_of_its_day(one: Provider, browser: Browser, tokens: Tokens) -> None:
    one.clock.advance(ABSOLUTE_LIFETIME)
    await expire(one)


async def by_death(one: Provider, browser: Browser, tokens: Tokens) -> None:
    await change_citizen(one.registers, HOA, status="deceased")
    assert (await one.portal("told").userinfo(tokens.access_token)).status_code == 401, "at once"
    await follow_registers(one)


@pytest.mark.parametrize(
    "end",
    [
        by_portal,
        by_person_at_the_provider,
        by_person_from_another_device,
        by_person_with_all_other_devices,
        by_lock,
        by_staff,
        by_staff_with_all,
        by_somebody_else_in_the_same_browser,
        by_emergency,
        by_lack_of_use,
        by_the_end_of_its_day,
        by_death,
    ],
)
async def test_every_ending_is_told(
    one: Provider,
    browser: Browser,
    tokens: Tokens,
    receiver: ReceivingPortal,
    end: Callable[[Provider, Browser, Tokens], Awaitable[None]],
) -> None:
    await end(one, browser, tokens)
    await deliver(one)
    claims = [await one.portal("told").verify(request.token) for request in receiver.received]
    assert [(one["sid"], one["sub"]) for one in claims] == [(tokens.claims["sid"], tokens.claims["sub"])]


async def test_an_emergency_ends_tokens_and_tells_exactly_the_affected_portals(
    one: Provider, browser: Browser, tokens: Tokens, receiver: ReceivingPortal
) -> None:
    await add_portal(
        one,
        "other",
        receiver.uri,
        id_token_signed_response_alg="RS256",
        access_token_signed_response_alg="RS256",
    )
    other = await one.tokens("other", HOA, browser)
    refreshable = await one.tokens("dossiers", HOA, browser)
    await by_emergency(one, browser, tokens)
    assert (await one.portal("told").userinfo(tokens.access_token)).status_code == 401
    assert (await one.portal("other").userinfo(other.access_token)).status_code == 200
    assert not (await one.portal("dossiers").introspect(refreshable.access_token))["active"]
    refused = await one.portal("dossiers").refresh(refreshable.refresh_token)
    assert refused.json()["error"] == "invalid_grant"
    await deliver(one)
    told = [jwt.decode(one.token, options={"verify_signature": False})["aud"] for one in receiver.received]
    assert told == ["told"]


async def test_who_is_not_logged_in_or_not_registered_for_it_is_not_told(
    one: Provider, browser: Browser, tokens: Tokens, receiver: ReceivingPortal
) -> None:
    await add_portal(one, "bystander", receiver.uri)
    await one.tokens("province", HOA, browser)
    await logout(browser, tokens)
    assert [row["client_id"] for row in await queued(one)] == ["told"]
