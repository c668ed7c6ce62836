"""RFC 7592: a client reads, changes and removes its own registration, and nobody else's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from idp.oidc.registration.vouchers import freeze, new_access_token, revoke_token
from idp.store import clients, registrations, versions
from idp.store.database import required
from tests.support.population import HOA
from tests.support.provider import Provider
from tests.support.registering import bearer, initial_token, loads, refused, registered

CALLBACK = "https://self.example/callback"


# 2.1: reading


async def test_a_client_reads_what_is_registered(service: Provider) -> None:
    client = await registered(service, await initial_token(service))
    response = await client.manage("GET")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert response.headers["cache-control"] == "no-store"
    secret = {"client_secret", "client_secret_expires_at"}
    assert loads(response) == {name: one for name, one in client.told.items() if name not in secret}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_only_its_own_token_manages_a_client(service: Provider, method: str) -> None:
    token = await initial_token(service, uses=3)
    mine, other = await registered(service, token), await registered(service, token)
    for wrong in (other.told["registration_access_token"], token, mine.told["client_secret"], "x"):
        response = await mine.manage(method, {"client_id": mine.client_id}, token=wrong)
        assert response.status_code == 401
        assert 'error="invalid_token"' in response.headers["www-authenticate"]
    bare = await service.http().request(method, mine.path)
    assert (bare.status_code, "error" in bare.headers["www-authenticate"]) == (401, False)
    assert (await mine.manage("GET")).status_code == 200


@pytest.mark.parametrize("client_id", ["ministry", "nobody", "x" * 128])
async def test_nothing_tells_whether_there_is_a_client(service: Provider, client_id: str) -> None:
    mine = await registered(service, await initial_token(service))
    headers = bearer(mine.told["registration_access_token"])
    response = await service.http("203.0.113.60").get(f"/register/{client_id}", headers=headers)
    assert response.status_code == 401


async def test_the_token_is_sent_in_the_header_only(service: Provider) -> None:
    client = await registered(service, await initial_token(service))
    token = client.told["registration_access_token"]
    response = await service.http().get(client.path, params={"access_token": token})
    assert response.status_code == 401
    assert (await service.http().post(client.path, json={})).status_code == 405


# 2.2: changing


async def test_what_is_sent_takes_the_place_of_what_is_registered(service: Provider) -> None:
    sent = {"contacts": ["it@self.example"], "software_id": "a", "scope": "openid"}
    client = await registered(service, await initial_token(service), **sent)
    response = await client.put(client_name="Cổng có tên khác", contacts=None, software_id="b", scope=None)
    assert response.status_code == 200, response.text
    told = loads(response)
    assert (told["client_name"], told["software_id"]) == ("Cổng có tên khác", "b")
    assert told["scope"] == "openid profile pid", "what is left out has its default again"
    assert "contacts" not in told
    assert loads(await client.manage("GET")) == told
    (event,) = [one for one in await service.events("client.changed") if one.client_id == client.client_id]
    assert event.details == {"act": "update", "changed": ["client_name", "contacts", "scope", "software_id"]}


async def test_nothing_is_rotated_needlessly(service: Provider) -> None:
    client = await registered(service, await initial_token(service))
    told = loads(await client.put(client_uri="https://self.example/"))
    assert "client_secret" not in told
    for same in ("registration_access_token", "registration_client_uri", "client_id", "client_id_issued_at"):
        assert told[same] == client.told[same]
    answer = await service.http().post(
        "/token",
        data={"grant_type": "authorization_code", "code": "x", "redirect_uri": "y"},
        auth=(client.client_id, client.told["client_secret"]),
    )
    assert loads(answer)["error"] == "invalid_grant", "the secret is the same"


async def test_a_secret_comes_and_goes_with_the_method(service: Provider) -> None:
    client = await registered(service, await initial_token(service))
    public = loads(await client.put(token_endpoint_auth_method="none"))
    assert "client_secret" not in public
    again = loads(await client.put(token_endpoint_auth_method="client_secret_basic"))
    assert again["client_secret"] != client.told["client_secret"]
    assert again["client_secret_expires_at"] == 0


async def test_a_client_may_repeat_its_secret_and_choose_none(service: Provider) -> None:
    client = await registered(service, await initial_token(service))
    body = {"client_id": client.client_id, "client_name": "Cổng tự đăng ký", "redirect_uris": [CALLBACK]}
    same = await client.manage("PUT", {**body, "client_secret": client.told["client_secret"]})
    assert same.status_code == 200
    for other in ("x" * 43, "", 7):
        refused(
            await client.manage("PUT", {**body, "client_secret": other}), "invalid_request", "client_secret"
        )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("registration_access_token", "x"),
        ("registration_client_uri", "https://evil.example/"),
        ("client_secret_expires_at", 0),
        ("client_id_issued_at", 1),
        ("client_id", "ministry"),
        ("client_id", 7),
        ("client_id", None),
    ],
)
async def test_what_an_update_must_not_hold(service: Provider, name: str, value: object) -> None:
    client = await registered(service, await initial_token(service))
    body = {"client_id": client.client_id, "client_name": "Cổng tự đăng ký", "redirect_uris": [CALLBACK]}
    refused(await client.manage("PUT", {**body, name: value}), "invalid_request", name)


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": "openid profile pid address"},
        {"scope": "openid legacy_dvcqg"},
        {"owner": "Bộ Công an"},
        {"sector": "bo-cong-an"},
        {"legal_basis": "consent"},
        {"purpose": "Tặng quà"},
        {"legacy_until": "2099-01-01"},
        {"resources": ["https://api.dichvu.example"]},
        {"audience": ["https://api.dichvu.example"]},
        {"may_act": ["ministry"]},
        {"client_name": "Cổng dịch vụ công của Bộ"},
        {"logo_uri": "https://ministry.example/logo.png"},
        {"application_type": "machine", "grant_types": ["client_credentials"], "redirect_uris": []},
        {"tls_client_auth_subject_dn": "CN=x"},
        {"profile": "fapi2"},
    ],
)
async def test_an_update_is_held_to_the_terms(service: Provider, changes: dict[str, Any]) -> None:
    client = await registered(service, await initial_token(service))
    refused(await client.put(**changes), "invalid_client_metadata")
    response = await client.put(redirect_uris=["https://self.example/callback#x"])
    assert loads(response)["error"] == "invalid_redirect_uri"
    assert loads(await client.manage("GET"))["scope"] == client.told["scope"], "and changes nothing"


async def test_a_sector_never_changes(service: Provider) -> None:
    client = await registered(service, await initial_token(service, sector=None))
    assert client.told["sector"] == "self.example"
    elsewhere = ["https://other.example/callback"]
    refused(await client.put(redirect_uris=elsewhere), "invalid_client_metadata", "sector")
    refused(await client.put(redirect_uris=elsewhere, sector=None), "invalid_client_metadata", "sub")
    assert (await client.put(redirect_uris=["https://self.example/other"])).status_code == 200


async def test_every_worker_knows_of_a_change(one: Provider) -> None:
    client = await registered(one, await initial_token(one))
    before = (await versions.current(one.db))[versions.CLIENTS]
    await client.put(client_name="Cổng có tên khác")
    await client.manage("DELETE")
    assert (await versions.current(one.db))[versions.CLIENTS] == before + 2


# 2.3: removing


async def test_a_client_that_removes_itself_is_gone_with_everything(one: Provider) -> None:
    client = await registered(
        one, await initial_token(one, legal_basis="consent", scope="openid profile", legal_reference=""),
        grant_types=["authorization_code", "refresh_token"],
    )  # fmt: skip
    portal = client.at_work()
    tokens = await one.tokens(portal, HOA)
    browser = one.browser()
    _, visit = await one.enter(portal, HOA, browser)
    response = await client.manage("DELETE")
    assert (response.status_code, response.content) == (204, b"")
    assert (await client.manage("GET")).status_code == 401
    assert (await client.manage("DELETE")).status_code == 401
    assert (await one.portal(portal).userinfo(tokens.access_token)).status_code == 401
    assert (await one.portal(portal).refresh(tokens.refresh_token)).status_code == 401
    assert visit.answer is not None
    redeemed = await one.portal(portal).post(
        "/token", grant_type="authorization_code", code="x", redirect_uri=CALLBACK
    )
    assert loads(redeemed)["error"] == "invalid_client"
    _, again = await one.portal(portal).send(one.browser())
    assert again.answer is None, "nobody is sent there any more"
    (event,) = await one.events("client.removed")
    assert (event.client_id, event.details["redirect_uris"]) == (client.client_id, [CALLBACK])
    assert await clients.find(one.db, client.client_id) is None


async def test_of_many_removals_one_is_the_first(service: Provider) -> None:
    client = await registered(service, await initial_token(service))
    statuses = await asyncio.gather(*(client.manage("DELETE") for _ in range(8)))
    assert sorted(one.status_code for one in statuses) == [204] + [401] * 7
    removed = [one for one in await service.events("client.removed") if one.client_id == client.client_id]
    assert len(removed) == 1


# what an operator decides


async def test_a_disabled_client_manages_nothing(service: Provider) -> None:
    client = await registered(service, await initial_token(service))
    now = int(service.clock())
    await service.db.write(
        required(clients.DISABLE, client=client.client_id, now=now), versions.changed(versions.CLIENTS)
    )
    for method in ("GET", "DELETE"):
        assert (await client.manage(method)).status_code == 403
    assert (await client.put(client_name="Cổng có tên khác")).status_code == 403
    assert await clients.find(service.db, client.client_id) is not None


async def test_a_frozen_client_works_and_changes_nothing(service: Provider) -> None:
    client = await registered(service, await initial_token(service))
    await freeze(service.context(), client.client_id, operator="operator-1")
    assert (await client.put(client_name="Cổng có tên khác")).status_code == 401
    assert await clients.find(service.db, client.client_id) is not None


async def test_a_frozen_client_ends_with_the_others_of_its_token(service: Provider) -> None:
    client = await registered(service, await initial_token(service))
    await freeze(service.context(), client.client_id, operator="operator-1")
    row = await registrations.find(service.db, client.client_id)
    assert row is not None
    token_id = row["vouched_by"].removeprefix("token:")
    assert await revoke_token(service.context(), token_id, operator="operator-1", with_clients=True) == 1


async def test_a_lost_access_token_is_replaced(service: Provider) -> None:
    client = await registered(service, await initial_token(service))
    token = await new_access_token(service.context(), client.client_id, operator="operator-1")
    assert (await client.manage("GET")).status_code == 401
    response = await client.manage("GET", token=token)
    assert (response.status_code, loads(response)["registration_access_token"]) == (200, token)


async def test_changes_and_a_removal_at_once_never_wait_for_each_other(service: Provider) -> None:
    client = await registered(service, await initial_token(service))
    acts = [client.put(contacts=[f"contact-{number}"]) for number in range(6)]
    statuses = [one.status_code for one in await asyncio.gather(*acts, client.manage("DELETE"))]
    assert statuses[-1] == 204
    assert set(statuses[:-1]) <= {200, 401}
    assert await clients.find(service.db, client.client_id) is None


async def test_a_client_is_not_changed_without_end(service: Provider) -> None:
    """Every worker reads all clients anew after each change."""
    client, other = [await registered(service, await initial_token(service)) for _ in range(2)]
    statuses = [(await client.put(contacts=[f"contact-{number}"])).status_code for number in range(32)]
    assert (statuses.count(200), statuses[-1]) == (30, 429)
    assert (await client.manage("GET")).status_code == 200
    assert (await other.put(contacts=["contact"])).status_code == 200
