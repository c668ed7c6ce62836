"""Pushed authorization requests (RFC 9126), as FAPI 2.0 Security Profile §5.3.2.2 wants them."""

from __future__ import annotations

import pytest

from tests.support.fapi import FapiPortal
from tests.support.on_sqlite import on_sqlite
from tests.support.population import HOA
from tests.support.provider import Provider

pytestmark = on_sqlite


@pytest.fixture
async def fapi(service: Provider) -> FapiPortal:
    return await FapiPortal.register(service)


async def test_a_login_from_push_to_tokens(service: Provider, fapi: FapiPortal) -> None:
    asked, visit = await fapi.enter(service, HOA)
    tokens = await fapi.tokens(asked, visit)
    assert tokens.body["token_type"] == "DPoP"
    assert (await fapi.userinfo(tokens.access_token)).status_code == 200
