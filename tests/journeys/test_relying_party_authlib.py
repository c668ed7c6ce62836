"""Authlib's client for Starlette: login, refresh, logout, and what its developer reads of mistakes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final

import pytest

from tests.support.provider import Ground
from tests.support.relying_parties.authlib_portal import AuthlibPortal
from tests.support.relying_parties.connection import MISTAKES, RIGHT, SAID, Connection, below, connect
from tests.support.relying_parties.python_portals import python_portals
from tests.support.relying_parties.visiting import check_stay, check_told, provider_for_portals, what_it_says
from tests.support.served import ServedProvider, free_port

OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "wrong issuer": ("asked http://localhost:", "says it is http://127.0.0.1:"),
    "ID tokens by another algorithm": ("signed with ES256, expected RS256",),
    "wrong clock": ("expired",),
}
"""What the library says of itself."""


@pytest.fixture(scope="module")
async def provider(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServedProvider]:
    async with provider_for_portals(provider_ground, tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture(scope="module")
async def portals(provider: ServedProvider) -> AsyncIterator[Mapping[str, Connection]]:
    port, cases = free_port(), {**RIGHT, **MISTAKES}
    connected = await connect(provider, below(port, cases), "authlib", cases)
    async with python_portals(port, {one.path: AuthlibPortal(one) for one in connected.values()}, "authlib"):
        yield connected


@pytest.mark.parametrize("case", RIGHT)
async def test_login_refresh_logout(
    provider: ServedProvider, portals: Mapping[str, Connection], case: str
) -> None:
    await check_stay(provider, portals[case])


async def test_it_is_told_of_a_logout_elsewhere(
    provider: ServedProvider, portals: Mapping[str, Connection]
) -> None:
    await check_told(provider, portals["with a secret"], portals["with a key"])


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_developer_is_told_what_to_mend(
    provider: ServedProvider, portals: Mapping[str, Connection], mistake: str
) -> None:
    said = await what_it_says(provider, portals[mistake], at_logout="logout" in mistake)
    for words in {**SAID, **OWN}[mistake]:
        assert words in said
