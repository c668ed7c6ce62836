"""RFC 7591 §3, open registration: in a sandbox anybody registers, under terms all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from idp.oidc.registration.vouchers import forget
from tests.support.installation import ISSUER
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.provider import Ground, Provider
from tests.support.registering import PORTAL, REGISTER, ask, refused, registered


@pytest.fixture(scope="module")
async def sandbox(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider where anybody may register."""
    folder = tmp_path_factory.mktemp("sandbox")
    async with provider_on_sqlite(folder, provider_ground, citizens=(), open_registration=ISSUER) as provider:
        yield provider


async def test_in_a_sandbox_anybody_registers(sandbox: Provider) -> None:
    told = (await registered(sandbox)).told
    assert (told["sector"], told["legal_basis"], told["profile"]) == ("self.example", "consent", "legacy")
    assert "pid" not in told["scope"].split()
    assert {"openid", "profile", "address"} <= set(told["scope"].split())


@pytest.mark.parametrize(
    ("method", "profile"),
    [("client_secret_post", "legacy"), ("client_secret_basic", "legacy"), ("none", "oidc")],
)
async def test_in_a_sandbox_old_ways_may_be_tried(
    sandbox: Provider,
    method: str,
    profile: str,
) -> None:
    told = (await registered(sandbox, token_endpoint_auth_method=method)).told
    assert told["profile"] == profile
    assert ("legacy_until" in told) is (profile == "legacy")


@pytest.mark.parametrize(
    "metadata",
    [{"scope": "openid pid"}, {"client_name": "Cổng dịch vụ công của Bộ"}, {"owner": "Bộ Công an"}],
)
async def test_a_sandbox_has_terms_too(sandbox: Provider, metadata: dict[str, Any]) -> None:
    refused(await ask(sandbox, **PORTAL | metadata), "invalid_client_metadata")


async def test_in_a_sandbox_a_wrong_token_is_still_wrong(sandbox: Provider) -> None:
    assert (await ask(sandbox, "wrong", **PORTAL)).status_code == 401


async def test_pages_of_other_sites_cannot_register_anybody(sandbox: Provider) -> None:
    """Without a question of the browser a page can send these types only (Fetch Standard, CORS-safelisted)."""
    origin = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        response = await sandbox.http().post(
            REGISTER,
            content=b'{"redirect_uris":["https://evil.example/"]}',
            headers={**origin, "content-type": media},
        )
        assert response.status_code == 415
    question = await sandbox.http().options(
        REGISTER, headers={**origin, "access-control-request-method": "POST"}
    )
    assert "access-control-allow-origin" not in question.headers


async def test_a_sandbox_is_not_filled_from_one_address(sandbox: Provider) -> None:
    address = "203.0.113.90"
    statuses = [(await ask(sandbox, "", address, **PORTAL)).status_code for _ in range(62)]
    assert (statuses.count(201), statuses[-1]) == (60, 429)
    assert (await ask(sandbox, "", "203.0.113.91", **PORTAL)).status_code == 201


async def test_old_clients_of_a_sandbox_are_forgotten(sandbox: Provider) -> None:
    client = await registered(sandbox)
    assert await forget(sandbox.context(), older_than=60, operator="operator-1") == 0
    sandbox.clock.advance(61)
    assert await forget(sandbox.context(), older_than=60, operator="operator-1") > 0
    assert (await client.manage("GET")).status_code == 401
    assert client.client_id in {event.client_id for event in await sandbox.events("client.removed")}
