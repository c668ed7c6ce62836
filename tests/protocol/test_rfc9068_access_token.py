"""RFC 9068: JWT access tokens."""

from __future__ import annotations

import jwt
import pytest

from idp.errors import InsufficientScope, InvalidToken
from idp.oidc.access_token import (
    ACCESS_TOKEN_LIFETIME,
    PersonAccess,
    access_token_claims,
    check_userinfo_token,
    machine_token_claims,
)
from keys.policy import Purpose
from tests.support.oidc_rules import ISSUER, NOW, client, event, keyring, representation

ACCESS = PersonAccess(
    grant_id="g-1", subject="pairwise", scope=("openid", "profile"), event=event(), representation=None
)
API = "https://api.example.gov.vn"
MACHINE = client(
    "redirect_uris", "post_logout_redirect_uris", client_id="machine", application_type="machine",
    grant_types=["client_credentials"], scope="procedures:read", audience=[API],
)  # fmt: skip


def test_the_claims_of_section_2_2() -> None:
    claims = access_token_claims(ACCESS, client(), issuer=ISSUER, jti="j-1", now=NOW)
    assert claims == {
        "iss": ISSUER,
        "sub": "pairwise",
        "aud": ISSUER,
        "exp": NOW + ACCESS_TOKEN_LIFETIME,
        "iat": NOW,
        "jti": "j-1",
        "client_id": "portal",
        "scope": "openid profile",
        "auth_time": NOW - 60,
        "acr": f"{ISSUER}/acr/1",
        "grant_id": "g-1",
    }


def test_typ_and_an_independent_verifier() -> None:
    claims = access_token_claims(ACCESS, client(), issuer=ISSUER, jti="j-1", now=NOW)
    token = keyring().issue(Purpose.ACCESS_TOKEN, claims)
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    keys = jwt.PyJWKSet.from_dict(keyring().public_jwks(Purpose.ACCESS_TOKEN))
    key = keys[jwt.get_unverified_header(token)["kid"]]
    read = jwt.decode(
        token,
        key,
        ["ES256"],
        options={"verify_exp": False, "verify_iat": False},
        audience=ISSUER,
        issuer=ISSUER,
    )
    assert read == claims


def test_for_whom_the_person_acts_by_identifier_only() -> None:
    acting = PersonAccess(
        grant_id="g", subject="s", scope=("openid",), event=event(), representation=representation()
    )
    claims = access_token_claims(acting, client(), issuer=ISSUER, jti="j", now=NOW)
    assert claims["vn_organisation"] == {
        "id": [
            {"scheme": "vn_enterprise_code", "value": "0100109106"},
            {"scheme": "vn_tax_code", "value": "0100109106"},
        ]
    }


def test_the_audience_names_the_resources_of_the_client() -> None:
    claims = access_token_claims(ACCESS, client(audience=[API]), issuer=ISSUER, jti="j", now=NOW)
    assert claims["aud"] == [ISSUER, API]


def test_a_machine_is_its_own_subject() -> None:
    claims = machine_token_claims(issuer=ISSUER, client=MACHINE, scope=("procedures:read",), jti="j", now=NOW)
    assert (claims["sub"], claims["client_id"], claims["aud"]) == ("machine", "machine", API)
    assert claims["scope"] == "procedures:read"
    assert "acr" not in claims
    assert "scope" not in machine_token_claims(issuer=ISSUER, client=MACHINE, scope=(), jti="j", now=NOW)


def test_userinfo_takes_a_persons_token() -> None:
    claims = access_token_claims(ACCESS, client(audience=[API]), issuer=ISSUER, jti="j", now=NOW)
    assert check_userinfo_token(claims, issuer=ISSUER, now=NOW + 299) == "g-1"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"exp": NOW}, InvalidToken),
        ({"aud": API}, InvalidToken),
        ({"aud": [API]}, InvalidToken),
        ({"scope": "profile"}, InsufficientScope),
        ({"grant_id": None}, InsufficientScope),
    ],
)
def test_userinfo_refuses(changes: dict[str, object], error: type[Exception]) -> None:
    claims = access_token_claims(ACCESS, client(), issuer=ISSUER, jti="j", now=NOW) | changes
    with pytest.raises(error):
        check_userinfo_token(claims, issuer=ISSUER, now=NOW)
