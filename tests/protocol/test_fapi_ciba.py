"""The OpenID Foundation's plan FAPI-CIBA ID1, by poll: what it wants to succeed, and what CIBA Core says beside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.ciba import COUNTER, COUNTER_2, Asked, Counter, agree, refuse
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.provider import Ground, Provider


@pytest.fixture(scope="module")
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    async with provider_on_sqlite(tmp_path_factory.mktemp("ciba"), provider_ground) as provider:
        yield provider


@pytest.fixture
async def counter(service: Provider) -> Counter:
    return await Counter.register(service, COUNTER)


async def test_fapi_ciba_id1(service: Provider, counter: Counter) -> None:
    asked = await counter.ask_for(scope="openid profile")
    assert await asked.outcome() == "authorization_pending"
    await agree(service, service.browser(), asked)
    tokens = await asked.tokens()
    print(tokens.body, tokens.claims)
