"""A person at a browser: walks through portals and provider, and every page met is looked at as it comes.

With JOURNEY_PICTURES=folder a picture of every page is kept, as a phone and as a desk shows it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final, Self

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    BrowserContext,
    CDPSession,
    ConsoleMessage,
    Page,
    Response,
    ViewportSize,
    expect,
)

from examples.launcher.folder import Citizen

AXE: Final = Axe().axe_script
RULES: Final[Mapping[str, object]] = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
PHONE: Final = ViewportSize(width=360, height=740)
DESK: Final = ViewportSize(width=1280, height=860)
PICTURES: Final = os.environ.get("JOURNEY_PICTURES")


@dataclass(frozen=True, slots=True)
class Manner:
    """How a person uses the browser: language of the provider's pages, with or without JavaScript."""

    locale: str
    javascript: bool

    def __str__(self) -> str:
        return f"{self.locale}-{'script' if self.javascript else 'plain'}"


MANNERS: Final = (Manner("vi", javascript=True), Manner("en", javascript=False))


@dataclass  # without slots: Playwright writes on an object whose methods listen
class Walk:
    """One tab, watched: `complaints` is what the browser or the accessibility rules object to anywhere."""

    page: Page
    settings: CDPSession
    issuer: str
    manner: Manner
    name: str
    complaints: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    numbers: count[int] = field(default_factory=count)

    @classmethod
    async def start(cls, context: BrowserContext, issuer: str, manner: Manner, name: str) -> Self:
        """Opens a tab and listens to everything that the browser objects to."""
        page = await context.new_page()
        walk = cls(page, await context.new_cdp_session(page), issuer, manner, name)
        # Not the option of the browser's context: that one cannot be taken back, and axe is a script.
        await walk.switch_scripts(on=manner.javascript)
        page.on("console", walk._hear)
        page.on("pageerror", lambda error: walk.complaints.append(f"script: {error}"))
        page.on("response", walk._note)
        return walk

    def _hear(self, message: ConsoleMessage) -> None:
        # A page of status 400 says "Failed to load resource" although it is shown; other files: see `_note`.
        if not message.text.startswith("Failed to load resource"):
            self.complaints.append(f"console at {self.page.url}: {message.text}")

    def _note(self, response: Response) -> None:
        if response.request.resource_type != "document":
            if response.status >= 400:
                self.complaints.append(f"{response.status} {response.url}")
        elif response.url.startswith(self.issuer) and not 300 <= response.status < 400:
            self.shown.append(response.url)

    @property
    def at_provider(self) -> bool:
        """Whether the page shown is the provider's."""
        return self.page.url.startswith(self.issuer)

    async def look(self, what: str) -> None:
        """Judges the page as it stands: accessibility, language, width, no address that tells too much."""
        where = f"{what} ({self.manner}): "
        for found in await self._judge():
            nodes = [node["html"] for node in found["nodes"]]
            self.complaints.append(f"{where}{found['id']} {nodes}")
        language = await self.page.locator("html").get_attribute("lang")
        if language != (self.manner.locale if self.at_provider else "vi"):
            self.complaints.append(f"{where}in the language {language}")
        if await self.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            self.complaints.append(f"{where}wider than the window")
        if "eyJ" in self.page.url:
            self.complaints.append(f"{where}a token in the address")
        if PICTURES:
            await self._keep_picture(Path(PICTURES), what)

    async def _judge(self) -> list[dict[str, Any]]:
        """What axe objects to. It is a script, so scripts run while it does; those of the page are past by then."""
        await self.switch_scripts(on=True)
        await self.page.evaluate(AXE)
        found: list[dict[str, Any]] = await self.page.evaluate(
            "rules => axe.run(document, rules).then(found => found.violations)", RULES
        )
        await self.switch_scripts(on=self.manner.javascript)
        return found

    async def switch_scripts(self, *, on: bool) -> None:
        """Lets the tab run scripts or not, as the browser's setting does."""
        await self.settings.send("Emulation.setScriptExecutionDisabled", {"value": not on})

    async def _keep_picture(self, folder: Path, what: str) -> None:
        for size, viewport in (("desk", DESK), ("phone", PHONE)):
            await self.page.set_viewport_size(viewport)
            file = f"{self.name}-{next(self.numbers) // 2:02}-{what.replace(' ', '-')}-{size}.png"
            await self.page.screenshot(path=folder / file, full_page=True)

    async def press(self, selector: str) -> None:
        """Presses what leads to another page, and waits for that page to stand as a person first meets it."""
        await self.page.locator(selector).click()
        await self.page.wait_for_load_state()
        greeting = self.page.locator("[autofocus]")
        if await greeting.count():
            await expect(greeting).to_be_focused()

    async def begin_at(self, portal: str) -> None:
        """Opens a portal and presses its button."""
        await self.page.goto(portal)
        await self.press("main a.button")

    async def give_password(self, citizen: Citizen, password: str | None = None) -> None:
        """Fills the login page."""
        await self.page.fill("#personal_number", citizen.personal_number)
        await self.page.fill("#password", citizen.password if password is None else password)
        await self.press("#sign_in")

    async def agree(self) -> None:
        """Gives a portal all that it asks for."""
        for box in await self.page.locator("input[type=checkbox]").all():
            await box.check()
        await self.press("#allow")

    async def enter(self, portal: str, citizen: Citizen) -> None:
        """Signs in at a portal that shows a notice."""
        await self.begin_at(portal)
        await self.give_password(citizen)
        await self.press("#continue")

    async def text(self) -> str:
        """What the page says."""
        return await self.page.locator("main").inner_text()
