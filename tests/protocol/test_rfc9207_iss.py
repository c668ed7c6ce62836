"""RFC 9207: `iss` in every authorization response; and `state` as it came, beside what stood in the address."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from idp.errors import AccessDenied, LoginRequired
from idp.oidc.authorization_request import read_parameters
from idp.oidc.authorization_response import failure, location, success
from idp.oidc.redirect_uri import RedirectTarget, prove_target
from tests.support.oidc_rules import ISSUER, REDIRECT_URI, client, pairs

STATES = [
    "x",
    "a b+c&d=e%20f#g?h/i",
    "đường về",
    "=" * 128,
    "A" * 2048,
    '{"next":"/hồ-sơ?a=1"}',
    "\\",
    "'\"<>",
]


def target_of(*without: str, uri: str = REDIRECT_URI, **changes: str) -> RedirectTarget:
    parameters = read_parameters(pairs(*without, redirect_uri=uri, **changes))
    return prove_target(client(redirect_uris=[uri]), parameters, ISSUER)


@pytest.mark.parametrize("state", STATES)
def test_success_and_failure_carry_state_and_issuer(state: str) -> None:
    target = target_of(state=state)
    for response in (success(target, "c0de"), failure(target, AccessDenied("no"))):
        parameters = dict(parse_qsl(urlsplit(location(response)).query, strict_parsing=True))
        assert parameters["state"] == state
        assert parameters["iss"] == ISSUER
        assert ("code" in parameters) != ("error" in parameters)


def test_no_state_where_none_was_sent() -> None:
    assert success(target_of("state"), "c").parameters == (("code", "c"), ("iss", ISSUER))
    assert success(target_of(state=""), "c").parameters == (("code", "c"), ("iss", ISSUER))


def test_a_failure_says_nothing_but_the_error() -> None:
    response = failure(target_of(), LoginRequired())
    assert response.parameters == (("error", "login_required"), ("state", "af0ifjsldkj"), ("iss", ISSUER))


@pytest.mark.parametrize(
    ("uri", "start"),
    [
        ("https://a.example/cb", "https://a.example/cb?code="),
        ("https://a.example/cb?x=1&y=a%20b", "https://a.example/cb?x=1&y=a%20b&code="),
        ("https://a.example/cb?", "https://a.example/cb?code="),
        ("https://a.example", "https://a.example?code="),
    ],
)
def test_the_query_of_the_address_stays(uri: str, start: str) -> None:
    assert location(success(target_of(uri=uri), "c")).startswith(start)


def test_form_post_keeps_the_parameters_out_of_the_address() -> None:
    response = success(target_of(response_mode="form_post"), "c")
    assert response.target.response_mode == "form_post"
    assert response.target.redirect_uri == REDIRECT_URI
    assert dict(response.parameters)["iss"] == ISSUER
