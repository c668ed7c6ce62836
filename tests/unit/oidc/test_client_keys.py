"""The keys at `jwks_uri` follow the portal (OpenID Connect Core §10.1.1), and nobody makes us ask too often."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from idp.oidc import client_keys
from idp.oidc.client import Client
from idp.oidc.client_keys import (
    FRESH_SECONDS,
    LONGEST_SECONDS,
    MOST_BYTES,
    PAUSE_SECONDS,
    UNKNOWN_KEY_SECONDS,
    ClientKeys,
)
from keys.backends.software import SoftwareSigner
from keys.jose import JwkSet
from tests.support.oidc_rules import client
from tests.support.remote import Web

URI = "https://portal.example.gov.vn/jwks"
OLD, NEW = SoftwareSigner.generate("ES256"), SoftwareSigner.generate("ES256")
PORTAL = client(token_endpoint_auth_method="private_key_jwt", jwks_uri=URI)
INLINE = client(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [OLD.public_jwk()]})


def key_set(*signers: SoftwareSigner) -> dict[str, Any]:
    return {"keys": [signer.public_jwk() for signer in signers]}


@dataclass
class World:
    """A portal's address, and a clock."""

    web: Web = field(default_factory=Web)
    now: float = 1_000_000.0
    keys: ClientKeys = field(init=False)

    def __post_init__(self) -> None:
        self.keys = ClientKeys(self.web.fetch, lambda: self.now)
        self.publish(OLD)

    def publish(self, *signers: SoftwareSigner) -> None:
        self.web.put_json(URI, key_set(*signers))

    async def known(self, kid: str | None = None, registered: Client = PORTAL) -> set[str]:
        found = await self.keys.keys_for(registered, kid)
        return kids(found)

    @property
    def fetches(self) -> int:
        return len(self.web.asked)


def kids(found: JwkSet | None) -> set[str]:
    return set() if found is None else {key.kid or "" for key in found.keys}


@pytest.fixture
def world() -> World:
    return World()


async def test_registered_keys_are_never_fetched(world: World) -> None:
    assert await world.known(OLD.kid, INLINE) == {OLD.kid}
    assert await world.known(NEW.kid, INLINE) == {OLD.kid}
    assert await world.known(OLD.kid, client()) == set()
    assert world.fetches == 0


async def test_a_set_is_fetched_once_while_it_is_fresh(world: World) -> None:
    for _ in range(3):
        assert await world.known(OLD.kid) == {OLD.kid}
        assert kids(await world.keys.keys_of(PORTAL)) == {OLD.kid}
        world.now += FRESH_SECONDS / 4
    assert world.web.asked == [URI]


async def test_a_key_that_was_taken_away_is_believed_no_longer_than_the_set_is_fresh(world: World) -> None:
    await world.known(OLD.kid)
    world.publish(NEW)
    world.now += FRESH_SECONDS - 1
    assert await world.known(OLD.kid) == {OLD.kid}
    world.now += 1
    assert await world.known(OLD.kid) == {NEW.kid}


async def test_an_unknown_key_is_looked_for_at_once(world: World) -> None:
    await world.known(OLD.kid)
    world.publish(OLD, NEW)
    assert await world.known(NEW.kid) == {OLD.kid, NEW.kid}
    assert world.fetches == 2


async def test_unknown_keys_do_not_make_us_ask_as_often_as_they_come(world: World) -> None:
    await world.known(OLD.kid)
    for attempt in range(20):
        assert await world.known(f"nobody-{attempt}") == {OLD.kid}
    assert world.fetches == 2
    world.publish(NEW)
    world.now += UNKNOWN_KEY_SECONDS - 1
    assert await world.known(NEW.kid) == {OLD.kid}
    world.now += 1
    assert await world.known(NEW.kid) == {NEW.kid}
    assert world.fetches == 3


async def test_a_first_fetch_without_the_key_is_not_repeated(world: World) -> None:
    assert await world.known(NEW.kid) == {OLD.kid}
    assert world.fetches == 1


async def test_without_a_key_id_nothing_is_looked_for(world: World) -> None:
    await world.known()
    world.publish(NEW)
    assert await world.known() == {OLD.kid}
    assert world.fetches == 1


async def test_many_at_once_share_one_fetch(world: World) -> None:
    world.web.gate.clear()
    waiting = [asyncio.create_task(world.known(OLD.kid)) for _ in range(50)]
    await world.web.arrived.wait()
    world.web.gate.set()
    assert await asyncio.gather(*waiting) == [{OLD.kid}] * 50
    assert world.fetches == 1


async def test_many_with_a_new_key_share_one_look(world: World) -> None:
    """None of them is told that its key is unknown while the answer is on its way."""
    await world.known(OLD.kid)
    world.publish(OLD, NEW)
    world.web.gate.clear()
    world.web.arrived.clear()
    waiting = [asyncio.create_task(world.known(NEW.kid)) for _ in range(50)]
    await world.web.arrived.wait()
    world.web.gate.set()
    assert await asyncio.gather(*waiting) == [{OLD.kid, NEW.kid}] * 50
    assert world.fetches == 2


async def test_who_gives_up_waiting_takes_the_fetch_from_nobody(world: World) -> None:
    world.web.gate.clear()
    one, other = asyncio.create_task(world.known(OLD.kid)), asyncio.create_task(world.known(OLD.kid))
    await world.web.arrived.wait()
    one.cancel()
    world.web.gate.set()
    assert await other == {OLD.kid}
    assert world.fetches == 1
    with pytest.raises(asyncio.CancelledError):
        await one


async def test_while_the_portal_does_not_answer_its_last_set_serves_for_an_hour(world: World) -> None:
    await world.known(OLD.kid)
    del world.web.documents[URI]
    world.now += LONGEST_SECONDS - 1
    assert await world.known(OLD.kid) == {OLD.kid}
    assert world.keys.failure(PORTAL) == "unreachable"
    world.now += 1
    assert await world.known(OLD.kid) == set()


async def test_a_portal_that_fails_is_asked_again_after_a_pause(world: World) -> None:
    del world.web.documents[URI]
    for _ in range(5):
        assert await world.known(OLD.kid) == set()
    assert world.fetches == 1
    world.publish(OLD)
    world.now += PAUSE_SECONDS
    assert await world.known(OLD.kid) == {OLD.kid}
    assert world.keys.failure(PORTAL) == ""


@pytest.mark.parametrize(
    "document",
    [
        {"keys": []},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]},
        [],
        {"keys": [{**OLD.public_jwk(), "d": "AAAA"}]},
    ],
)
async def test_a_set_that_must_not_be_used_takes_the_place_of_the_good_one(
    world: World, document: object
) -> None:
    await world.known(OLD.kid)
    world.web.put_json(URI, document)
    world.now += FRESH_SECONDS
    assert await world.known(OLD.kid) == set()
    assert world.keys.failure(PORTAL)


@pytest.mark.parametrize(
    ("body", "status"), [(b"<html>maintenance", 200), (b"{}", 503), (b" " * (MOST_BYTES + 1), 200)]
)
async def test_what_is_no_key_set_says_nothing_about_the_keys(world: World, body: bytes, status: int) -> None:
    await world.known(OLD.kid)
    world.web.put(URI, body, status=status)
    world.now += FRESH_SECONDS
    assert await world.known(OLD.kid) == {OLD.kid}


async def test_a_clock_that_is_put_back_makes_no_set_younger(world: World) -> None:
    await world.known(OLD.kid)
    world.publish(NEW)
    world.now -= 10_000
    assert await world.known(OLD.kid) == {NEW.kid}


async def test_so_many_sets_and_no_more(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    monkeypatch.setattr(client_keys, "MOST_SETS", 2)
    others = [client(jwks_uri=f"{URI}/{number}") for number in range(2)]
    for registered in (PORTAL, others[0], PORTAL, others[1], PORTAL):
        await world.known(None, registered)
    assert world.web.asked == [URI, f"{URI}/0", f"{URI}/1"]
    await world.known(None, others[0])
    assert world.fetches == 4
