"""The provider's keys at an API: fetched once, kept, fetched again with limits, and not believed for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from examples.resource_server import SigningKeys, Unavailable, fetch_key_set
from examples.resource_server.signing_keys import (
    DUE_SECONDS,
    KEPT_SECONDS,
    QUIET_SECONDS,
    RETRY_SECONDS,
    UnknownKey,
)
from tests.support.dpop import DpopKey
from tests.unit.examples.guarded import ISSUER, Clock, Scene


class Publisher:
    """Publishes its keys under these names, counts how often it was asked, and may be away."""

    def __init__(self, *kids: str) -> None:
        self.kids = list(kids)
        self.asked = 0
        self.away = False
        self.keys: dict[str, Mapping[str, Any]] = {}

    async def __call__(self) -> Mapping[str, Any]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("away")
        for kid in self.kids:
            self.keys.setdefault(kid, DpopKey.fresh().jwk | {"kid": kid})
        return {"keys": [self.keys[kid] for kid in self.kids]}


async def test_keys_are_fetched_once_for_many_requests() -> None:
    publisher = Publisher("old")
    keys = SigningKeys(publisher, Clock())
    found = await asyncio.gather(*(keys.get("old") for _ in range(20)))
    assert {key.key_id for key in found} == {"old"}
    assert publisher.asked == 1


async def test_an_unknown_key_is_looked_for_once_in_a_while() -> None:
    publisher, clock = Publisher("old"), Clock()
    keys = SigningKeys(publisher, clock)
    await keys.get("old")
    publisher.kids.append("new")
    for _ in range(5):
        with pytest.raises(UnknownKey):
            await keys.get("new")
    assert publisher.asked == 1
    clock.now += QUIET_SECONDS
    assert (await keys.get("new")).key_id == "new"
    assert publisher.asked == 2


async def test_a_withdrawn_key_is_forgotten_in_time() -> None:
    publisher, clock = Publisher("old"), Clock()
    keys = SigningKeys(publisher, clock)
    await keys.get("old")
    publisher.kids = ["new"]
    clock.now += DUE_SECONDS + 1
    with pytest.raises(UnknownKey):
        await keys.get("old")


async def test_while_the_provider_is_away_known_keys_are_believed_for_a_while() -> None:
    publisher, clock = Publisher("old"), Clock()
    keys = SigningKeys(publisher, clock)
    await keys.get("old")
    publisher.away = True
    clock.now += DUE_SECONDS + 1
    assert (await keys.get("old")).key_id == "old"
    asked = publisher.asked
    assert (await keys.get("old")).key_id == "old"
    assert publisher.asked == asked, "an outage is no reason to ask with every request"
    with pytest.raises(Unavailable):
        await keys.get("new")
    clock.now += KEPT_SECONDS
    with pytest.raises(Unavailable):
        await keys.get("old")
    publisher.away = False
    clock.now += RETRY_SECONDS
    assert (await keys.get("old")).key_id == "old"


async def test_a_known_key_does_not_wait_while_others_are_fetched() -> None:
    publisher, clock, slow = Publisher("old"), Clock(), asyncio.Event()

    async def fetch() -> Mapping[str, Any]:
        if publisher.asked:
            await slow.wait()
        return await publisher()

    keys = SigningKeys(fetch, clock)
    await keys.get("old")
    clock.now += DUE_SECONDS + 1
    first = asyncio.create_task(keys.get("old"))
    await asyncio.sleep(0)
    assert (await keys.get("old")).key_id == "old"
    assert not first.done()
    slow.set()
    assert (await first).key_id == "old"


async def test_a_token_without_a_key_name_is_refused() -> None:
    with pytest.raises(UnknownKey):
        await SigningKeys(Publisher("old"), Clock()).get(None)


@pytest.mark.parametrize("document", [{}, {"keys": []}, {"keys": "x"}, {"keys": [{"kty": "x"}]}])
async def test_without_a_usable_key_nothing_is_decided(document: Mapping[str, Any]) -> None:
    async def fetch() -> Mapping[str, Any]:
        return document

    with pytest.raises(Unavailable):
        await SigningKeys(fetch, Clock()).get("any")


async def test_a_key_that_encrypts_does_not_sign() -> None:
    scene = Scene()
    scene.issuer.published[0]["use"] = "enc"
    assert (await scene.ask_well()).status_code == 401


async def test_a_new_key_of_the_provider_is_followed() -> None:
    scene = Scene()
    assert (await scene.ask_well()).status_code == 200
    scene.issuer.key, scene.issuer.kid = DpopKey.fresh(), "two"
    scene.issuer.published.append(scene.issuer.key.jwk | {"kid": "two"})
    scene.clock.now += QUIET_SECONDS
    assert (await scene.ask_well()).status_code == 200
    assert scene.issuer.fetched == 2


GOOD: dict[str, Any] = {
    "/.well-known/openid-configuration": {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"},
    "/jwks": {"keys": []},
}


def _serving(documents: Mapping[str, Any]) -> httpx2.MockTransport:
    def answer(request: httpx2.Request) -> httpx2.Response:
        found = documents.get(request.url.path)
        return httpx2.Response(404) if found is None else httpx2.Response(200, json=found)

    return httpx2.MockTransport(answer)


async def test_the_key_set_is_found_by_discovery() -> None:
    assert await fetch_key_set(ISSUER, transport=_serving(GOOD)) == {"keys": []}


@pytest.mark.parametrize(
    "change",
    [
        {
            "/.well-known/openid-configuration": {
                "issuer": "https://other.example",
                "jwks_uri": f"{ISSUER}/jwks",
            }
        },
        {"/.well-known/openid-configuration": {"issuer": ISSUER}},
        {"/.well-known/openid-configuration": {"issuer": ISSUER, "jwks_uri": "nowhere"}},
        {"/.well-known/openid-configuration": []},
        {"/.well-known/openid-configuration": None},
        {"/jwks": None},
        {"/jwks": ["no object"]},
    ],
)
async def test_another_answer_is_no_key_set(change: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        await fetch_key_set(ISSUER, transport=_serving(GOOD | change))
