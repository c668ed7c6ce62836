"""What a portal holds after the login: refresh, replay, revocation, expiry; and machines in their own name."""

from __future__ import annotations

import pytest

from idp.oidc.access_token import ACCESS_TOKEN_LIFETIME
from idp.store import clients
from idp.store.database import step
from idp.store.grants import CODE_LIFETIME
from idp.store.refresh_tokens import ABSOLUTE_LIFETIME, GRACE, IDLE_LIFETIME
from idp.store.versions import CLIENTS, changed
from tests.support.population import HOA
from tests.support.portals import API
from tests.support.provider import Provider


async def test_refreshing_gives_fresh_tokens_of_the_same_login(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("dossiers")
    first = await provider.tokens("dossiers", HOA)
    provider.clock.advance(ACCESS_TOKEN_LIFETIME + 1)
    assert (await portal.userinfo(first.access_token)).status_code == 401
    second = await portal.read(await portal.refresh(first.refresh_token))
    assert second.refresh_token != first.refresh_token
    for claim in ("sub", "sid", "auth_time", "aud", "iss"):
        assert second.claims[claim] == first.claims[claim]
    assert "nonce" not in second.claims
    assert (await portal.userinfo(second.access_token)).status_code == 200


async def test_a_lost_response_may_be_asked_for_again(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("dossiers")
    tokens = await provider.tokens("dossiers", HOA)
    lost = (await portal.refresh(tokens.refresh_token)).json()
    provider.clock.advance(GRACE)
    again = await portal.refresh(tokens.refresh_token)
    assert again.json()["refresh_token"] == lost["refresh_token"]
    assert (await portal.refresh(lost["refresh_token"])).status_code == 200


@pytest.mark.parametrize("wait", [0, GRACE + 1])
async def test_an_old_refresh_token_is_a_replay_and_ends_the_grant(
    settled_provider: Provider, wait: int
) -> None:
    provider, portal = settled_provider, settled_provider.portal("dossiers")
    tokens = await provider.tokens("dossiers", HOA)
    successor = (await portal.refresh(tokens.refresh_token)).json()
    if wait == 0:  # within the grace, but its successor has been used: nothing was lost
        successor = (await portal.refresh(successor["refresh_token"])).json()
    provider.clock.advance(wait)
    assert (await portal.refresh(tokens.refresh_token)).json()["error"] == "invalid_grant"
    assert (await portal.refresh(successor["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await portal.userinfo(successor["access_token"])).status_code == 401


async def test_a_refresh_token_ends_unused_and_at_the_latest_after_a_day(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("dossiers")
    idle = await provider.tokens("dossiers", HOA)
    token = (await provider.tokens("dossiers", HOA)).refresh_token
    began = provider.clock.now
    while provider.clock.now - began + IDLE_LIFETIME - 1 < ABSOLUTE_LIFETIME:
        provider.clock.advance(IDLE_LIFETIME - 1)
        token = (await portal.refresh(token)).json()["refresh_token"]
    provider.clock.now = began + ABSOLUTE_LIFETIME
    assert (await portal.refresh(token)).json()["error"] == "invalid_grant"
    assert (await portal.refresh(idle.refresh_token)).json()["error"] == "invalid_grant"


async def test_less_may_be_refreshed_but_never_more(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("dossiers")
    tokens = await provider.tokens("dossiers", HOA, scope="openid profile")
    narrow = (await portal.refresh(tokens.refresh_token, scope="openid")).json()
    assert narrow["scope"] == "openid"
    wide = await portal.refresh(narrow["refresh_token"], scope="openid profile org")
    assert wide.json()["error"] == "invalid_scope"


async def test_a_refresh_token_of_another_portal_is_refused_and_stays_good(
    settled_provider: Provider,
) -> None:
    provider = settled_provider
    tokens = await provider.tokens("dossiers", HOA)
    stolen = await provider.portal("library").refresh(tokens.refresh_token)
    assert stolen.json()["error"] == "invalid_grant"
    assert (await provider.portal("dossiers").refresh(tokens.refresh_token)).status_code == 200


async def test_using_a_code_twice_takes_back_what_it_gave(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("dossiers")
    asked, visit = await provider.enter("dossiers", HOA)
    tokens = await portal.tokens(asked, visit)
    assert (await portal.redeem(asked, visit.code)).json()["error"] == "invalid_grant"
    assert (await portal.userinfo(tokens.access_token)).status_code == 401
    assert (await portal.refresh(tokens.refresh_token)).json()["error"] == "invalid_grant"
    assert "code_replay" in {event.outcome for event in await provider.events("token")}


async def test_a_code_works_for_a_minute(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("ministry")
    asked, visit = await provider.enter("ministry", HOA)
    provider.clock.advance(CODE_LIFETIME)
    assert (await portal.redeem(asked, visit.code)).json()["error"] == "invalid_grant"


async def test_a_code_is_bound_to_client_verifier_and_address(settled_provider: Provider) -> None:
    provider, browser = settled_provider, settled_provider.browser()
    portal = provider.portal("ministry")
    wrong = [
        {"code_verifier": "A" * 43},
        {"redirect_uri": "https://ministry.example/other"},
    ]
    for changes in wrong:
        asked, visit = await provider.enter("ministry", HOA, browser)
        assert (await portal.redeem(asked, visit.code, **changes)).json()["error"] == "invalid_grant"
        again = await portal.redeem(asked, visit.code)
        assert again.json()["error"] == "invalid_grant", "a code that met the wrong hands is used up"
    asked, visit = await provider.enter("ministry", HOA, browser)
    assert (await provider.portal("dossiers").redeem(asked, visit.code)).json()["error"] == "invalid_grant"


async def test_revoking_a_refresh_token_ends_the_grant(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("dossiers")
    tokens = await provider.tokens("dossiers", HOA)
    await provider.portal("library").revoke(tokens.refresh_token)
    assert (await portal.userinfo(tokens.access_token)).status_code == 200, "not its token, no effect"
    await portal.revoke(tokens.refresh_token)
    assert (await portal.userinfo(tokens.access_token)).status_code == 401
    assert (await portal.refresh(tokens.refresh_token)).json()["error"] == "invalid_grant"
    await portal.revoke(tokens.refresh_token)
    await portal.revoke("no token at all")


async def test_revoking_an_access_token_leaves_the_grant(settled_provider: Provider) -> None:
    provider, portal = settled_provider, settled_provider.portal("dossiers")
    tokens = await provider.tokens("dossiers", HOA)
    await provider.portal("library").revoke(tokens.access_token)
    assert (await portal.userinfo(tokens.access_token)).status_code == 200
    await portal.revoke(tokens.access_token)
    assert (await portal.userinfo(tokens.access_token)).status_code == 401
    assert (await portal.introspect(tokens.access_token)) == {"active": False}
    assert (await portal.refresh(tokens.refresh_token)).status_code == 200


async def test_tokens_are_told_to_whom_they_concern(settled_provider: Provider) -> None:
    provider = settled_provider
    tokens = await provider.tokens("dossiers", HOA)
    own = await provider.portal("dossiers").introspect(tokens.access_token)
    assert own["active"] is True
    assert own["sub"] == tokens.sub
    assert (await provider.portal("library").introspect(tokens.access_token)) == {"active": False}
    assert (await provider.portal("api").introspect(tokens.access_token)) == {"active": False}
    assert (await provider.portal("dossiers").introspect(tokens.id_token)) == {"active": False}
    assert (await provider.portal("dossiers").introspect("no token at all")) == {"active": False}
    provider.clock.advance(ACCESS_TOKEN_LIFETIME)
    assert (await provider.portal("dossiers").introspect(tokens.access_token)) == {"active": False}


@pytest.mark.parametrize(("client_id", "alg"), [("machine-es256", "ES256"), ("machine-rs256", "RS256")])
async def test_a_machine_in_its_own_name(provider: Provider, client_id: str, alg: str) -> None:
    machine = provider.portal(client_id)
    response = await machine.post("/token", grant_type="client_credentials", scope="procedures:read")
    token = response.json()["access_token"]
    claims = await machine.verify(token, audience=API)
    assert (claims["sub"], claims["scope"]) == (client_id, "procedures:read")
    assert set(response.json()) == {"access_token", "token_type", "expires_in", "scope"}
    assert (await provider.portal("api").introspect(token))["active"] is True
    assert (await machine.userinfo(token)).status_code in {401, 403}
    refused = await machine.post("/token", grant_type="client_credentials", scope="openid")
    assert refused.json()["error"] == "invalid_scope"


async def test_a_disabled_client_gets_nothing_more(settled_provider: Provider) -> None:
    provider = settled_provider
    tokens = await provider.tokens("dossiers", HOA)
    disable = step(clients.DISABLE, client="dossiers", now=int(provider.clock()))
    await provider.db.write(disable, changed(CLIENTS))
    worker = await provider.another_worker()  # one that has read the clients since
    portal = provider.portal("dossiers", app=worker)
    assert (await portal.userinfo(tokens.access_token)).status_code == 401
    assert (await portal.refresh(tokens.refresh_token)).json()["error"] == "invalid_client"
    _, visit = await portal.send(provider.browser(app=worker))
    assert visit.told("error-code") == "client_disabled"
