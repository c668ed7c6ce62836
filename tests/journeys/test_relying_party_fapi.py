"""openid-client keeps to FAPI 2.0 with us: pushed requests, bound tokens, and signed requests and answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final

import pytest

from tests.support.relying_parties.connection import STRICT, Connection, below, connect
from tests.support.relying_parties.openid_client import openid_client_portals
from tests.support.relying_parties.visiting import check_stay
from tests.support.served import ServedProvider, free_port

CAME: Final = {"FAPI 2.0": ["code", "state", "iss"], "FAPI 2.0 Message Signing": ["response"]}
"""What stands in the address by which the browser comes back (RFC 9207, JARM §2.3.1)."""


@pytest.fixture(scope="module")
async def portals(hosting: ServedProvider) -> AsyncIterator[Mapping[str, Connection]]:
    port = free_port()
    connected = await connect(hosting, below(port, STRICT), "fapi", STRICT)
    with openid_client_portals(port, connected):
        yield connected


@pytest.mark.parametrize("case", STRICT)
async def test_login_refresh_logout(
    hosting: ServedProvider, portals: Mapping[str, Connection], case: str
) -> None:
    came = await check_stay(hosting, portals[case], rotates=False)
    assert came["token_type"].lower() == "dpop"
    assert came["came"] == CAME[case]
