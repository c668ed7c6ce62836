"""RFC 9068: JWT access tokens."""

from __future__ import annotations

from dataclasses import replace

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
from tests.support import portals
from tests.support.browsing import Browser
from tests.support.oidc_rules import ISSUER, NOW, client, event, keyring, representation
from tests.support.population import HOA
from tests.support.provider import Provider
from tests.support.signing import signed

ACCESS = PersonAccess(
    grant_id="g-1", subject="pairwise", audience=(ISSUER,), scope=("openid", "profile"), event=event(),
    representation=None,
)  # fmt: skip
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
    token = signed(keyring(), Purpose.ACCESS_TOKEN, claims)
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
    acting = replace(ACCESS, representation=representation())
    claims = access_token_claims(acting, client(), issuer=ISSUER, jti="j", now=NOW)
    assert claims["vn_organisation"] == {
        "id": [
            {"scheme": "vn_enterprise_code", "value": "0100109106"},
            {"scheme": "vn_tax_code", "value": "0100109106"},
        ]
    }


def test_the_audience_names_the_resources_and_one_is_a_text() -> None:
    for audience, written in (((API,), API), ((ISSUER, API), [ISSUER, API])):
        access = replace(ACCESS, audience=audience)
        assert access_token_claims(access, client(), issuer=ISSUER, jti="j", now=NOW)["aud"] == written


def test_a_machine_is_its_own_subject() -> None:
    def made(*scope: str) -> dict[str, object]:
        return machine_token_claims(
            issuer=ISSUER, client=MACHINE, audience=(API,), scope=scope, jti="j", now=NOW
        )

    claims = made("procedures:read")
    assert (claims["sub"], claims["client_id"], claims["aud"]) == ("machine", "machine", API)
    assert claims["scope"] == "procedures:read"
    assert "acr" not in claims
    assert "scope" not in made()


def test_userinfo_takes_a_persons_token() -> None:
    access = replace(ACCESS, audience=(API, ISSUER))
    claims = access_token_claims(access, client(), issuer=ISSUER, jti="j", now=NOW)
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


@pytest.mark.parametrize(("client_id", "algorithm"), [("dossiers", "ES256"), ("legacy-basic", "RS256")])
async def test_a_person_s_token_as_it_is_issued(
    service: Provider, hoa: Browser, client_id: str, algorithm: str
) -> None:
    given = await service.tokens(client_id, HOA, hoa)
    header = jwt.get_unverified_header(given.access_token)
    assert header.keys() == {"alg", "typ", "kid"}
    assert (header["alg"], header["typ"]) == (algorithm, "at+jwt")
    claims = await service.portal(client_id).verify(given.access_token, audience=ISSUER)
    assert (claims["sub"], claims["client_id"]) == (given.sub, client_id)
    assert claims["scope"] == given.body["scope"]
    assert claims["exp"] - claims["iat"] == given.body["expires_in"]
    for claim in ("auth_time", "acr"):
        assert claims[claim] == given.claims[claim]


async def test_it_holds_no_civil_status_data(service: Provider, hoa: Browser) -> None:
    given = await service.tokens("ministry", HOA, hoa)
    claims = jwt.decode(given.access_token, options={"verify_signature": False})
    assert claims.keys() == {
        "iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "auth_time", "acr", "grant_id",
    }  # fmt: skip
    assert HOA.number not in str(claims)


async def test_every_token_has_its_own_jti(service: Provider, hoa: Browser) -> None:
    portal = service.portal("dossiers")
    first = await service.tokens("dossiers", HOA, hoa)
    second = (await portal.refresh(first.refresh_token)).json()["access_token"]
    third = (await service.tokens("dossiers", HOA, hoa)).access_token
    seen = [(await portal.verify(token, audience=ISSUER))["jti"] for token in (
        first.access_token, second, third,
    )]  # fmt: skip
    assert len(set(seen)) == 3
    assert all(len(jti) >= 22 for jti in seen), "128 bits at least"


@pytest.mark.parametrize(("client_id", "algorithm"), [("machine-es256", "ES256"), ("machine-rs256", "RS256")])
async def test_a_machine_s_token_as_it_is_issued(service: Provider, client_id: str, algorithm: str) -> None:
    portal = service.portal(client_id)
    token = (await portal.post("/token", grant_type="client_credentials")).json()["access_token"]
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    claims = await portal.verify(token, audience=portals.API)
    assert (claims["sub"], claims["client_id"], claims["aud"]) == (client_id, client_id, portals.API)
    assert not claims.keys() & {"auth_time", "acr", "grant_id"}


async def test_it_is_no_id_token_and_an_id_token_is_none(service: Provider, hoa: Browser) -> None:
    portal, given = service.portal("dossiers"), await service.tokens("dossiers", HOA, hoa)
    with pytest.raises(jwt.InvalidAudienceError):
        await portal.verify(given.access_token)
    with pytest.raises(jwt.InvalidAudienceError):
        await portal.verify(given.id_token, audience=ISSUER)
    assert (await portal.userinfo(given.id_token)).status_code == 401
