"""The example device logs a person in, and says why it could not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from examples.device import login
from examples.device.login import LoginFailed, discover, log_in
from tests.support.browsing import Visit
from tests.support.devices import add_clients, type_code
from tests.support.installation import ISSUER
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA
from tests.support.provider import Ground, Provider

REGISTRATION = json.loads(Path("examples/device/device.client.json").read_text(encoding="utf-8"))


@pytest.fixture
async def one(
    provider_ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Provider]:
    """A provider that knows the example device. Its clock is far from ours, so times are not looked at."""
    monkeypatch.setattr(login, "LEEWAY_SECONDS", 1 << 32)
    async with provider_on_sqlite(tmp_path, provider_ground, citizens=[HOA]) as provider:
        await add_clients(provider, REGISTRATION)
        yield provider


class Person:
    """Somebody with a telephone, who looks at the device while it waits. Each look is what they do next."""

    def __init__(self, provider: Provider, *, agrees: bool) -> None:
        self._provider = provider
        self._agrees = agrees
        self._code = ""
        self._visit: Visit | None = None
        self.waited: list[float] = []

    def look(self, codes: Mapping[str, Any]) -> None:
        """Read the code."""
        self._code = str(codes["user_code"])

    async def wait(self, seconds: float) -> None:
        """Time passes; at the third look the person acts."""
        self.waited.append(seconds)
        self._provider.clock.advance(seconds / 2 if len(self.waited) == 2 else seconds)
        if len(self.waited) == 3:
            await self._act()

    async def _act(self) -> None:
        visit = await type_code(self._provider.browser(), self._code)
        visit = await self._provider.sign_in(visit, HOA)
        visit = await visit.submit(decision="confirm" if self._agrees else "deny")
        if visit.offers(decision="allow"):
            claims = [value for form in visit.forms for name, value in form.choices if name == "claim"]
            await visit.submit(decision="allow", claim=claims)


async def test_the_device_greets_who_let_it_in(one: Provider) -> None:
    person, http = Person(one, agrees=True), one.http()
    provider = await discover(http, ISSUER)
    told = await log_in(http, provider, "may-tra-cuu", show=person.look, sleep=person.wait)
    assert told["name"] == HOA.name
    assert person.waited == [5, 5, 10], "it was told to slow down once"


async def test_the_device_is_told_that_the_person_refused(one: Provider) -> None:
    person, http = Person(one, agrees=False), one.http()
    provider = await discover(http, ISSUER)
    with pytest.raises(LoginFailed, match="access_denied"):
        await log_in(http, provider, "may-tra-cuu", show=person.look, sleep=person.wait)
