"""Error pages: ids that programs can rely on, and both languages on every one of them.

The conformance suite recognises our error pages by these ids, and help desks by the codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import unescape
from typing import Final

import pytest
from starlette.requests import Request

from idp.http.language import same_page
from idp.pages.errors import ERROR_PAGES
from idp.pages.i18n import read_messages
from tests.support.browsing import Browser, Visit
from tests.support.provider import Provider

TITLES: Final[Mapping[str, str]] = {
    "stale_interaction": "This page has expired",
    "already_finished": "This step is already finished",
    "unknown_client": "This service is not registered",
    "redirect_uri_mismatch": "This service cannot take you back",
    "invalid_request": "The request of the service is not valid",
    "cookies_required": "Your browser does not keep cookies",
    "csrf_failed": "The form could not be accepted",
    "not_found": "This page does not exist",
    "method_not_allowed": "This page cannot be opened in this way",
    "too_large": "Too much was sent",
    "too_many_requests": "Please wait a moment",
    "busy": "Many people are signing in right now",
    "server_error": "Something went wrong on our side",
    "login_required_again": "Please sign in again",
    "client_disabled": "This service is closed for now",
    "logout_redirect_mismatch": "We cannot take you back to that address",
    "invalid_logout_hint": "The request to sign out is not valid",
}
"""Codes and titles that outlive a release; a code may be added, and none may be taken away or mean something else."""


def test_codes_and_titles_are_stable() -> None:
    assert {code: ERROR_PAGES[code].title for code in TITLES} == TITLES


def shown(visit: Visit) -> tuple[str, str]:
    """Language and code of an error page with all its parts."""
    for element in ("error-title", "error-happened", "error-next", "request-id", "error-technical"):
        assert visit.told(element), element
    language = "vi" if '<html lang="vi">' in visit.text else "en"
    code = visit.told("error-code")
    title = ERROR_PAGES[code].title
    assert unescape(visit.told("error-title")) == read_messages(language)[title]  # type: ignore[arg-type]
    return language, code


def switch(visit: Visit) -> str:
    """Where the language switch leads."""
    before, _, after = visit.text.partition('id="switch-language" href="')
    assert before
    return unescape(after.partition('"')[0])


@pytest.mark.parametrize(
    ("path", "code"), [("/interaction/unknown", "cookies_required"), ("/authorize", "unknown_client")]
)
async def test_the_same_page_in_the_other_language(service: Provider, path: str, code: str) -> None:
    browser = service.browser()
    visit = await browser.open(path)
    assert (shown(visit), switch(visit)) == (("vi", code), f"{path}?lang=en")
    again = await browser.open(switch(visit))
    assert (shown(again), switch(again)) == (("en", code), f"{path}?lang=vi")
    assert shown(await browser.open(path)) == ("en", code), "the choice is remembered"


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("/authorize?client_id=nobody&state=strange", "unknown_client"),
        ("/authorize?client_id=ministry&redirect_uri=https://strange.example/", "redirect_uri_mismatch"),
        ("/logout?id_token_hint=strange", "invalid_logout_hint"),
        ("/strange", "not_found"),
        ("/strange/%22%3E%3Cscript", "not_found"),
        (f"/authorize?client_id=nobody&nonce={'strange' * 600}", "unknown_client"),
    ],
)
async def test_what_is_strange_is_not_repeated_and_said_in_both_languages(
    service: Provider, address: str, code: str
) -> None:
    visit = await service.browser().open(address, accept="text/html")
    assert shown(visit) == ("vi", code)
    assert "strange" not in visit.text
    assert_both_languages(visit, code)


def assert_both_languages(visit: Visit, code: str) -> None:
    """The switch leads down the page, to the same in English."""
    assert switch(visit) == "#other-language"
    below = unescape(visit.text.partition('id="other-language" lang="en"')[2])
    text = ERROR_PAGES[code]
    assert all(part in below for part in (text.title, text.happened, text.next))


async def test_the_portal_may_wish_for_a_language(service: Provider) -> None:
    browser = service.browser()
    asked = "/authorize?client_id=nobody&ui_locales=fr%20en"
    assert shown(await browser.open(asked)) == ("en", "unknown_client")
    await browser.open("/?lang=vi")
    assert shown(await browser.open(asked)) == ("vi", "unknown_client"), "who chose is not overruled"


async def posted(browser: Browser) -> Visit:
    """The answer to a form that is not accepted."""
    await browser.open("/activate")
    return await browser.post("/activate", [("personal_number", "1"), ("csrf_token", "forged")])


async def test_what_answers_a_form_says_it_in_both_languages(service: Provider) -> None:
    visit = await posted(service.browser())
    language, code = shown(visit)
    assert (language, code) == ("vi", "csrf_failed")
    assert_both_languages(visit, code)


@pytest.mark.parametrize(
    ("path", "query", "address"),
    [
        ("/", b"", "/?lang=en"),
        ("/a b", b"x=1&lang=vi&&lang&z=1", "/a%20b?x=1&lang=en"),
        ("//evil.example", b"", "/evil.example?lang=en"),
        ("///\\evil.example", b"", "/%5Cevil.example?lang=en"),
        ("/\r\nset-cookie", b"x=\xff\r\n", "/%0D%0Aset-cookie?x=%C3%BF%0D%0A&lang=en"),
        ("/?", b"", "/%3F?lang=en"),
        ("/", b"x=" + b"y" * 5000, ""),
    ],
)
def test_a_switch_never_leaves_this_host(path: str, query: bytes, address: str) -> None:
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query, "headers": []}
    assert same_page(Request(scope), "en", {"x"}) == address
