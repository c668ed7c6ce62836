"""idpyoidc, certified by the OpenID Foundation: login, refresh, logout, and what its developer reads of mistakes."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Final

import pytest

from tests.support.population import HOA
from tests.support.provider import Ground
from tests.support.relying_parties.connection import MISTAKES, RIGHT, SAID, Connection, below, connect
from tests.support.relying_parties.idpyoidc_portal import IdpyoidcPortal
from tests.support.relying_parties.python_portals import python_portals
from tests.support.relying_parties.visiting import (
    check_stay,
    check_told,
    log_in,
    provider_for_portals,
    wanderer,
    what_it_says,
)
from tests.support.served import ServedProvider, free_port

OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "wrong issuer": ("provider info issuer mismatch", "http://localhost:"),
    "ID tokens by another algorithm": ("Wrong token signing algorithm, ES256 != RS256",),
    "wrong clock": ("Invalid expiration time",),
}
"""What the library says of itself."""
CLOCKS: Final = (
    "idpyoidc.time_util.utc_time_sans_frac",
    "idpyoidc.client.client_auth.utc_time_sans_frac",
    "idpyoidc.message.oidc.session.utc_time_sans_frac",
)
"""Where the library, in this process, reads the time."""


@pytest.fixture(scope="module")
async def provider(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServedProvider]:
    async with provider_for_portals(provider_ground, tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture(scope="module")
async def portals(provider: ServedProvider) -> AsyncIterator[Mapping[str, Connection]]:
    port, cases = free_port(), {**RIGHT, **MISTAKES}
    connected = await connect(provider, below(port, cases), "idpyoidc", cases)
    async with python_portals(
        port, {one.path: IdpyoidcPortal(one) for one in connected.values()}, "idpyoidc"
    ):
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
    provider: ServedProvider, portals: Mapping[str, Connection], mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CLOCKS:
        monkeypatch.setattr(name, lambda: int(time.time()) + portals[mistake].clock)
    said = await what_it_says(provider, portals[mistake], at_logout="logout" in mistake)
    for words in {**SAID, **OWN}[mistake]:
        assert words in said


TERMS: Final = {
    "owner": "Cơ quan tự đăng ký",
    "scope": "openid profile",
    "legal_basis": "statutory_task",
    "legal_reference": "Luật Lý lịch tư pháp số 28/2009/QH12",
    "purpose": "Xác định người yêu cầu",
    "kinds": ["server"],
}
REFUSED: Final[Mapping[str, tuple[str, ...]]] = {
    "greedy": ("invalid_client_metadata", "scope is beyond the terms of this registration: pid"),
    "unknown": ("invalid_token", "the initial access token is unknown, used up, revoked or over"),
}


@pytest.fixture(scope="module")
def initial_access_token(provider: ServedProvider, tmp_path_factory: pytest.TempPathFactory) -> str:
    terms = tmp_path_factory.mktemp("terms") / "terms.json"
    terms.write_text(json.dumps(TERMS), "utf-8")
    told = json.loads(provider.motcua("registration", "token", str(terms), "--uses", "9", "--json"))
    return str(told["initial_access_token"])


@pytest.fixture(scope="module")
async def strangers(
    provider: ServedProvider, initial_access_token: str
) -> AsyncIterator[Mapping[str, Connection]]:
    """Portals that nobody has registered yet, each with its token."""
    base = f"http://localhost:{free_port()}"
    connections = {
        path: Connection(base=f"{base}/{path}", issuer=provider.issuer, client_id="", scope=scope)
        for path, scope in (
            ("one", "openid profile"),
            ("other", "openid profile"),
            ("greedy", "openid pid"),
            ("unknown", "openid"),
        )
    }
    tokens = dict.fromkeys(connections, initial_access_token) | {"unknown": "not-a-token"}
    portals = {path: IdpyoidcPortal(one, tokens[path]) for path, one in connections.items()}
    async with python_portals(int(base.rpartition(":")[2]), portals, "idpyoidc"):
        yield connections


async def test_it_registers_itself(provider: ServedProvider, strangers: Mapping[str, Connection]) -> None:
    async with wanderer(provider) as browser:
        came = json.loads((await log_in(browser, f"{strangers['one'].base}/login")).text)
    assert came["person"]["name"] == HOA.name
    await check_told(provider, strangers["one"], strangers["other"])


@pytest.mark.parametrize("stranger", REFUSED)
async def test_a_developer_is_told_why_it_cannot_register(
    provider: ServedProvider, strangers: Mapping[str, Connection], stranger: str
) -> None:
    said = await what_it_says(provider, strangers[stranger], at_logout=False)
    for words in REFUSED[stranger]:
        assert words in said
