"""Refresh tokens of profiles whose tokens are bound (FAPI 2.0 §5.3.2.1): used again and again, always with a proof."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import jwt
import pytest
from sqlalchemy import select

from idp.store.refresh_tokens import ABSOLUTE_LIFETIME, IDLE_LIFETIME, TOUCHED_AFTER
from idp.store.schema import refresh_tokens
from tests.support.delegation import change
from tests.support.dpop import DpopKey
from tests.support.fapi import FAPI2, SECOND, FapiPortal
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA
from tests.support.portals import Tokens
from tests.support.provider import Ground, Provider

KEPT: Final = {**FAPI2, "grant_types": ["authorization_code", "refresh_token"]}
_FAMILY: Final = select(refresh_tokens)


@pytest.fixture
async def one(provider_ground: Ground, tmp_path: Path) -> AsyncIterator[Provider]:
    """A fresh provider, whose clock may be moved."""
    async with provider_on_sqlite(tmp_path, provider_ground, citizens=[HOA]) as provider:
        yield provider


@pytest.fixture
async def portal(one: Provider) -> FapiPortal:
    """A client of the profile that refreshes."""
    return await FapiPortal.register(one, KEPT)


@pytest.fixture
async def given(one: Provider, portal: FapiPortal) -> Tokens:
    """Its tokens."""
    return await portal.tokens(*await portal.enter(one, HOA))


async def _idle_until(one: Provider) -> int:
    row = await one.db.fetch_one(_FAMILY)
    assert row is not None
    assert row["rotated_at"] is None
    return int(row["idle_expires_at"])


async def test_the_same_token_serves_again(one: Provider, portal: FapiPortal, given: Tokens) -> None:
    seen = {given.access_token}
    for _ in range(3):
        one.clock.advance(45)
        refreshed = await portal.refresh(given.refresh_token)
        assert refreshed.status_code == 200, refreshed.text
        assert refreshed.json()["refresh_token"] == given.refresh_token
        seen.add(refreshed.json()["access_token"])
        assert (await portal.userinfo(refreshed.json()["access_token"])).status_code == 200
    assert len(seen) == 4


async def test_many_at_once_are_all_answered(portal: FapiPortal, given: Tokens) -> None:
    answers = await asyncio.gather(*(portal.refresh(given.refresh_token) for _ in range(16)))
    assert Counter(answer.status_code for answer in answers) == {200: 16}
    assert {answer.json()["refresh_token"] for answer in answers} == {given.refresh_token}


async def test_a_use_is_written_down_now_and_then(one: Provider, portal: FapiPortal, given: Tokens) -> None:
    first = await _idle_until(one)
    one.clock.advance(TOUCHED_AFTER - 1)
    await portal.refresh(given.refresh_token)
    assert await _idle_until(one) == first
    one.clock.advance(1)
    await portal.refresh(given.refresh_token)
    assert await _idle_until(one) == first + TOUCHED_AFTER
    assert [event.details["grant_type"] for event in await one.events("token")] == [
        "authorization_code",
        "refresh_token",
        "refresh_token",
    ]


async def test_who_does_not_use_it_loses_it(one: Provider, portal: FapiPortal, given: Tokens) -> None:
    one.clock.advance(IDLE_LIFETIME + TOUCHED_AFTER)
    refused = await portal.refresh(given.refresh_token)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


async def test_it_lives_as_long_as_it_is_used_but_no_longer_than_any(
    one: Provider, portal: FapiPortal, given: Tokens
) -> None:
    began, told = one.clock(), Counter[str]()
    while one.clock() - began < ABSOLUTE_LIFETIME + IDLE_LIFETIME:
        one.clock.advance(IDLE_LIFETIME - TOUCHED_AFTER)
        told[(await portal.refresh(given.refresh_token)).json().get("error", "ok")] += 1
    assert told["ok"] >= (ABSOLUTE_LIFETIME // IDLE_LIFETIME)
    assert told["invalid_grant"] >= 1


async def test_another_key_will_do_and_none_will_not(portal: FapiPortal, given: Tokens) -> None:
    key = DpopKey.fresh()
    body = (await portal.with_key(key).refresh(given.refresh_token)).json()
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert (body["token_type"], claims["cnf"]) == ("DPoP", {"jkt": key.jkt})
    fields, _ = portal.credentials()
    form = {**fields, "grant_type": "refresh_token", "refresh_token": given.refresh_token}
    unproven = await portal.http.post("/token", data=form)
    assert (unproven.status_code, unproven.json()["error"]) == (400, "invalid_dpop_proof")


async def test_it_is_of_no_use_without_the_client(portal: FapiPortal, given: Tokens) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": given.refresh_token}
    for named in ({}, {"client_id": portal.client_id}):
        refused = await portal.http.post(
            "/token", data={**form, **named}, headers=portal.holder.header("POST", "/token")
        )
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


async def test_it_is_of_no_use_to_another_client(one: Provider, given: Tokens) -> None:
    described = {**SECOND, "grant_types": ["authorization_code", "refresh_token"]}
    second = await FapiPortal.register(one, described)
    refused = await second.refresh(given.refresh_token)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


async def test_a_token_that_was_given_back_is_gone(portal: FapiPortal, given: Tokens) -> None:
    await portal.revoke(given.refresh_token)
    assert (await portal.refresh(given.refresh_token)).json()["error"] == "invalid_grant"
    assert (await portal.userinfo(given.access_token)).status_code == 401


async def test_a_client_that_rotated_before_goes_on_with_what_it_holds(one: Provider) -> None:
    """Of a portal that moves to the profile, no login is lost; what it used up before stays used up."""
    before = {
        "profile": "oidc",
        "require_pushed_authorization_requests": True,
        "dpop_bound_access_tokens": True,
    }
    portal = await FapiPortal.register(one, KEPT, **before)
    first = await portal.tokens(*await portal.enter(one, HOA))
    second = (await portal.refresh(first.refresh_token)).json()["refresh_token"]
    await change(one, portal.client_id, profile="fapi2")
    moved = FapiPortal.of(one.portal(portal.client_id, app=await one.another_worker()))
    one.clock.advance(60)
    assert (await moved.refresh(second)).json()["refresh_token"] == second
    assert (await moved.refresh(first.refresh_token)).json()["error"] == "invalid_grant"
    assert (await moved.refresh(second)).json()["error"] == "invalid_grant"
