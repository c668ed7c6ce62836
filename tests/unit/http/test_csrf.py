"""A form of ours counts only from our own page in the same browser."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from idp.errors import PageError
from idp.http.cookies import fresh_cookie
from idp.http.csrf import FIELD, csrf_token, require_csrf

ISSUER = "https://id.example.vn"
BROWSER = fresh_cookie().digest


def test_our_own_form_passes(request_with: Any, keyring: Any) -> None:
    form = [("a", "1"), (FIELD, csrf_token(keyring, BROWSER))]
    require_csrf(request_with(), form, keyring, BROWSER, issuer=ISSUER)


def test_tokens_differ_each_time_and_all_are_good(request_with: Any, keyring: Any) -> None:
    tokens = {csrf_token(keyring, BROWSER) for _ in range(3)}
    assert len(tokens) == 3
    for token in tokens:
        require_csrf(request_with(), [(FIELD, token)], keyring, BROWSER, issuer=ISSUER)


@pytest.mark.parametrize("headers", [
    [("sec-fetch-site", "same-origin"), ("origin", "null")],
    [("sec-fetch-site", "none")],
    [("origin", ISSUER)],
    [("origin", "null")],
])  # fmt: skip
def test_browsers_that_say_it_is_ours(request_with: Any, keyring: Any, headers: Any) -> None:
    form = [(FIELD, csrf_token(keyring, BROWSER))]
    require_csrf(request_with(*headers), form, keyring, BROWSER, issuer=ISSUER)


@pytest.mark.parametrize("headers", [
    [("sec-fetch-site", "cross-site"), ("origin", ISSUER)],
    [("sec-fetch-site", "same-site")],
    [("origin", "https://evil.example")],
    [("origin", "https://id.example.vn.evil.example")],
    [("origin", "http://id.example.vn")],
])  # fmt: skip
def test_other_origins_are_refused_even_with_a_token(request_with: Any, keyring: Any, headers: Any) -> None:
    form = [(FIELD, csrf_token(keyring, BROWSER))]
    with pytest.raises(PageError) as refused:
        require_csrf(request_with(*headers), form, keyring, BROWSER, issuer=ISSUER)
    assert (refused.value.page, refused.value.status) == ("csrf_failed", 403)


def test_wrong_tokens_are_refused(request_with: Any, keyring: Any) -> None:
    good = csrf_token(keyring, BROWSER)
    raw = bytearray(base64.urlsafe_b64decode(good))
    raw[40] ^= 1
    tampered = base64.urlsafe_b64encode(bytes(raw)).decode()
    another = csrf_token(keyring, fresh_cookie().digest)
    for form in (
        [],
        [(FIELD, "")],
        [(FIELD, "é")],
        [(FIELD, "AAAA")],
        [(FIELD, tampered)],
        [(FIELD, another)],
        [(FIELD, good), (FIELD, good)],
    ):
        with pytest.raises(PageError) as refused:
            require_csrf(request_with(), form, keyring, BROWSER, issuer=ISSUER)
        assert refused.value.page == "csrf_failed"


def test_a_browser_without_cookies_is_told_so(request_with: Any, keyring: Any) -> None:
    form = [(FIELD, csrf_token(keyring, BROWSER))]
    with pytest.raises(PageError) as refused:
        require_csrf(request_with(), form, keyring, None, issuer=ISSUER)
    assert refused.value.page == "cookies_required"
