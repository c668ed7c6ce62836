"""Every page of the gallery in a real browser, with the real policy: accessible, and nothing sticks out.

Automatic rules find a part of what WCAG 2.2 asks for; the rest is the templates' care (labels, order, wording).
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, ViewportSize

from idp.http.security_headers import content_security_policy
from idp.pages.i18n import LOCALES, Locale
from idp.pages.render import FORM_POST_SCRIPT_SHA256, Pages
from idp.pages.views import FormPost
from tests.support.page_gallery import GALLERY

pytestmark = pytest.mark.browser

VIEWS = dict(GALLERY)
LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1H0z"/></svg>'
AXE = Axe().axe_script
RULES_OF_COLOUR = ("color-contrast", "link-in-text-block")
RULES_OF_SIZE = ("target-size",)
STANDARDS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
Rules = Mapping[str, object]


def _only(*rules: str) -> Rules:
    return {"runOnly": {"type": "rule", "values": rules}, "resultTypes": ["violations"]}


def _all_but(*rules: str) -> Rules:
    without = {rule: {"enabled": False} for rule in rules}
    return {"runOnly": STANDARDS, "rules": without, "resultTypes": ["violations"]}


PHONE = ViewportSize(width=360, height=740)
DESK = ViewportSize(width=1280, height=860)
SMALLEST_TARGET = 44
Dress = tuple[Literal["light", "dark"], ViewportSize, Rules]
"""A colour scheme, a size, and what is asked then: colours do not follow from the size, nor sizes from the colours."""
DRESSES: Mapping[Locale, tuple[Dress, ...]] = {
    "vi": (
        ("light", PHONE, _all_but()),
        ("light", DESK, _only(*RULES_OF_SIZE)),
        ("dark", PHONE, _only(*RULES_OF_COLOUR)),
    ),
    "en": (("light", PHONE, _all_but(*RULES_OF_COLOUR)),),
}
"""Colours do not follow from the language; names, order and width do."""


class _Gallery(BaseHTTPRequestHandler):
    """Serves `/{locale}/{name}` and the static files."""

    pages = Pages.load(help_line="1900 0000")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Keep the tests' output clean."""

    def do_GET(self) -> None:
        body, media, policy = self._answer()
        self.send_response(200)
        self.send_header("content-type", media)
        self.send_header("content-length", str(len(body)))
        self.send_header("content-security-policy", policy)
        self.end_headers()
        self.wfile.write(body)

    def _answer(self) -> tuple[bytes, str, str]:
        if self.path in self.pages.static:
            file = self.pages.static[self.path]
            return file.body, file.content_type, "default-src 'none'"
        if self.path.startswith("/static/"):
            return LOGO, "image/svg+xml", "default-src 'none'"
        _, language, name = self.path.split("/")
        locale = next(locale for locale in LOCALES if locale == language)
        view = VIEWS[name]
        # The script that sends the form stays out, or the page would be gone before it is looked at.
        html = self.pages.render(view, locale, csrf_token="t" * 43, switch_url="/en/front")
        return html, "text/html; charset=utf-8", content_security_policy()


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    """Address of a loopback server that shows the gallery."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Gallery)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


async def _look(browser: Browser, viewport: ViewportSize) -> Page:
    context = await browser.new_context(viewport=viewport, color_scheme="light")
    return await context.new_page()


async def _judge(page: Page, rules: Rules) -> list[str]:
    """What axe objects to on the page as it is shown now."""
    violations = await page.evaluate(
        "rules => axe.run(document, rules).then(found => found.violations)", rules
    )
    return [f"{found['id']} {[node['html'] for node in found['nodes']]}" for found in violations]


async def _inspect(page: Page, locale: Locale) -> AsyncIterator[str]:
    await page.evaluate(AXE)
    for scheme, viewport, rules in DRESSES[locale]:
        await page.emulate_media(color_scheme=scheme)
        await page.set_viewport_size(viewport)
        for objection in await _judge(page, rules):
            yield f"{viewport['width']} {scheme}: {objection}"
    for viewport in (DESK, PHONE):
        await page.set_viewport_size(viewport)
        if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            yield f"{viewport['width']}: wider than the window"


@pytest.mark.parametrize("locale", LOCALES)
async def test_pages_are_accessible_and_fit(browser: Browser, gallery: str, locale: Locale) -> None:
    page = await _look(browser, PHONE)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    found: list[str] = []
    for name, view in GALLERY:
        complaints.clear()
        await page.goto(f"{gallery}/{locale}/{name}")
        expected = 1 if isinstance(view, FormPost) else 0  # the script that this policy does not let in
        if len(complaints) != expected:
            found.append(f"{name}: console {complaints}")
        found += [f"{name}: {objection}" async for objection in _inspect(page, locale)]
    await page.context.close()
    assert found == []


async def test_control_a_faulty_page_is_objected_to(browser: Browser) -> None:
    page = await _look(browser, PHONE)
    await page.set_content(
        "<title>x</title><input><p class=a>pale</p><div class=b>wide</div><a href=#a>+</a><a href=#b>-</a>"
        "<style>.a { color: #ccc } .b { width: 500px } a { position: absolute; font-size: 8px; left: 0 }"
        "@media (prefers-color-scheme: dark) { .a { color: #ccc; background: #ddd } }</style>"
    )
    found = " ".join([objection async for objection in _inspect(page, "vi")])
    for expected in (
        "html-has-lang",
        "label",
        "360 light: color-contrast",
        "360 dark: color-contrast",
        "1280 light: target-size",
        "360: wider",
    ):
        assert expected in found
    in_english = " ".join([objection async for objection in _inspect(page, "en")])
    for expected in ("html-has-lang", "label", "360 light: target-size", "360: wider"):
        assert expected in in_english
    await page.context.close()


async def test_targets_are_large_enough_for_a_thumb(browser: Browser, gallery: str) -> None:
    page = await _look(browser, PHONE)
    small: list[str] = []
    for name, _ in GALLERY:
        await page.goto(f"{gallery}/vi/{name}")
        small += await page.evaluate(
            """([name, least]) => [...document.querySelectorAll("button, .button, summary, input[type=text], "
                + "input[type=password], .choice label, .brand, .switch")]
                .filter(element => element.getBoundingClientRect().height < least)
                .map(element => `${name}: ${element.outerHTML.slice(0, 80)}`)""",
            [name, SMALLEST_TARGET],
        )
    await page.context.close()
    assert small == []


async def test_error_summary_is_reached_first_and_leads_to_its_field(browser: Browser, gallery: str) -> None:
    page = await _look(browser, DESK)
    await page.goto(f"{gallery}/vi/login-empty")
    assert await page.evaluate("document.activeElement.id") == "error-summary"
    await page.get_by_role("link", name="Nhập mật khẩu").click()
    assert await page.evaluate("document.activeElement.id") == "password"
    await page.context.close()


async def test_keyboard_alone_reaches_everything_in_order(browser: Browser, gallery: str) -> None:
    page = await _look(browser, DESK)
    await page.goto(f"{gallery}/vi/login")
    reached = []
    for _ in range(8):
        await page.keyboard.press("Tab")
        reached.append(
            await page.evaluate("document.activeElement.id || document.activeElement.className || 'summary'")
        )
    assert reached == [
        "skip",
        "brand",
        "switch-language",
        "personal_number",
        "password",
        "sign_in",
        "cancel",
        "summary",
    ]
    await page.context.close()


async def test_receipt_prints_without_buttons(browser: Browser, gallery: str) -> None:
    page = await _look(browser, DESK)
    await page.goto(f"{gallery}/vi/activated")
    await page.emulate_media(media="print")
    assert await page.locator("#request-id").is_visible()
    assert not await page.locator("#continue").is_visible()
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    await page.context.close()


async def test_form_post_sends_itself_under_its_own_policy(browser: Browser, gallery: str) -> None:
    view = VIEWS["form-post"]
    assert isinstance(view, FormPost)
    html = _Gallery.pages.render(view, "vi")
    policy = content_security_policy(script_hash=FORM_POST_SCRIPT_SHA256)
    page = await _look(browser, DESK)
    await page.route(
        "**/send",
        lambda route: route.fulfill(
            body=html, headers={"content-type": "text/html; charset=utf-8", "content-security-policy": policy}
        ),
    )
    await page.route("**/callback", lambda route: route.fulfill(body="<!doctype html><title>ok</title>"))
    async with page.expect_request("**/callback") as sent:
        await page.goto(f"{gallery}/send")
    request = await sent.value
    assert request.method == "POST"
    assert request.post_data == "code=a+b%26%22c%27&state=" + "x" * 128
    await page.context.close()
