"""Whatever a client signs, or anybody sends, as a request object: parameters within their limits, or a refusal."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from idp.errors import OAuthError, PageError
from idp.oidc.authorization_request import KNOWN_PARAMETERS, LIMITS, read_authorization_request
from idp.oidc.client import Client
from idp.oidc.parameters import MAX_VALUE_LENGTH, REPEATABLE, Parameters
from idp.oidc.redirect_uri import prove_target
from keys import base64url
from tests.support.oidc_rules import ISSUER, PARAMETERS
from tests.support.request_object_rules import MUST_SIGN, SIGNS, UNSIGNED, for_us, read
from tests.support.request_objects import signed
from tests.support.signing import at_once

NAMES = st.sampled_from([*sorted(KNOWN_PARAMETERS), "iss", "aud", "sub", "exp", "nbf", "iat", "jti", "other"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.sampled_from([*PARAMETERS.values(), ISSUER, "portal"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
CLAIMS = st.dictionaries(NAMES, VALUES, max_size=8)
TIMES = frozenset({"exp", "nbf", "iat"})  # PyJWT signs no others than numbers


def _segment(value: object) -> str:
    return base64url.encode_text(json.dumps(value).encode())


def _found(by: Client, token: str) -> Parameters | None:
    try:
        return at_once(read(by, request=token))
    except (OAuthError, PageError):
        return None


def _check(by: Client, token: str) -> None:
    found = _found(by, token)
    if found is None:
        return
    assert found["client_id"] == "portal"
    assert not {"request", "request_uri"} & found.keys()
    assert not found.keys() & found.faults.keys()
    for name, value in found.items():
        most = (LIMITS.get(name, MAX_VALUE_LENGTH) + 1) * REPEATABLE.get(name, 1)
        assert 0 < len(value) < most
    try:
        read_authorization_request(found, by, prove_target(by, found, ISSUER))
    except (OAuthError, PageError):
        return


@settings(deadline=None, max_examples=60)
@given(CLAIMS)
@example({"exp": 2**70})
@example({"max_age": 2**70})
@example({"claims": {"userinfo": {"sub": {"value": 2**70}}}})
def test_any_claims(claims: dict[str, Any]) -> None:
    token = f"{_segment({'alg': 'none'})}.{_segment(claims)}."
    _check(UNSIGNED, token)
    _check(UNSIGNED, for_us(token) if len(token) < 9000 else token)


@settings(deadline=None, max_examples=60)
@given(CLAIMS)
def test_any_signed_claims(claims: dict[str, Any]) -> None:
    kept = {name: value for name, value in claims.items() if name not in TIMES | {"iss"}}
    for by in (SIGNS, MUST_SIGN):
        _check(by, signed({**PARAMETERS, **kept}))


@settings(deadline=None, max_examples=60)
@given(
    st.text(min_size=1, max_size=60)
    | st.from_regex(r"([A-Za-z0-9_-]{0,12}\.){1,5}[A-Za-z0-9_-]{0,12}", fullmatch=True)
)
def test_any_text(token: str) -> None:
    for by in (SIGNS, UNSIGNED):
        assert _found(by, token) is None
