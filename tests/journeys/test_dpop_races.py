"""Proofs while much happens at once: one winner, nonces that roll over under load, and a store that stays small."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx2
from sqlalchemy import func, select

from idp.oidc.dpop import NONCE_SPAN, WINDOW
from idp.store.purge import KEPT_AFTER_EXPIRY, purge
from idp.store.schema import used_jtis
from tests.support.devices import add_clients
from tests.support.dpop import DpopKey, DpopPortal
from tests.support.dpop_clients import HOLDER, MACHINE
from tests.support.installation import ISSUER
from tests.support.population import HOA
from tests.support.portals import Portal
from tests.support.provider import Provider

MANY = 32
_KEPT = select(func.count().label("number")).select_from(used_jtis)


async def _at_two_workers(provider: Provider, client_id: str) -> list[Portal]:
    second = await provider.another_worker()
    return [provider.portal(client_id), provider.portal(client_id, app=second)]


def _outcomes(responses: list[httpx2.Response]) -> Counter[str]:
    return Counter(response.json().get("error", "ok") for response in responses)


async def _kept(provider: Provider) -> int:
    row = await provider.db.fetch_one(_KEPT)
    assert row is not None
    return int(row["number"])


async def test_one_proof_at_the_token_endpoint_works_once(provider: Provider) -> None:
    await add_clients(provider, MACHINE)
    portals = await _at_two_workers(provider, MACHINE["client_id"])
    key = DpopKey.fresh()
    first = DpopPortal.of(portals[0], key)
    assert first.holder.wants_again(await first.post_once("/token", grant_type="client_credentials"))
    proof = key.proof("POST", f"{ISSUER}/token", provider.clock(), nonce=first.holder.nonce)

    async def replay(portal: Portal) -> httpx2.Response:
        fields, _ = portal.credentials()
        form = {**fields, "grant_type": "client_credentials"}
        return await portal.http.post("/token", data=form, headers={"dpop": proof})

    responses = await asyncio.gather(*map(replay, portals * (MANY // 2)))
    assert _outcomes(responses) == {"ok": 1, "invalid_dpop_proof": MANY - 1}


async def test_one_proof_at_userinfo_works_once(settled_provider: Provider) -> None:
    provider = settled_provider
    await add_clients(provider, HOLDER)
    portals = await _at_two_workers(provider, HOLDER["client_id"])
    holder = DpopPortal.of(portals[0])
    asked, visit = await provider.enter(holder.client_id, HOA)
    token = (await holder.tokens(asked, visit)).access_token
    headers = {
        "authorization": f"DPoP {token}",
        **holder.holder.header("GET", "/userinfo", access_token=token),
    }
    responses = await asyncio.gather(
        *(portal.http.get("/userinfo", headers=headers) for portal in portals * (MANY // 2))
    )
    assert _outcomes(responses) == {"ok": 1, "invalid_dpop_proof": MANY - 1}


async def test_no_request_is_lost_while_nonces_roll_over(provider: Provider) -> None:
    """Sixteen clients ask, and ask again, while time goes on with every answer, through five nonces.

    All follow what they are told. Half of them take every nonce that they are offered, half go on with the one they
    have until they must not.
    """
    await add_clients(provider, MACHINE)
    portals = await _at_two_workers(provider, MACHINE["client_id"])
    clients = [(DpopPortal.of(portal), number % 4 < 2) for number, portal in enumerate(portals * 8)]
    told: Counter[tuple[bool, str]] = Counter()

    async def ask(portal: DpopPortal, *, eager: bool) -> None:
        kept = portal.holder.nonce
        response = await portal.post_once("/token", grant_type="client_credentials")
        if portal.holder.wants_again(response):
            told[eager, "use_dpop_nonce"] += 1
            response = await portal.post_once("/token", grant_type="client_credentials")
        elif not eager:
            portal.holder.nonce = kept
        told[eager, response.json().get("error", "ok")] += 1
        provider.clock.advance(1)

    rounds, before = 14, provider.clock()
    for _ in range(rounds):
        await asyncio.gather(*(ask(portal, eager=eager) for portal, eager in clients))
        provider.clock.advance(30)
    assert provider.clock() - before > 5 * NONCE_SPAN
    assert told[True, "ok"] == told[False, "ok"] == 8 * rounds
    assert told[True, "use_dpop_nonce"] == 8  # each for its first, and never again
    assert told[False, "use_dpop_nonce"] >= 3 * 8
    assert {error for _, error in told} == {"ok", "use_dpop_nonce"}


async def test_used_proofs_are_kept_no_longer_than_they_could_come_back(provider: Provider) -> None:
    await add_clients(provider, MACHINE)
    portal = DpopPortal.of(provider.portal(MACHINE["client_id"]))
    most, rounds = 0, 12
    for _ in range(rounds):
        assert (await portal.post("/token", grant_type="client_credentials")).status_code == 200
        await purge(provider.db, int(provider.clock()))
        most = max(most, await _kept(provider))
        provider.clock.advance(2 * WINDOW)
    # of each round an assertion and a proof, and an assertion more where a nonce was asked for
    lasting = (KEPT_AFTER_EXPIRY + 2 * WINDOW) // (2 * WINDOW) + 1
    assert most <= 3 * lasting < 3 * rounds
    provider.clock.advance(KEPT_AFTER_EXPIRY + 2 * WINDOW)
    await purge(provider.db, int(provider.clock()))
    assert await _kept(provider) == 0
