"""Controls: what the tests of the plans look at in every flow would be seen if it were wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx2
import jwt
import pytest

from tests.support.browsing import Visit
from tests.support.installation import ISSUER
from tests.support.portals import Asked, Tokens
from tests.support.request_objects import private_key, public_jwk
from tests.support.suite_checks import (
    check_answer,
    check_claims,
    check_id_token,
    check_key_set,
    check_token_error,
    check_token_response,
    check_unguessable,
)

NOW = 1_800_000_000
CODE = "k3Jx9_vQ2mZtR7bLpW0sYdHcUfNaGeXi4oTq8KlMv5E"
KEPT = {"cache-control": "no-store", "pragma": "no-cache"}
REQUEST = {
    "client_id": "portal",
    "redirect_uri": "https://portal.example/callback",
    "state": "s",
    "nonce": "n",
}
ASKED = Asked("", REQUEST, "")
BODY = {"access_token": CODE, "token_type": "Bearer", "expires_in": 300, "scope": "openid", "id_token": "x"}
CLAIMS = {
    "iss": ISSUER, "aud": "portal", "sub": "someone", "exp": NOW + 300, "iat": NOW, "auth_time": NOW - 5, "nonce": "n",
    "acr": f"{ISSUER}/acr/1", "amr": ["pwd"],
}  # fmt: skip


def answered(given: Mapping[str, str], address: str = "", status: int = 303) -> Visit:
    """A browser that is back at the portal."""
    query = "&".join(f"{name}={value}" for name, value in given.items())
    there = address or f"{REQUEST['redirect_uri']}?{query}"
    nobody: Any = None
    return Visit(nobody, there, httpx2.Response(status), 0, given)


GOOD_ANSWER = {"code": CODE, "state": "s", "iss": ISSUER}


def test_good_answers_are_good() -> None:
    check_answer(ASKED, answered(GOOD_ANSWER))
    check_answer(ASKED, answered({"error": "login_required", "state": "s", "iss": ISSUER}))
    by_form = replace(ASKED, parameters=REQUEST | {"response_mode": "form_post"})
    check_answer(by_form, answered(GOOD_ANSWER, REQUEST["redirect_uri"], 200))


@pytest.mark.parametrize(
    "visit",
    [
        answered(GOOD_ANSWER | {"state": "S"}),
        answered({"code": CODE, "iss": ISSUER}),
        answered({"code": CODE, "state": "s", "iss": "https://evil.example"}),
        answered(GOOD_ANSWER | {"session_hint": "x"}),
        answered(GOOD_ANSWER | {"error": "server_error"}),
        answered(GOOD_ANSWER | {"code": "short"}),
        answered(GOOD_ANSWER | {"code": "a" * 43}),
        answered(GOOD_ANSWER, "https://portal.example/callback#code=x"),
        answered(GOOD_ANSWER, f"https://elsewhere.example/callback?code={CODE}&state=s&iss={ISSUER}"),
        answered(GOOD_ANSWER, f"https://portal.example/callback?code={CODE}&code=x&state=s&iss={ISSUER}"),
        answered(GOOD_ANSWER, REQUEST["redirect_uri"], 200),
        answered({"error": "login_required", "error_description": "a\nb", "state": "s", "iss": ISSUER}),
        answered({"error": "login_required", "error_description": "đ", "state": "s", "iss": ISSUER}),
    ],
)
def test_a_wrong_authorization_response_is_seen(visit: Visit) -> None:
    with pytest.raises(AssertionError):
        check_answer(ASKED, visit)


def told(body: Mapping[str, Any], status: int = 200, **headers: str) -> httpx2.Response:
    """An answer of the token endpoint."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(
        status, json=dict(body), headers={"content-type": "application/json", **KEPT, **named}
    )


def test_good_token_responses_are_good() -> None:
    check_token_response(told(BODY), "openid profile")
    check_token_error(told({"error": "invalid_grant"}, 400), "invalid_grant")
    check_token_error(told({"error": "invalid_client"}, 401))


@pytest.mark.parametrize(
    "response",
    [
        told(BODY, 201),
        told(BODY | {"token_type": "mac"}),
        told(BODY | {"expires_in": "300"}),
        told(BODY | {"expires_in": 0}),
        told(BODY | {"scope": "openid email"}),
        told({name: value for name, value in BODY.items() if name != "id_token"}),
        told(BODY | {"scope": "profile"}),
        told(BODY | {"access_token": "1"}),
        told(BODY, cache_control="private"),
        told(BODY, content_type="text/html"),
    ],
)
def test_a_wrong_token_response_is_seen(response: httpx2.Response) -> None:
    with pytest.raises(AssertionError):
        check_token_response(response, "openid profile")


@pytest.mark.parametrize(
    "response",
    [
        told({"error": "invalid_grant"}, 401),
        told({"error": "invalid_grant"}, 200),
        told({"error": "something_else"}, 400),
        told({"error": "invalid_grant", "hint": "x"}, 400),
        told({"error": "invalid_grant", "error_description": "“x”"}, 400),
        told({"error": "invalid_grant"}, 400, cache_control="max-age=5"),
    ],
)
def test_a_wrong_token_error_is_seen(response: httpx2.Response) -> None:
    with pytest.raises(AssertionError):
        check_token_error(response)


def issued(claims: Mapping[str, Any], alg: str = "ES256") -> Tokens:
    """An ID token."""
    headers = {"kid": "k1"}
    return Tokens({"id_token": jwt.encode(dict(claims), private_key(alg), alg, headers=headers)}, claims)


def test_a_good_id_token_is_good() -> None:
    check_id_token(issued(CLAIMS), ASKED, NOW, alg="ES256")
    check_id_token(issued(CLAIMS | {"name": "x"}), ASKED, NOW, alg="ES256", asked_claims=("name",))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"}, {"aud": ["portal"]}, {"azp": "other"}, {"sub": ""}, {"sub": "ñ"},
        {"sub": "x" * 256}, {"exp": NOW}, {"exp": NOW + 400 * 86_400}, {"iat": NOW - 600}, {"nbf": NOW + 1},
        {"nonce": "other"}, {"auth_time": NOW + 5}, {"acr": ""}, {"acr": 1}, {"amr": "pwd"[:0]}, {"amr": [1]},
        {"at_hash": "x"}, {"name": "Nguyễn Thị Hòa"}, {"email_verified": "true"}, {"address": {}},
    ],
)  # fmt: skip
def test_a_wrong_id_token_is_seen(claims: Mapping[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check_id_token(issued({**CLAIMS, **claims}), ASKED, NOW, alg="ES256")


def test_an_id_token_of_another_algorithm_is_seen() -> None:
    with pytest.raises(AssertionError):
        check_id_token(issued(CLAIMS, "PS256"), ASKED, NOW, alg="RS256")


@pytest.mark.parametrize(
    "claims",
    [
        {"name": None}, {"name": " "}, {"name": ""}, {"birthdate": "7/3/1984"}, {"birthdate": "1984-03"},
        {"email_verified": "false"}, {"phone_number": "0950000001"}, {"address": {"formatted": ""}},
        {"address": {"street": "x"}}, {"address": {"country": None}}, {"vn_residence": {}},
    ],
)  # fmt: skip
def test_a_wrong_claim_is_seen(claims: Mapping[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check_claims(claims)


@pytest.mark.parametrize("text", ["", "a" * 64, "ab" * 32, "x9Kq2"])
def test_what_can_be_guessed_is_seen(text: str) -> None:
    with pytest.raises(AssertionError):
        check_unguessable(text)


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [public_jwk(), public_jwk()],
        [{name: value for name, value in public_jwk().items() if name != "kid"}],
        [public_jwk(d="AAAA")],
        [public_jwk(k="AAAA")],
        [public_jwk(x5c=["AAAA"])],
        [public_jwk(x=public_jwk()["x"] + "=")],
    ],
)
def test_a_wrong_key_set_is_seen(keys: list[dict[str, Any]]) -> None:
    check_key_set(told({"keys": [public_jwk()]}))
    with pytest.raises(AssertionError):
        check_key_set(told({"keys": keys}))


def test_a_point_that_is_not_on_the_curve_is_seen() -> None:
    with pytest.raises(ValueError, match=r"curve|EC key"):
        check_key_set(told({"keys": [public_jwk(x=public_jwk()["y"])]}))
