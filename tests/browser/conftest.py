"""One launched demo for all browser journeys of a process, and a watched browser for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from playwright.async_api import Browser, BrowserContext

from tests.browser.walk import DESK, Manner, Walk
from tests.support.launched_demo import LaunchedDemo, find_port_base, launch_demo

StartWalk = Callable[[Manner], Awaitable[Walk]]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[LaunchedDemo]:
    """The demo, with a small population, on ports that no other process of the tests looks at."""
    folder = tmp_path_factory.mktemp("journeys") / "demo"
    lowest = 25_200 + 20 * int(worker_id.removeprefix("gw") if worker_id != "master" else 0)
    with launch_demo(folder, people=2000, port_base=find_port_base(lowest, 29_000)) as launched:
        yield launched


@pytest.fixture
async def start_walk(
    browser: Browser, demo: LaunchedDemo, request: pytest.FixtureRequest
) -> AsyncIterator[StartWalk]:
    """Opens a browser without history. At the end of the test nothing may have been objected to in any."""
    opened: list[tuple[BrowserContext, Walk]] = []

    async def start(manner: Manner) -> Walk:
        context = await browser.new_context(
            locale="vi-VN" if manner.locale == "vi" else "en-GB",
            timezone_id="Asia/Ho_Chi_Minh",
            viewport=DESK,
        )
        context.set_default_timeout(15_000)
        name = f"{request.function.__name__.removeprefix('test_')[:40]}-{manner}-{len(opened)}"
        walk = await Walk.start(context, demo.issuer, manner, name)
        opened.append((context, walk))
        return walk

    yield start
    for context, _ in opened:
        await context.close()
    assert [complaint for _, walk in opened for complaint in walk.complaints] == []
