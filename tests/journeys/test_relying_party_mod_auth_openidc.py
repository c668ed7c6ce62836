"""Apache with mod_auth_openidc as Debian ships it: login, refresh, logout, and what its log says of mistakes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest

from tests.support.browsing import Browser
from tests.support.ground import shared_ground
from tests.support.population import HOA
from tests.support.relying_parties.apache import apache_portals, errors
from tests.support.relying_parties.connection import AN_HOUR, MISTAKES, SAID, Connection, Mistake, connect
from tests.support.relying_parties.visiting import (
    log_in,
    until_ended,
    wanderer,
    words,
)
from tests.support.served import ServedProvider, free_ports

# It signs assertions with RS256 only, and breaks down at its start when it is given a key of another kind.
_BY_KEY: Final = {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "RS256"}
RIGHT: Final = {"with a secret": Mistake(), "with a key": Mistake(registered=_BY_KEY)}
WRONG: Final[Mapping[str, Mistake]] = {
    **MISTAKES,
    "wrong issuer": Mistake(
        believed={"issuer": "http://127.0.0.1:{port}/sso"}
    ),  # else it believes the document
    "assertions by another key": Mistake(registered=_BY_KEY, believed={"private_key": "RS256"}),
    "assertions by a wrong clock": Mistake(registered=_BY_KEY, believed={"clock": AN_HOUR}),
}
OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "wrong issuer": ("could not retrieve metadata", "/sso/.well-known/openid-configuration"),
    "wrong clock": ('"exp" validation failure', "JWT expired 33"),
    "ID tokens by another algorithm": ("not signed with the expected configured algorithm: ES256 != RS256",),
}
"""What the module says of itself."""
CLOCKS: Final = ("right", "late")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="apache-", dir=shared_ground()) as made:
        for here in (Path(made), *(Path(made, name) for name in CLOCKS)):
            here.mkdir(exist_ok=True)
            here.chmod(0o755)  # started by root, the server reads its pages as another account
        yield Path(made)


@pytest.fixture(scope="module")
async def portals(hosting: ServedProvider, folder: Path) -> AsyncIterator[Mapping[str, Connection]]:
    cases = {**RIGHT, **WRONG}
    ports = free_ports(len(cases))
    bases = {name: f"http://localhost:{port}" for name, port in zip(cases, ports, strict=True)}
    connected = await connect(hosting, bases, "apache", cases, backchannel="/callback?logout=backchannel")
    late = {name: one for name, one in connected.items() if one.clock}
    right = {name: one for name, one in connected.items() if name not in late}
    with apache_portals(right, folder / "right"), apache_portals(late, folder / "late"):
        yield connected


def protected(portal: Connection) -> str:
    """A page for which one has to log in."""
    return f"{portal.base}/protected/"


async def known(browser: Browser, portal: Connection) -> dict[str, Any]:
    """What the module knows of the person."""
    told: dict[str, Any] = json.loads((await browser.open(f"{portal.redirect_uri}?info=json")).text)
    return told


@pytest.mark.parametrize("case", RIGHT)
async def test_login_refresh_logout(
    hosting: ServedProvider, portals: Mapping[str, Connection], case: str
) -> None:
    portal = portals[case]
    async with wanderer(hosting) as browser:
        assert (await log_in(browser, protected(portal))).text == "protected"
        came = await known(browser, portal)
        assert came["id_token"]["aud"] == portal.client_id
        assert (came["userinfo"]["sub"], came["userinfo"]["name"]) == (came["id_token"]["sub"], HOA.name)
        asked = f"refresh={quote(protected(portal))}&access_token={came['access_token']}"
        assert (await browser.open(f"{portal.redirect_uri}?{asked}")).text == "protected"
        stayed = await known(browser, portal)
        assert stayed["access_token"] != came["access_token"]
        assert stayed["userinfo"] == came["userinfo"]
        gone = await browser.open(f"{portal.redirect_uri}?logout={quote(portal.bye)}")
        assert (gone.address, gone.text) == (portal.bye, "home")
        again = await browser.open(protected(portal))
        assert again.offers(personal_number=HOA.number), "the session of the provider has ended too"


async def test_it_is_told_of_a_logout_elsewhere(
    hosting: ServedProvider, portals: Mapping[str, Connection]
) -> None:
    here, there = portals["with a secret"], portals["with a key"]
    async with wanderer(hosting) as browser:
        for portal in (here, there):
            assert (await log_in(browser, protected(portal))).text == "protected"
        assert (await browser.http.get(protected(here))).status_code == 200
        await browser.open(f"{there.redirect_uri}?logout={quote(there.bye)}")
        await until_ended(browser, protected(here))


@pytest.mark.parametrize("mistake", WRONG)
async def test_an_administrator_is_told_what_to_mend(
    hosting: ServedProvider, portals: Mapping[str, Connection], folder: Path, mistake: str
) -> None:
    portal = portals[mistake]
    async with wanderer(hosting) as browser:
        visit = await log_in(browser, protected(portal))
        if "logout" in mistake:
            assert visit.text == "protected"
            visit = await browser.open(f"{portal.redirect_uri}?logout={quote(portal.bye)}")
    assert visit.text != "protected"
    said = words(visit) + errors(portal, folder / ("late" if portal.clock else "right"))
    for one in {**SAID, **OWN}[mistake]:
        assert one in said
