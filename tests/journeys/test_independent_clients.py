"""Client libraries that know nothing of us log people in, and PyJWT verifies what they are given.

A real server on a real socket, real pages, and only what discovery says. What is changed in a token is refused.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final
from urllib.parse import urljoin

import jwt
import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc.jwk import ECKey
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from keys import jose
from keys.policy import Purpose
from tests.support.browsing import read_forms
from tests.support.databases import KINDS, fresh_database
from tests.support.population import HOA
from tests.support.provider import PASSWORD, Ground
from tests.support.served import ServedProvider, served_provider
from tests.support.signing import at_once, signed

FIELDS: Final = (
    (("personal_number", HOA.number), ("password", PASSWORD)),
    (("decision", "continue"),),
    (("decision", "allow"), ("claim", "name"), ("claim", "birthdate")),
    (("decision", "allow"), ("claim", "name")),
    (("acting_for", "self"),),
)
Tampering = Callable[["Given"], str]


@pytest.fixture(scope="module", params=KINDS)
async def served(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[ServedProvider]:
    """A provider on a socket, where one person has an account."""
    folder = tmp_path_factory.mktemp("served")
    async with (
        fresh_database(request.param, "provider", folder) as database_url,
        fresh_database(request.param, "registers", folder) as registers_url,
        served_provider(database_url, registers_url, provider_ground, folder) as provider,
    ):
        await provider.open_account(provider_ground.verifier, HOA)
        yield provider


@pytest.fixture(autouse=True)
def over_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """The libraries insist on https, which this machine's own socket does not need."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture(scope="module")
def discovered(served: ServedProvider) -> dict[str, Any]:
    """The metadata document, which is all that a portal is told."""
    address = f"{served.issuer}/.well-known/openid-configuration"
    document: dict[str, Any] = requests.get(address, timeout=30).json()
    assert document["issuer"] == served.issuer
    return document


def log_in(address: str, redirect_uri: str) -> str:
    """Walk the pages as a person does; the address with the answer, which the portal's server would be asked for."""
    with requests.Session() as browser:
        return walk(browser, address, redirect_uri)


def walk(browser: requests.Session, address: str, redirect_uri: str) -> str:
    response = browser.get(address, allow_redirects=False)
    for _ in range(12):
        if response.is_redirect:
            target = urljoin(response.url, response.headers["location"])
            if target.startswith(redirect_uri):
                return target
            response = browser.get(target, allow_redirects=False)
            continue
        form, fields = next(
            (form, fields) for fields in FIELDS for form in read_forms(response.text) if form.takes(fields)
        )
        action = urljoin(response.url, form.action)
        response = browser.post(action, data=form.filled(fields), allow_redirects=False)
    raise AssertionError(f"no way through: {response.status_code} {response.url}")


def verify(discovered: Mapping[str, Any], token: str, audience: str) -> dict[str, Any]:
    """What PyJWT says of a token, with our key set fetched by its own client."""
    key = jwt.PyJWKClient(discovered["jwks_uri"]).get_signing_key_from_jwt(token)
    claims: dict[str, Any] = jwt.decode(
        token, key, audience=audience, issuer=discovered["issuer"], options={"require": ["exp", "iat", "sub"]}
    )
    return claims


@pytest.mark.parametrize("client_id", ["dossiers", "app", "library"])
def test_requests_oauthlib(served: ServedProvider, discovered: Mapping[str, Any], client_id: str) -> None:
    registered = served.registered[client_id]
    redirect_uri = "http://127.0.0.1:49152/callback"
    if client_id != "app":
        redirect_uri = registered.metadata["redirect_uris"][0]
    scope = registered.metadata["scope"].split()
    client = OAuth2Session(client_id, redirect_uri=redirect_uri, scope=scope, pkce="S256")
    nonce = secrets.token_urlsafe(12)
    address, state = client.authorization_url(
        discovered["authorization_endpoint"], nonce=nonce, prompt="consent"
    )
    arrived = log_in(address, redirect_uri)
    assert f"state={state}" in arrived
    auth = HTTPBasicAuth(client_id, registered.secret) if registered.secret else None
    token = client.fetch_token(
        discovered["token_endpoint"],
        authorization_response=arrived,
        auth=auth,
        include_client_id=auth is None,
    )
    claims = verify(discovered, token["id_token"], client_id)
    assert (claims["nonce"], claims["iss"]) == (nonce, served.issuer)
    assert verify(discovered, token["access_token"], served.issuer)["sub"] == claims["sub"]
    told = client.get(discovered["userinfo_endpoint"]).json()
    assert (told["sub"], told["name"]) == (claims["sub"], HOA.name)
    whose = {} if auth else {"client_id": client_id}
    fresh = client.refresh_token(discovered["token_endpoint"], auth=auth, **whose)
    assert fresh["refresh_token"] != token["refresh_token"]
    assert verify(discovered, fresh["id_token"], client_id)["sub"] == claims["sub"]
    assert client.get(discovered["userinfo_endpoint"]).json() == told


def test_authlib_with_a_signed_assertion(served: ServedProvider, discovered: Mapping[str, Any]) -> None:
    registered = served.registered["ministry"]
    redirect_uri = registered.metadata["redirect_uris"][0]
    assert registered.private_key
    pem = registered.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    client = AuthlibSession(
        "ministry",
        ECKey.import_key(pem),
        token_endpoint_auth_method=PrivateKeyJWT(
            discovered["token_endpoint"],
            claims={"exp": int(time.time()) + 60},  # an hour if left to the library, which we refuse
            headers={"kid": "k1"},
            alg="ES256",
        ),
        scope="openid profile",
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
    )
    verifier = secrets.token_urlsafe(48)
    address, state = client.create_authorization_url(
        discovered["authorization_endpoint"], code_verifier=verifier
    )
    arrived = log_in(address, redirect_uri)
    token = client.fetch_token(
        discovered["token_endpoint"], authorization_response=arrived, state=state, code_verifier=verifier
    )
    claims = verify(discovered, token["id_token"], "ministry")
    assert client.get(discovered["userinfo_endpoint"]).json()["sub"] == claims["sub"]


class Given:
    """A token as it was issued, with what an attacker or a careless issuer would change about it."""

    def __init__(self, served: ServedProvider, token: str, purpose: Purpose, audience: str) -> None:
        self.served = served
        self.token = token
        self.purpose = purpose
        self.audience = audience
        self.header, self.payload, self.signature = token.split(".")
        self.claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
        self.keys: list[dict[str, Any]] = json.loads(served.keyring.jwks().body)["keys"]
        self.kid: str = jwt.get_unverified_header(token)["kid"]

    def with_header(self, signature: str | None = None, **changes: object) -> str:
        """The same content under another header."""
        header = {**jwt.get_unverified_header(self.token), **changes}
        kept = {name: value for name, value in header.items() if value is not None}
        return f"{segment(kept)}.{self.payload}.{self.signature if signature is None else signature}"

    def issued(self, **changes: object) -> str:
        """As if we had issued it, with the right key but other claims."""
        kept = {name: value for name, value in (self.claims | changes).items() if value is not None}
        return signed(self.served.keyring, self.purpose, kept)

    @property
    def public_key(self) -> Any:
        """The key that verifies it."""
        return jwt.PyJWK.from_dict(next(key for key in self.keys if key["kid"] == self.kid)).key

    def other_kid(self) -> str:
        """Another key of ours with the same algorithm, for another purpose."""
        return str(next(key["kid"] for key in self.keys if key["kid"] != self.kid and key["alg"] == "ES256"))


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def flipped(text: str, at: int) -> str:
    """The text with one character of base64url changed."""
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def keyed_with(given: Given, secret: bytes) -> str:
    """Signed by HS256 with something public as the secret; PyJWT itself would refuse to make it."""
    head = segment({"alg": "HS256", "typ": "JWT", "kid": given.kid})
    signed = hmac.digest(secret, f"{head}.{given.payload}".encode(), "sha256")
    return f"{head}.{given.payload}.{base64.urlsafe_b64encode(signed).rstrip(b'=').decode()}"


def public_pem(given: Given) -> bytes:
    pem: bytes = given.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def by_a_stranger(given: Given) -> str:
    """Signed by a key of the attacker's, which the header brings along."""
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = jwt.get_algorithm_by_name("ES256").to_jwk(key.public_key(), as_dict=True)
    return jwt.encode(given.claims, key, "ES256", headers={"kid": given.kid, "jwk": jwk})


CHANGED: Final[Mapping[str, Tampering]] = {
    "payload byte": lambda given: f"{given.header}.{flipped(given.payload, 40)}.{given.signature}",
    "another payload": lambda given: (
        f"{given.header}.{segment(given.claims | {'sub': 'x'})}.{given.signature}"
    ),
    "signature byte": lambda given: f"{given.header}.{given.payload}.{flipped(given.signature, 10)}",
    "half a signature": lambda given: f"{given.header}.{given.payload}.{given.signature[:43]}",
    "no signature": lambda given: f"{given.header}.{given.payload}.",
    "alg none": lambda given: given.with_header("", alg="none"),
    "alg none, signed": lambda given: given.with_header(alg="none"),
    "alg RS256": lambda given: given.with_header(alg="RS256"),
    "HS256 with the PEM": lambda given: keyed_with(given, public_pem(given)),
    "HS256 with the JWK": lambda given: keyed_with(given, json.dumps(given.keys[0]).encode()),
    "kid swapped": lambda given: given.with_header(kid=given.other_kid()),
    "kid unknown": lambda given: given.with_header(kid="unknown"),
    "kid missing": lambda given: given.with_header(kid=None),
    "key of a stranger": by_a_stranger,
}
CLAIMED: Final[Mapping[str, Tampering]] = {
    "expired": lambda given: given.issued(exp=int(time.time()) - 1),
    "without an end": lambda given: given.issued(exp=None),
    "from the future": lambda given: given.issued(iat=int(time.time()) + 3600),
    "wrong audience": lambda given: given.issued(aud="somebody-else"),
    "no audience": lambda given: given.issued(aud=None),
    "wrong issuer": lambda given: given.issued(iss="https://sso.example"),
    "no issuer": lambda given: given.issued(iss=None),
}


@pytest.fixture(scope="module")
async def given_tokens(served: ServedProvider, provider_ground: Ground) -> Mapping[Purpose, Given]:
    """An ID token and an access token, by the pages."""
    portal = served.portal("dossiers")
    asked, visit = await portal.send(served.browser(), scope="openid profile")
    visit = await visit.submit(personal_number=HOA.number, password=PASSWORD)
    if visit.answer is None:
        visit = await visit.submit(decision="continue")
    tokens = await portal.tokens(asked, visit)
    return {
        Purpose.ID_TOKEN: Given(served, tokens.id_token, Purpose.ID_TOKEN, "dossiers"),
        Purpose.ACCESS_TOKEN: Given(served, tokens.access_token, Purpose.ACCESS_TOKEN, served.issuer),
    }


@pytest.mark.parametrize("purpose", [Purpose.ID_TOKEN, Purpose.ACCESS_TOKEN])
@pytest.mark.parametrize("change", [*CHANGED, *CLAIMED])
def test_pyjwt_refuses(
    discovered: Mapping[str, Any], given_tokens: Mapping[Purpose, Given], purpose: Purpose, change: str
) -> None:
    given = given_tokens[purpose]
    assert verify(discovered, given.token, given.audience)
    assert verify(discovered, given.issued(), given.audience), "only the change is what is refused"
    with pytest.raises(jwt.PyJWTError):
        verify(discovered, {**CHANGED, **CLAIMED}[change](given), given.audience)


@pytest.mark.parametrize("change", [*CHANGED, "expired", "wrong audience"])
def test_so_does_userinfo(
    discovered: Mapping[str, Any], given_tokens: Mapping[Purpose, Given], change: str
) -> None:
    given = given_tokens[Purpose.ACCESS_TOKEN]
    headers = {"authorization": f"Bearer {given.issued()}"}
    assert requests.get(discovered["userinfo_endpoint"], headers=headers, timeout=30).status_code == 200
    headers = {"authorization": f"Bearer {({**CHANGED, **CLAIMED})[change](given)}"}
    assert requests.get(discovered["userinfo_endpoint"], headers=headers, timeout=30).status_code == 401


@pytest.mark.parametrize("purpose", [Purpose.ID_TOKEN, Purpose.USERINFO, Purpose.LOGOUT, Purpose.AUDIT])
def test_a_key_for_another_purpose_opens_nothing(
    served: ServedProvider, given_tokens: Mapping[Purpose, Given], purpose: Purpose
) -> None:
    claims = given_tokens[Purpose.ACCESS_TOKEN].claims
    token = at_once(jose.encode(served.keyring.signer(purpose, "ES256"), claims, "at+jwt"))
    headers = {"authorization": f"Bearer {token}"}
    assert requests.get(f"{served.issuer}/userinfo", headers=headers, timeout=30).status_code == 401


def test_the_server_s_log_names_nobody(served: ServedProvider, personal_data: Any) -> None:
    personal_data.watch(HOA.name, PASSWORD)
    assert personal_data.found_in(served.log.read_text("utf-8")) == []
