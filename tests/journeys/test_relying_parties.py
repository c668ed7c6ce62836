"""Libraries that portals are built with: login, refresh, logout, and what their developers read of mistakes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from tests.support.relying_parties.authlib_portal import AuthlibPortal
from tests.support.relying_parties.connection import MISTAKES, RIGHT, SAID, Connection, below, connect
from tests.support.relying_parties.idpyoidc_portal import IdpyoidcPortal
from tests.support.relying_parties.openid_client import openid_client_portals
from tests.support.relying_parties.python_portals import python_portals
from tests.support.relying_parties.visiting import check_stay, check_told, what_it_says
from tests.support.served import ServedProvider, free_port

Running = Callable[[int, Mapping[str, Connection]], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Library:
    """A library; `says` are its own words on mistakes, `clocks` is where in this process it reads the time."""

    name: str
    portals: Running
    says: Mapping[str, tuple[str, ...]]
    clocks: tuple[str, ...] = ()


@asynccontextmanager
async def _authlib(port: int, connected: Mapping[str, Connection]) -> AsyncIterator[None]:
    portals = {one.path: AuthlibPortal(one) for one in connected.values()}
    async with python_portals(port, portals, "authlib"):
        yield


@asynccontextmanager
async def _idpyoidc(port: int, connected: Mapping[str, Connection]) -> AsyncIterator[None]:
    portals = {one.path: IdpyoidcPortal(one) for one in connected.values()}
    async with python_portals(port, portals, "idpyoidc"):
        yield


@asynccontextmanager
async def _openid_client(port: int, connected: Mapping[str, Connection]) -> AsyncIterator[None]:
    with openid_client_portals(port, connected):
        yield


LIBRARIES: Final = (
    Library(
        "authlib",
        _authlib,
        says={
            "wrong issuer": ("asked http://localhost:", "says it is http://127.0.0.1:"),
            "ID tokens by another algorithm": ("signed with ES256, expected RS256",),
            "wrong clock": ("expired",),
        },
    ),
    Library(
        "idpyoidc",
        _idpyoidc,
        says={
            "wrong issuer": ("provider info issuer mismatch", "http://localhost:"),
            "ID tokens by another algorithm": ("Wrong token signing algorithm, ES256 != RS256",),
            "wrong clock": ("Invalid expiration time",),
        },
        clocks=(
            "idpyoidc.time_util.utc_time_sans_frac",
            "idpyoidc.client.client_auth.utc_time_sans_frac",
            "idpyoidc.message.oidc.session.utc_time_sans_frac",
        ),
    ),
    Library(
        "openid-client",
        _openid_client,
        says={
            "wrong issuer": ("issuer does not match the expected issuer", '"expected":"http://localhost:'),
            "ID tokens by another algorithm": (
                'unexpected JWT "alg"',
                '"alg":"ES256"',
                '"expected":"RS256"',
            ),
            "wrong clock": ("expiration is past current timestamp", '"now":'),
        },
    ),
)


@pytest.fixture(scope="module", params=LIBRARIES, ids=lambda one: one.name)
def library(request: pytest.FixtureRequest) -> Library:
    assert isinstance(request.param, Library)
    return request.param


@pytest.fixture(scope="module")
async def portals(hosting: ServedProvider, library: Library) -> AsyncIterator[Mapping[str, Connection]]:
    """Those that are connected as they should be, and those that are not."""
    port, cases = free_port(), {**RIGHT, **MISTAKES}
    connected = await connect(hosting, below(port, cases), library.name, cases)
    async with library.portals(port, connected):
        yield connected


@pytest.mark.parametrize("case", RIGHT)
async def test_login_refresh_logout(
    hosting: ServedProvider, portals: Mapping[str, Connection], case: str
) -> None:
    await check_stay(hosting, portals[case])


async def test_it_is_told_of_a_logout_elsewhere(
    hosting: ServedProvider, portals: Mapping[str, Connection]
) -> None:
    await check_told(hosting, portals["with a secret"], portals["with a key"])


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_developer_is_told_what_to_mend(
    hosting: ServedProvider,
    portals: Mapping[str, Connection],
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    mistake: str,
) -> None:
    for name in library.clocks:
        monkeypatch.setattr(name, lambda: int(time.time()) + portals[mistake].clock)
    said = await what_it_says(hosting, portals[mistake], at_logout="logout" in mistake)
    for words in {**SAID, **library.says}[mistake]:
        assert words in said
