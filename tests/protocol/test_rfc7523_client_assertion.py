"""RFC 7523 §3 and OpenID Connect Core §9: authentication by a signed assertion."""

from __future__ import annotations

from typing import Any

import pytest

from idp.errors import InvalidClient
from idp.oidc.client import Client
from idp.oidc.client_authentication import (
    ASSERTION_TYPE,
    AuthenticatedClient,
    Credentials,
    prove_client,
    read_credentials,
)
from idp.oidc.client_keys import ClientKeys
from keys.backends.software import SoftwareSigner
from keys.jose import encode
from tests.support.oidc_rules import ISSUER, NOW, TOKEN_ENDPOINT, client
from tests.support.on_sqlite import on_sqlite
from tests.support.provider import Provider
from tests.support.remote import NOWHERE
from tests.support.signing import at_once

KEY = SoftwareSigner.generate("ES256")
OTHER_KEY = SoftwareSigner.generate("ES256")
PORTAL = client(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [KEY.public_jwk()]})

ENDPOINTS = (TOKEN_ENDPOINT, f"{ISSUER}/par")
RSA_KEY = SoftwareSigner.generate("RS256")
FAPI = {
    profile: client(
        profile=profile,
        token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [KEY.public_jwk(), RSA_KEY.public_jwk()]},
    )
    for profile in ("fapi2", "fapi2_message_signing")
}

CLAIMS: dict[str, Any] = {
    "iss": "portal",
    "sub": "portal",
    "aud": ISSUER,
    "jti": "0123456789abcdef",
    "iat": NOW,
    "exp": NOW + 60,
}


def prove(
    *without: str, key: SoftwareSigner = KEY, by: Client | None = None, **changes: object
) -> AuthenticatedClient:
    claims = {name: value for name, value in (CLAIMS | changes).items() if name not in without}
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": at_once(encode(key, claims, "JWT"))}
    credentials = read_credentials(None, form)
    return proven(credentials, by or PORTAL)


def proven(credentials: Credentials, registered: Client) -> AuthenticatedClient:
    keys = ClientKeys(NOWHERE)
    return at_once(prove_client(credentials, registered, keys, issuer=ISSUER, endpoints=ENDPOINTS, now=NOW))


def test_a_good_assertion_proves_the_client() -> None:
    found = prove()
    assert found.client is PORTAL
    assert found.assertion is not None
    assert len(found.assertion.jti_digest) == 32
    assert found.assertion.expires_at >= NOW + 60


def test_the_same_jti_has_the_same_digest() -> None:
    one, again, other = prove().assertion, prove(exp=NOW + 90).assertion, prove(jti="another").assertion
    assert one
    assert again
    assert other
    assert one.jti_digest == again.jti_digest != other.jti_digest


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": TOKEN_ENDPOINT},
        {"aud": [ISSUER]},
        {"aud": [ISSUER, TOKEN_ENDPOINT]},
        {"aud": f"{ISSUER}/par"},
        {"iat": NOW + 8, "nbf": NOW + 8},
        {"exp": NOW - 30},
        {"exp": NOW + 300},
        {"exp": NOW + 60.5},
    ],
)
def test_taken(changes: dict[str, Any]) -> None:
    assert prove(**changes).method == "private_key_jwt"


@pytest.mark.parametrize("absent", ["iat"])
def test_what_may_be_absent(absent: str) -> None:
    assert prove(absent).method == "private_key_jwt"


@pytest.mark.parametrize("absent", ["iss", "sub", "aud", "exp", "jti"])
def test_what_must_be_there(absent: str) -> None:
    with pytest.raises(InvalidClient):
        prove(absent)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other"},
        {"sub": "other"},
        {"sub": 7},
        {"aud": "https://other.example"},
        {"aud": [ISSUER, "https://other.example"]},
        {"aud": []},
        {"aud": f"{ISSUER}/"},
        {"aud": f"{ISSUER}/userinfo"},
        {"exp": NOW - 61},
        {"exp": NOW + 3600},
        {"exp": "soon"},
        {"exp": True},
        {"nbf": NOW + 70},
        {"iat": NOW + 70},
        {"jti": ""},
        {"jti": 5},
        {"jti": "x" * 256},
    ],
)
def test_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidClient) as refused:
        prove(**changes)
    assert refused.value.description


def test_another_key_is_refused() -> None:
    with pytest.raises(InvalidClient):
        prove(key=OTHER_KEY)


def test_an_unsigned_assertion_is_refused() -> None:
    token = at_once(encode(KEY, CLAIMS, "JWT"))
    unsigned = "eyJhbGciOiJub25lIn0." + token.split(".")[1] + "."
    with pytest.raises(InvalidClient):
        read_credentials(None, {"client_assertion_type": ASSERTION_TYPE, "client_assertion": unsigned})


def test_only_the_registered_algorithm() -> None:
    strict = client(
        token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [KEY.public_jwk()]},
        token_endpoint_auth_signing_alg="PS256",
    )
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": at_once(encode(KEY, CLAIMS, "JWT"))}
    with pytest.raises(InvalidClient):
        proven(read_credentials(None, form), strict)


@pytest.mark.parametrize(
    "form",
    [
        {"client_assertion": at_once(encode(KEY, CLAIMS, "JWT"))},
        {"client_assertion_type": ASSERTION_TYPE},
        {"client_assertion_type": "urn:x", "client_assertion": at_once(encode(KEY, CLAIMS, "JWT"))},
        {"client_assertion_type": ASSERTION_TYPE, "client_assertion": "rubbish"},
        {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": at_once(encode(KEY, CLAIMS, "JWT")),
            "client_id": "other",
        },
    ],
)
def test_assertions_that_cannot_be_read(form: dict[str, str]) -> None:
    with pytest.raises(InvalidClient):
        read_credentials(None, form)


@pytest.mark.parametrize("by", FAPI.values(), ids=FAPI)
class TestFapi:
    """FAPI 2.0 Security Profile §5.3.2.1, §5.4.1."""

    @pytest.mark.parametrize("changes", [{}, {"iat": NOW + 8, "nbf": NOW + 8}, {"nbf": NOW + 10}])
    def test_taken(self, by: Client, changes: dict[str, Any]) -> None:
        assert prove(by=by, **changes).client is by

    @pytest.mark.parametrize("audience", [[ISSUER], *ENDPOINTS, [ISSUER, TOKEN_ENDPOINT], f"{ISSUER}/", None])
    def test_it_is_for_the_issuer_as_one_text(self, by: Client, audience: object) -> None:
        with pytest.raises(InvalidClient) as refused:
            prove(by=by, aud=audience)
        assert "issuer identifier" in refused.value.description

    @pytest.mark.parametrize("changes", [{"nbf": NOW + 61}, {"iat": NOW + 61}, {"exp": NOW - 300}])
    def test_it_is_of_now(self, by: Client, changes: dict[str, Any]) -> None:
        with pytest.raises(InvalidClient):
            prove(by=by, **changes)

    def test_it_is_not_signed_by_rs256(self, by: Client) -> None:
        with pytest.raises(InvalidClient) as refused:
            prove(by=by, key=RSA_KEY)
        assert "RS256" in refused.value.description
        assert "ES256, PS256, EdDSA" in refused.value.description


@on_sqlite
@pytest.mark.parametrize("path", ["", "/token", "/par", "/bc-authorize"])
async def test_the_addresses_that_an_assertion_may_be_for(service: Provider, path: str) -> None:
    """OpenID Connect Core §9, RFC 9126 §2, CIBA Core §7.1: of clients whose profile lets them, at every endpoint."""
    machine = service.portal("machine-es256")
    response = await machine.http.post(
        "/token",
        data={
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": machine.assertion(aud=f"{machine.issuer}{path}"),
        },
    )
    assert response.status_code == 200, response.text
