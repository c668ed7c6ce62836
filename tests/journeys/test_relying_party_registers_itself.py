"""A portal that nobody registered: idpyoidc registers it (RFC 7591), and its developer reads why it may not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Final

import pytest

from tests.support.population import HOA
from tests.support.relying_parties.connection import Connection
from tests.support.relying_parties.idpyoidc_portal import IdpyoidcPortal
from tests.support.relying_parties.python_portals import python_portals
from tests.support.relying_parties.visiting import (
    check_told,
    log_in,
    wanderer,
    what_it_says,
)
from tests.support.served import ServedProvider, free_port

TERMS: Final = {
    "owner": "Cơ quan tự đăng ký",
    "scope": "openid profile",
    "profiles": ["oidc"],
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
def initial_access_token(hosting: ServedProvider, tmp_path_factory: pytest.TempPathFactory) -> str:
    terms = tmp_path_factory.mktemp("terms") / "terms.json"
    terms.write_text(json.dumps(TERMS), "utf-8")
    told = json.loads(hosting.motcua("registration", "token", str(terms), "--uses", "9", "--json"))
    return str(told["initial_access_token"])


@pytest.fixture(scope="module")
async def strangers(
    hosting: ServedProvider, initial_access_token: str
) -> AsyncIterator[Mapping[str, Connection]]:
    """Portals that nobody has registered yet, each with its token."""
    base = f"http://localhost:{free_port()}"
    connections = {
        path: Connection(base=f"{base}/{path}", issuer=hosting.issuer, client_id="", scope=scope)
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


async def test_it_registers_itself(hosting: ServedProvider, strangers: Mapping[str, Connection]) -> None:
    async with wanderer(hosting) as browser:
        came = json.loads((await log_in(browser, f"{strangers['one'].base}/login")).text)
    assert came["person"]["name"] == HOA.name
    await check_told(hosting, strangers["one"], strangers["other"])


@pytest.mark.parametrize("stranger", REFUSED)
async def test_a_developer_is_told_why_it_cannot_register(
    hosting: ServedProvider, strangers: Mapping[str, Connection], stranger: str
) -> None:
    said = await what_it_says(hosting, strangers[stranger], at_logout=False)
    for words in REFUSED[stranger]:
        assert words in said
