"""RFC 7009: token revocation."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from idp.store import grants
from tests.support.browsing import Browser
from tests.support.delegation import DOSSIERS, TAXES, acting, admit, granted, read
from tests.support.population import HOA
from tests.support.portals import Portal, Tokens
from tests.support.provider import Provider


@pytest.fixture
async def given(service: Provider, hoa: Browser) -> Tokens:
    """Fresh tokens of the portal for dossiers."""
    return await service.tokens("dossiers", HOA, hoa)


@pytest.fixture
def portal(service: Provider) -> Portal:
    """The portal for dossiers."""
    return service.portal("dossiers")


async def is_alive(portal: Portal, access_token: str) -> bool:
    return (await portal.userinfo(access_token)).status_code == 200


@pytest.mark.parametrize("hint", ["", "refresh_token", "access_token", "unheard-of"])
async def test_a_refresh_token_takes_its_whole_grant_with_it(
    portal: Portal, given: Tokens, hint: str
) -> None:
    response = await portal.post("/revoke", token=given.refresh_token, token_type_hint=hint)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["cache-control"] == "no-store"
    assert (await portal.refresh(given.refresh_token)).json()["error"] == "invalid_grant"
    assert not await is_alive(portal, given.access_token)


@pytest.mark.parametrize("hint", ["", "access_token", "refresh_token", "unheard-of"])
async def test_an_access_token_goes_alone(portal: Portal, given: Tokens, hint: str) -> None:
    other = (await portal.refresh(given.refresh_token)).json()
    response = await portal.post("/revoke", token=given.access_token, token_type_hint=hint)
    assert (response.status_code, response.content) == (200, b"")
    assert not await is_alive(portal, given.access_token)
    assert await is_alive(portal, other["access_token"])
    assert (await portal.refresh(other["refresh_token"])).status_code == 200


async def test_an_access_token_without_a_refresh_token_is_all_there_is_of_its_grant(
    service: Provider, hoa: Browser
) -> None:
    await admit(service)
    counter, given = service.portal("counter"), await granted(service, hoa, client_id="counter")
    other = await granted(service, hoa, client_id="counter")
    acted = await acting(service, "dossiers-api", given.access_token, TAXES)
    await counter.revoke(given.access_token)
    for api, token in (("dossiers-api", given.access_token), ("taxes-api", acted)):
        assert await service.portal(api).introspect(token) == {"active": False}
    grant = await grants.find_live(service.db, read(given.access_token)["grant_id"], int(service.clock()))
    assert grant is None, "not the token alone"
    assert (await counter.introspect(other.access_token))["active"] is True, "the next login is another grant"


async def test_who_acts_for_a_person_cannot_end_what_they_granted(service: Provider, hoa: Browser) -> None:
    await admit(service)
    given = await granted(service, hoa, client_id="counter")
    acted = await acting(service, "dossiers-api", given.access_token, TAXES)
    for api in ("taxes-api", "land-api"):
        await service.portal(api).revoke(acted)
    assert (await service.portal("taxes-api").introspect(acted))["active"] is True
    await service.portal("dossiers-api").revoke(acted)
    assert await service.portal("taxes-api").introspect(acted) == {"active": False}
    await service.portal("dossiers-api").revoke(given.access_token)
    assert (await service.portal("dossiers-api").introspect(given.access_token))["active"] is True


async def test_a_code_that_comes_twice_ends_what_was_exchanged_too(service: Provider, hoa: Browser) -> None:
    await admit(service)
    portal = service.portal("filing")
    asked, visit = await portal.send(hoa)
    visit = await service.settle(visit)
    first = (await portal.redeem(asked, visit.code, resource=DOSSIERS)).json()["access_token"]
    acted = await acting(service, "dossiers-api", first, TAXES)
    assert (await portal.redeem(asked, visit.code)).json()["error"] == "invalid_grant"
    assert await service.portal("taxes-api").introspect(acted) == {"active": False}


async def test_the_token_before_the_last_rotation_counts_too(portal: Portal, given: Tokens) -> None:
    successor = (await portal.refresh(given.refresh_token)).json()
    await portal.revoke(given.refresh_token)
    assert (await portal.refresh(successor["refresh_token"])).json()["error"] == "invalid_grant"
    assert not await is_alive(portal, successor["access_token"])


async def test_a_machine_revokes_its_own(service: Provider) -> None:
    machine, api = service.portal("machine-es256"), service.portal("api")
    token = (await machine.post("/token", grant_type="client_credentials")).json()["access_token"]
    assert (await api.introspect(token))["active"] is True
    await machine.revoke(token)
    assert await api.introspect(token) == {"active": False}


async def test_a_public_client_revokes_its_own(service: Provider, hoa: Browser) -> None:
    app = service.portal("app")
    given = await service.tokens("app", HOA, hoa)
    await app.revoke(given.refresh_token)
    assert (await app.refresh(given.refresh_token)).json()["error"] == "invalid_grant"


async def test_revoking_twice_is_no_error(service: Provider, portal: Portal, given: Tokens) -> None:
    before = len(await service.events("token.revoked"))
    for token in (given.access_token, given.refresh_token):
        await portal.revoke(token)
        await portal.revoke(token)
    assert await portal.introspect(given.access_token) == {"active": False}
    assert len(await service.events("token.revoked")) >= before + 2


@pytest.mark.parametrize(
    "token",
    ["x", "a.b.c", f"{'A' * 22}.{'A' * 43}", "eyJhbGciOiJub25lIn0.e30.", "đ", "x" * 2000],
)
async def test_an_unknown_token_is_revoked_already(portal: Portal, token: str) -> None:
    assert (await portal.post("/revoke", token=token)).status_code == 200


async def test_an_id_token_is_not_for_revocation(portal: Portal, given: Tokens) -> None:
    await portal.revoke(given.id_token)
    assert await is_alive(portal, given.access_token)


@pytest.mark.parametrize("stranger", ["library", "ministry", "app", "api"])
async def test_tokens_of_others_stay(service: Provider, portal: Portal, given: Tokens, stranger: str) -> None:
    before = len(await service.events("token.revoked"))
    for token in (given.access_token, given.refresh_token):
        await service.portal(stranger).revoke(token)
    assert await is_alive(portal, given.access_token)
    assert (await portal.refresh(given.refresh_token)).status_code == 200
    assert len(await service.events("token.revoked")) == before


@pytest.mark.parametrize("form", [{}, {"token": ""}, {"token_type_hint": "access_token"}])
async def test_a_token_is_needed(portal: Portal, form: Mapping[str, str]) -> None:
    response = await portal.post("/revoke", **form)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_the_client_is_authenticated_first(service: Provider, portal: Portal, given: Tokens) -> None:
    for form in ({"client_id": "dossiers"}, {"client_id": "dossiers", "client_secret": "guess"}, {}):
        response = await service.http().post("/revoke", data={"token": given.refresh_token, **form})
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert (await portal.refresh(given.refresh_token)).status_code == 200


async def test_the_audit_log_says_who_and_what(service: Provider, portal: Portal, given: Tokens) -> None:
    await portal.revoke(given.refresh_token)
    event = (await service.events("token.revoked"))[-1]
    account = await service.account(HOA)
    assert (event.outcome, event.client_id, event.account_id) == ("ok", "dossiers", account.account_id)
    assert given.refresh_token not in str(event)


async def test_only_by_post(service: Provider) -> None:
    response = await service.http().get("/revoke", params={"token": "x"})
    assert (response.status_code, response.headers["allow"]) == (405, "OPTIONS, POST")


async def test_on_each_database(settled_provider: Provider) -> None:
    portal = settled_provider.portal("dossiers")
    one = await settled_provider.tokens("dossiers", HOA)
    other = await settled_provider.tokens("dossiers", HOA)
    await portal.revoke(one.access_token)
    await portal.revoke(other.refresh_token)
    assert not await is_alive(portal, one.access_token)
    assert not await is_alive(portal, other.access_token)
    assert (await portal.refresh(one.refresh_token)).status_code == 200
    assert (await portal.refresh(other.refresh_token)).status_code == 400
