"""Cookies carry chance only; what leaves the module is a digest."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from idp.http.cookies import Cookies, fresh_cookie
from idp.http.responses import empty

HTTPS = Cookies(secure=True)
HTTP = Cookies(secure=False)


def set_by(response: Any) -> list[str]:
    return [value.decode() for name, value in response.raw_headers if name == b"set-cookie"]


def attributes(line: str) -> set[str]:
    return {part.strip() for part in line.split(";")[1:]}


def test_under_https_cookies_are_bound_to_the_host() -> None:
    response, cookie = empty(), fresh_cookie()
    HTTPS.keep_session(response, cookie)
    (line,) = set_by(response)
    assert line.startswith(f"__Host-motcua-session={cookie.value};")
    assert attributes(line) == {"Path=/", "HttpOnly", "Secure", "SameSite=Lax"}


def test_on_localhost_they_have_no_prefix() -> None:
    response = empty()
    HTTP.keep_session(response, fresh_cookie())
    (line,) = set_by(response)
    assert line.startswith("motcua-session=")
    assert attributes(line) == {"Path=/", "HttpOnly", "SameSite=Lax"}


def test_the_browser_is_known_for_a_while() -> None:
    response = empty()
    HTTPS.keep_browser(response, fresh_cookie())
    assert "Max-Age=34560000" in attributes(set_by(response)[0])


def test_a_session_is_taken_away() -> None:
    response = empty()
    HTTPS.forget_session(response)
    assert set_by(response)[0].startswith("__Host-motcua-session=;")
    assert "Max-Age=0" in attributes(set_by(response)[0])


def test_values_are_256_random_bits_and_digests_are_sha256() -> None:
    one, two = fresh_cookie(), fresh_cookie()
    assert len(one.value) == 43
    assert one.value != two.value
    assert one.digest == hashlib.sha256(one.value.encode()).digest()


def test_what_was_set_is_read(request_with: Any) -> None:
    session, browser = fresh_cookie(), fresh_cookie()
    line = f"other=1; {HTTPS.session}={session.value}; {HTTPS.browser}={browser.value}"
    request = request_with(("cookie", line))
    assert HTTPS.session_digest(request) == session.digest
    assert HTTPS.browser_digest(request) == browser.digest
    assert HTTP.session_digest(request) is None


def test_several_cookie_headers_are_one(request_with: Any) -> None:
    cookie = fresh_cookie()
    request = request_with(("cookie", "a=1"), ("cookie", f"{HTTPS.session}={cookie.value}"))
    assert HTTPS.session_digest(request) == cookie.digest


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{name}=",
        "{name}=short",
        "{name}={value}=",
        '{name}="{value}"',
        "{name}={value}x",
        "{name}={value}; {name}={value}",
        "x{name}={value}",
        "{name} = {value}",
    ],
)
def test_what_we_never_made_is_no_cookie(request_with: Any, line: str) -> None:
    value = fresh_cookie().value
    request = request_with(("cookie", line.format(name=HTTPS.session, value=value)))
    assert HTTPS.session_digest(request) is None


def test_the_language_is_one_of_ours(request_with: Any) -> None:
    assert HTTPS.language(request_with(("cookie", "motcua-language=en"))) == "en"
    assert HTTPS.language(request_with(("cookie", "motcua-language=xx"))) is None
