"""What happens between two statements: a proof that is no proof any more, a session that ended, one answer for all."""

from __future__ import annotations

import re
from typing import Any

import pytest

from idp.authentication.hashing import PasswordHasher
from idp.authentication.password_login import Attempt, ProvenPerson, prove_password
from idp.authentication.throttle import GlobalThrottle
from idp.errors import PageError
from idp.interaction.issue import keep_answer
from idp.interaction.login import Browser, open_session
from idp.store import accounts, sessions
from tests.support.devices import TV, add_clients, arrive, ask
from tests.support.population import HEN, HOA, NOBODYS_NUMBER
from tests.support.provider import PASSWORD, Provider

COOKIE, OTHER_COOKIE = b"c" * 32, b"o" * 32
BROWSER = b"b" * 32


@pytest.fixture
async def proven(provider: Provider) -> ProvenPerson:
    """Somebody who has just typed the right password; no session is open yet."""
    await provider.open_account(HOA)
    hasher = PasswordHasher()
    attempt = Attempt(HOA.number, PASSWORD, BROWSER)
    person = await prove_password(provider.context(), hasher, GlobalThrottle(), attempt)
    hasher.close()
    assert isinstance(person, ProvenPerson)
    return person


async def open_one(
    provider: Provider, person: ProvenPerson, cookie: bytes, current: sessions.Session | None = None
) -> None:
    """Open a session for a proven person, or confirm the current one."""
    await open_session(
        provider.context(),
        person,
        Browser(BROWSER, cookie, "Chrome, Android"),
        interaction_id="none",
        client_id=None,
        current=current,
    )


async def session_of(provider: Provider, cookie: bytes) -> sessions.Session | None:
    return await sessions.find(provider.db, cookie, int(provider.clock()))


async def test_a_password_replaced_meanwhile_opens_no_session(
    provider: Provider, proven: ProvenPerson
) -> None:
    """Whoever takes the account back with a code ends all sessions; one that opens in that moment must not remain."""
    await provider.db.write(accounts.set_password(proven.account_id, "another", int(provider.clock())))
    with pytest.raises(PageError, match="login_required_again"):
        await open_one(provider, proven, COOKIE)
    assert await session_of(provider, COOKIE) is None
    assert await provider.events("login") == []


async def test_a_session_ended_meanwhile_is_not_confirmed(provider: Provider, proven: ProvenPerson) -> None:
    await open_one(provider, proven, COOKIE)
    current = await session_of(provider, COOKIE)
    assert current is not None
    await provider.db.write(
        *sessions.end(current.session_id, current.account_id, "person", int(provider.clock()))
    )
    with pytest.raises(PageError, match="login_required_again"):
        await open_one(provider, proven, OTHER_COOKIE, current)
    assert await session_of(provider, OTHER_COOKIE) is None


async def test_tokens_end_with_the_session_they_rest_on_at_the_latest(settled_provider: Provider) -> None:
    """Whether or not the ended session's row has been removed yet."""
    provider, browser = settled_provider, settled_provider.browser()
    dossiers = provider.portal("dossiers")
    await provider.tokens("dossiers", HOA, browser)
    for _ in range(24):
        provider.clock.advance(sessions.IDLE_LIFETIME - 60)
        tokens = await provider.tokens("dossiers", HOA, browser)
    provider.clock.advance(sessions.ABSOLUTE_LIFETIME - 24 * (sessions.IDLE_LIFETIME - 60) - 1)
    tokens = await dossiers.read(await dossiers.refresh(tokens.refresh_token))
    assert (await dossiers.userinfo(tokens.access_token)).status_code == 200
    provider.clock.advance(1)
    assert (await dossiers.userinfo(tokens.access_token)).status_code == 401
    assert (await dossiers.refresh(tokens.refresh_token)).json()["error"] == "invalid_grant"


def _without_what_differs(page: str, number: str) -> str:
    page = re.sub(r'name="csrf_token" value="[^"]+"', "", page)
    return re.sub(r"/interaction/[\w-]+", "", page).replace(number, "")


async def test_a_stranger_cannot_tell_numbers_apart_at_login(provider: Provider) -> None:
    """An account, a person without one, nobody: the same status, headers and bytes."""
    await provider.open_account(HOA)
    told = set()
    for number in (HOA.number, HEN.number, NOBODYS_NUMBER):
        _, visit = await provider.portal("dossiers").send(provider.browser())
        visit = await visit.submit(personal_number=number, password="không phải mật khẩu này")
        headers = frozenset(visit.response.headers.keys())
        told.add((visit.status, headers, _without_what_differs(visit.text, number)))
    assert len(told) == 1
    assert {event.outcome for event in await provider.events("login")} == {
        "wrong_password",
        "no_account",
        "unknown_number",
    }


async def test_a_stranger_cannot_tell_numbers_apart_at_activation(provider: Provider) -> None:
    await provider.open_account(HOA)
    told = set()
    for number in (HOA.number, HEN.number, NOBODYS_NUMBER):
        visit = await provider.browser().open("/activate")
        visit = await visit.submit(personal_number=number, code="00000-00000")
        headers = frozenset(visit.response.headers.keys())
        told.add((visit.status, headers, _without_what_differs(visit.text, number)))
    assert len(told) == 1


async def test_a_session_that_ends_meanwhile_lets_no_device_in(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device would have a session of its own, which nobody ends who has just ended all of them."""
    await provider.open_account(HOA)
    await add_clients(provider, TV)
    device, browser = await ask(provider), provider.browser()
    visit = await arrive(provider, browser, device, HOA)

    async def write_later(*arguments: Any) -> None:
        account = await provider.account(HOA)
        now = int(provider.clock())
        await provider.db.write(*accounts.end_everything(account.account_id, "staff", "staff", now))
        await keep_answer(*arguments)

    monkeypatch.setattr("idp.interaction.approval_elsewhere.keep_answer", write_later)
    visit = await visit.submit(decision="confirm")
    assert visit.status == 409
    assert await device.error() == "authorization_pending"
    account = await provider.account(HOA)
    assert not await sessions.live(provider.db, account.account_id, int(provider.clock()))
