"""Many at one moment, on each database: polls, requests about one person, answers of that person."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally

from tests.support.ciba import COUNTER, Counter, agree, look_at, open_requests, request_id
from tests.support.population import HOA
from tests.support.provider import Provider


async def test_of_many_polls_at_once_one_is_given_tokens(provider: Provider) -> None:
    await provider.open_account(HOA)
    counter = await Counter.register(provider, COUNTER)
    asked = await counter.ask_for(scope="openid profile")
    await agree(provider, provider.browser(), asked)
    await counter.ask_for(binding_message="other")  # whose answer brings a fresh nonce
    answers = await asyncio.gather(*(asked.poll() for _ in range(16)))
    assert Tally(answer.status_code for answer in answers) == {200: 1, 400: 15}
    (good,) = [answer for answer in answers if answer.status_code == 200]
    token = good.json()["access_token"]
    assert (await counter.userinfo(token)).status_code == 401, "a copy was about: what it gave is over"


async def test_of_many_requests_at_once_one_waits(provider: Provider) -> None:
    await provider.open_account(HOA)
    counter = await Counter.register(provider, COUNTER)
    asked = await asyncio.gather(*(counter.ask_for() for _ in range(8)))
    kept = [one for one in asked if one.response.status_code == 200]
    assert {one.response.status_code for one in asked} <= {200, 503}
    outcomes = Tally([await one.outcome() for one in kept])
    assert outcomes == {"authorization_pending": 1, "expired_token": len(kept) - 1}
    assert (await open_requests(provider.browser())).text.count('name="open"') == 1


async def test_a_yes_and_a_no_at_once_are_one_answer(provider: Provider) -> None:
    await provider.open_account(HOA)
    counter = await Counter.register(provider, COUNTER)
    yes, no = provider.browser(), provider.browser()
    asked = await counter.ask_for()
    page, listed = await look_at(yes, asked), await open_requests(no)
    await asyncio.gather(page.submit(decision="confirm"), listed.submit(refuse=request_id(asked)))
    answer = await asked.poll()
    said = answer.status_code == 200 or answer.json()["error"] == "access_denied"
    assert said, answer.text


async def test_of_many_answers_at_once_one_counts_and_the_others_are_told(provider: Provider) -> None:
    """Nobody reads that they refused what was let in, or has two refusals of one request in their history."""
    await provider.open_account(HOA)
    counter = await Counter.register(provider, COUNTER)
    asked = await counter.ask_for()
    pages = [await look_at(provider.browser(), asked) for _ in range(4)]
    said = ("confirm", "deny", "deny", "deny")
    visits = await asyncio.gather(
        *(page.submit(decision=decision) for page, decision in zip(pages, said, strict=True))
    )
    counted = [decision for visit, decision in zip(visits, said, strict=True) if visit.status == 200]
    assert len(counted) == 1, [visit.status for visit in visits]
    assert {visit.status for visit in visits} <= {200, 409, 410}
    assert (await asked.poll()).status_code == (200 if counted == ["confirm"] else 400)
