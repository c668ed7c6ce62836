"""RFC 6749 §4.1.1 and OpenID Connect Core §3.1.2.1: the authorization request, as a table of what is taken and not."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from idp.errors import OAuthError, PageError
from idp.oidc.authorization_request import AuthorizationRequest, read_authorization_request, read_parameters
from idp.oidc.redirect_uri import prove_target
from tests.support.oidc_rules import ISSUER, REDIRECT_URI, client, pairs, request


def test_a_full_request_is_read() -> None:
    read = request(
        scope="profile openid",
        prompt="login consent",
        max_age="300",
        ui_locales="se vi-VN en",
        acr_values="LoA1 LoA2",
        login_hint="ai đó",
        display="popup",
    )
    assert (read.client_id, read.redirect_uri, read.response_mode) == ("portal", REDIRECT_URI, "query")
    assert (read.state, read.nonce) == ("af0ifjsldkj", "n-0S6_WzA2Mj")
    assert (read.scope, read.prompt) == (("profile", "openid"), frozenset({"login", "consent"}))
    assert (read.max_age, read.ui_locales) == (300, ("se", "vi-VN", "en"))
    assert (read.acr_values, read.wanted_acr_values) == (("LoA1", "LoA2"), ("LoA1", "LoA2"))
    assert (read.login_hint, read.display) == ("ai đó", "popup")


@pytest.mark.parametrize("absent", ["state", "nonce"])
def test_state_and_nonce_may_be_absent(absent: str) -> None:
    assert getattr(request(absent), absent) is None


@pytest.mark.parametrize(
    "parameters",
    [
        {"extra": "foobar"},
        {"display": "hologram"},
        {"ui_locales": "!! xx"},
        {"claims_locales": "vi"},
        {"login_hint": "x@example.vn"},
        {"acr_values": "1 2"},
        {"scope": "openid profile email phone made-up"},
        {"code_challenge_method": "S256", "prompt": ""},
    ],
)
def test_what_is_unknown_or_empty_does_no_harm(parameters: dict[str, Any]) -> None:
    assert "openid" in request(**parameters).scope


def test_unknown_scopes_are_left_out_of_what_is_granted() -> None:
    assert request(scope="openid locker profile").scope == ("openid", "profile")


@pytest.mark.parametrize(
    ("error", "parameters"),
    [
        ("request_not_supported", {"request": "e30.e30."}),
        ("request_uri_not_supported", {"request_uri": "https://portal.example.gov.vn/r"}),
        ("registration_not_supported", {"registration": "{}"}),
        ("unsupported_response_type", {"response_type": "token"}),
        ("unsupported_response_type", {"response_type": "code id_token"}),
        ("unsupported_response_type", {"response_type": "none"}),
        ("invalid_request", {"response_mode": "fragment"}),
        ("invalid_request", {"response_mode": "fragment.jwt"}),
        ("invalid_scope", {"scope": "profile"}),
        ("invalid_scope", {"scope": 'openid "x'}),
        ("invalid_scope", {"scope": "openid legacy_dvcqg"}),
        ("invalid_request", {"code_challenge_method": "plain"}),
        ("invalid_request", {"code_challenge": "short"}),
        ("invalid_request", {"prompt": "none login"}),
        ("invalid_request", {"prompt": "none create"}),
        ("invalid_request", {"prompt": "register"}),
        ("invalid_request", {"max_age": "-1"}),
        ("invalid_request", {"max_age": "abc"}),
        ("invalid_request", {"max_age": "1.5"}),
        ("invalid_request", {"max_age": "٣"}),
        ("invalid_request", {"max_age": "9" * 30}),
        ("invalid_request", {"nonce": "n" * 1025}),
        ("invalid_request", {"login_hint": "a\x00b"}),
        ("invalid_request", {"claims": "{"}),
    ],
)
def test_refused_towards_the_client(error: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(OAuthError) as refused:
        request(**parameters)
    assert refused.value.error == error
    assert refused.value.description


@pytest.mark.parametrize(
    ("absent", "error"),
    [
        ("response_type", "invalid_request"),
        ("scope", "invalid_scope"),
        ("code_challenge", "invalid_request"),
        ("code_challenge_method", "invalid_request"),
    ],
)
def test_missing_is_refused_towards_the_client(absent: str, error: str) -> None:
    with pytest.raises(OAuthError) as refused:
        request(absent)
    assert refused.value.error == error


@pytest.mark.parametrize(
    "name", ["nonce", "scope", "prompt", "max_age", "code_challenge", "claims", "response_type"]
)
def test_a_repeated_parameter_is_refused_towards_the_client(name: str) -> None:
    sender = client()
    parameters = read_parameters([*pairs(), (name, "x"), (name, "x")])
    target = prove_target(sender, parameters, ISSUER)
    assert target.state == "af0ifjsldkj"
    with pytest.raises(OAuthError, match=name):
        read_authorization_request(parameters, sender, target)


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("client_id", "unknown_client"),
        ("redirect_uri", "redirect_uri_mismatch"),
        ("state", "invalid_request"),
        ("response_mode", "invalid_request"),
    ],
)
def test_a_repeated_address_goes_nowhere(name: str, page: str) -> None:
    with pytest.raises(PageError) as shown:
        read_parameters([*pairs(response_mode="query"), (name, "x")])
    assert shown.value.page == page


@pytest.mark.parametrize("state", ["s" * 2049, "line\nbreak", "nul\x00", "half \ud800", "lost \ufffd"])
def test_a_state_that_could_not_be_echoed_goes_nowhere(state: str) -> None:
    with pytest.raises(PageError):
        read_parameters(pairs(state=state))


def test_repeated_unknown_parameters_are_ignored() -> None:
    assert read_parameters([*pairs(), ("extra", "1"), ("extra", "2")])["client_id"] == "portal"


def test_machines_cannot_send_people_here() -> None:
    machine = client(
        "redirect_uris", "post_logout_redirect_uris", application_type="machine", grant_types=["client_credentials"],
        scope="procedures:read", audience=["https://api.example.gov.vn"],
    )  # fmt: skip
    with pytest.raises(PageError):
        prove_target(machine, read_parameters(pairs()), ISSUER)


def test_a_legacy_client_may_leave_pkce_out_but_not_weaken_it() -> None:
    legacy = client(profile="legacy", legacy_until="2027-06-30")
    assert request("code_challenge", "code_challenge_method", by=legacy).code_challenge is None
    assert request(by=legacy).code_challenge is not None
    with pytest.raises(OAuthError):
        request(by=legacy, code_challenge_method="plain")
    with pytest.raises(OAuthError):
        request("code_challenge", by=legacy)


def test_defaults_of_the_client_fill_in() -> None:
    careful = client(default_max_age=600, default_acr_values=["LoA1"])
    assert request(by=careful).max_age == 600
    assert request(by=careful, max_age="5").max_age == 5
    assert request(by=careful).wanted_acr_values == ("LoA1",)
    assert request(by=careful, acr_values="LoA2").wanted_acr_values == ("LoA2",)


def test_max_age_zero_is_not_absent() -> None:
    assert request(max_age="0").max_age == 0


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"claims": '{"userinfo":{"name":{"essential":true}},"id_token":{"acr":{"values":["LoA1"]}}}'},
        {"prompt": "login", "max_age": "0", "state": "dấu + & = % ?", "response_mode": "form_post"},
    ],
)
def test_a_request_is_kept_and_read_back(parameters: dict[str, Any]) -> None:
    read = request(**parameters)
    assert AuthorizationRequest.from_json(read.to_json()) == read


def test_what_an_older_worker_kept_can_be_read() -> None:
    """Workers of two releases run side by side, and people log in meanwhile."""
    kept = orjson.loads(request().to_json())
    for younger in ("resources", "claims_locales"):
        del kept[younger]
    assert AuthorizationRequest.from_json(orjson.dumps(kept).decode()) == request()


def test_an_unverified_hint_says_so() -> None:
    assert request(id_token_hint="e30.e30.e30").unverified_id_token_hint == "e30.e30.e30"
