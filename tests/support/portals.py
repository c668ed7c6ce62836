"""Registered clients of every kind, and how each behaves as a relying party; PyJWT verifies what they are given."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

import httpx2
import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from idp.oidc.client_metadata import read_client
from idp.store import clients
from idp.store.database import Step
from tests.support.browsing import Browser, Visit

API: Final = "https://api.dichvu.example"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LAST_DAY: Final = "2027-06-30"
_LAW: Final = "Luật Lý lịch tư pháp số 28/2009/QH12"
_STATUTORY: Final = {"legal_basis": "statutory_task", "legal_reference": _LAW}


def _portal(client_id: str, name: str, **more: Any) -> dict[str, Any]:
    host = f"https://{client_id}.example"
    return {
        "client_id": client_id,
        "client_name": name,
        "client_name#en": f"Portal {client_id}",
        "owner": "Cơ quan mẫu",
        "sector": client_id,
        "profile": "oidc",
        "redirect_uris": [f"{host}/callback"],
        "post_logout_redirect_uris": [f"{host}/bye"],
        "client_uri": f"{host}/",
        "purpose": "Giải quyết thủ tục của người dân",
        "purpose#en": "To handle a procedure",
    } | more


def _machine(client_id: str, **more: Any) -> dict[str, Any]:
    common = {"client_id": client_id, "client_name": client_id, "owner": "Cơ quan mẫu", "sector": "may-chu"}
    common["profile"] = "oidc"
    return common | {"application_type": "machine", "grant_types": ["client_credentials"], **more}


REGISTRATIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    one["client_id"]: one
    for one in (
        # a ministry: the law is the basis, so people read a notice
        _portal(
            "ministry",
            "Cổng dịch vụ công của Bộ",
            token_endpoint_auth_method="private_key_jwt",
            scope="openid profile pid",
            **_STATUTORY,
        ),
        # a province: people are asked, claim by claim
        _portal(
            "province",
            "Cổng dịch vụ công của tỉnh",
            token_endpoint_auth_method="private_key_jwt",
            scope="openid profile age address org",
            legal_basis="consent",
        ),
        # a portal for organisations, with its UserInfo signed
        _portal(
            "enterprise",
            "Cổng doanh nghiệp",
            token_endpoint_auth_method="private_key_jwt",
            scope="openid profile org",
            userinfo_signed_response_alg="ES256",
            **_STATUTORY,
        ),
        # a portal that comes back for fresh tokens
        _portal(
            "dossiers",
            "Kho hồ sơ",
            token_endpoint_auth_method="client_secret_basic",
            grant_types=["authorization_code", "refresh_token"],
            scope="openid profile org",
            **_STATUTORY,
        ),
        # as `dossiers`, on the basis of consent and with `offline_access`
        _portal(
            "library",
            "Thư viện số",
            token_endpoint_auth_method="client_secret_basic",
            grant_types=["authorization_code", "refresh_token"],
            scope="openid profile org offline_access",
            legal_basis="consent",
        ),
        # a hospital: people are asked where they live and how they can be reached, and can read what becomes of it
        _portal(
            "hospital",
            "Bệnh viện tỉnh",
            token_endpoint_auth_method="client_secret_basic",
            scope="openid profile address phone email",
            legal_basis="consent",
            logo_uri="https://hospital.example/logo.png",
            policy_uri="https://hospital.example/chinh-sach",
            tos_uri="https://hospital.example/dieu-khoan",
        ),
        # old portals: without PKCE, RS256, a secret in the header or in the body
        _portal(
            "legacy-basic",
            "Cổng cũ thứ nhất",
            token_endpoint_auth_method="client_secret_basic",
            profile="legacy",
            legacy_until=LAST_DAY,
            scope="openid profile legacy_dvcqg",
            id_token_signed_response_alg="RS256",
            access_token_signed_response_alg="RS256",
            **_STATUTORY,
        ),
        _portal(
            "legacy-post",
            "Cổng cũ thứ hai",
            token_endpoint_auth_method="client_secret_post",
            profile="legacy",
            legacy_until=LAST_DAY,
            scope="openid profile",
            **_STATUTORY,
        ),
        # an app on a person's own device
        _portal(
            "app",
            "Ứng dụng di động",
            application_type="native",
            redirect_uris=["vn.example.app:/callback", "http://127.0.0.1/callback"],
            post_logout_redirect_uris=[],
            token_endpoint_auth_method="none",
            grant_types=["authorization_code", "refresh_token"],
            scope="openid profile",
            legal_basis="consent",
        ),
        _machine(
            "machine-es256",
            token_endpoint_auth_method="private_key_jwt",
            scope="procedures:read procedures:write",
            audience=[API],
        ),
        _machine(
            "machine-rs256",
            token_endpoint_auth_method="private_key_jwt",
            token_endpoint_auth_signing_alg="RS256",
            access_token_signed_response_alg="RS256",
            scope="procedures:read",
            audience=[API],
        ),
        # a protected resource, which asks about tokens
        _machine(
            "api", token_endpoint_auth_method="client_secret_basic", resources=[API], scope="", audience=[]
        ),
    )
}
"""Registered metadata by client id."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A client with what only it knows."""

    client_id: str
    metadata: Mapping[str, Any]
    secret: str | None = None
    private_key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None

    @property
    def algorithm(self) -> str:
        """What it signs its assertions with."""
        return "RS256" if isinstance(self.private_key, rsa.RSAPrivateKey) else "ES256"


@cache
def _assertion_key(algorithm: str) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    """One key of each kind serves all clients of a run: making them takes time."""
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def register(metadata: Mapping[str, Any], now: int) -> tuple[Registered, Step]:
    """A client with fresh credentials, and the step that registers it."""
    client_id, method = metadata["client_id"], metadata["token_endpoint_auth_method"]
    secret = secrets.token_urlsafe(32) if method.startswith("client_secret") else None
    key = None
    if method == "private_key_jwt":
        algorithm = "RS256" if metadata.get("token_endpoint_auth_signing_alg") == "RS256" else "ES256"
        key = _assertion_key(algorithm)
        public = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
        metadata = {**metadata, "jwks": {"keys": [{**public, "kid": "k1", "use": "sig"}]}}
    read_client(metadata, now=now)
    digest = None if secret is None else hashlib.sha256(secret.encode()).digest()
    kept = clients.add(client_id, orjson.dumps(metadata).decode(), secret_digest=digest, now=now)
    return Registered(client_id, metadata, secret, key), kept


def register_told(client_id: str, uri: str, now: int, **more: Any) -> tuple[Registered, Step]:
    """As `register`: a ministry's portal that is told of logouts at an address."""
    changes = {"client_id": client_id, "backchannel_logout_uri": uri, **more}
    return register({**REGISTRATIONS["ministry"], **changes}, now)


@dataclass(frozen=True, slots=True)
class Asked:
    """One authorization request, and what the portal remembers of it."""

    address: str
    parameters: Mapping[str, str]
    verifier: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """A token response, verified as a careful portal does."""

    body: Mapping[str, Any]
    claims: Mapping[str, Any] = field(repr=False)  # of the ID token; empty where there is none

    @property
    def access_token(self) -> str:
        """The access token."""
        return str(self.body["access_token"])

    @property
    def refresh_token(self) -> str:
        """The refresh token."""
        return str(self.body["refresh_token"])

    @property
    def id_token(self) -> str:
        """The ID token."""
        return str(self.body["id_token"])

    @property
    def sub(self) -> str:
        """The person at this portal."""
        return str(self.claims["sub"])


class Portal:
    """A client in action. `http` reaches the provider, `clock` is the time for both."""

    def __init__(
        self, registered: Registered, http: httpx2.AsyncClient, issuer: str, clock: Callable[[], float]
    ) -> None:
        self.registered = registered
        self.http = http
        self.issuer = issuer
        self.clock = clock

    @property
    def client_id(self) -> str:
        """Its client id."""
        return self.registered.client_id

    @property
    def redirect_uri(self) -> str:
        """The first registered one."""
        return str(self.registered.metadata["redirect_uris"][0])

    def ask(self, *without: str, **changes: str) -> Asked:
        """A good authorization request for all registered scopes, changed; `without` leaves parameters out."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.registered.metadata["scope"],
            "state": secrets.token_urlsafe(12),
            "nonce": secrets.token_urlsafe(12),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        } | changes
        kept = {name: value for name, value in parameters.items() if name not in without}
        return Asked(f"{self.issuer}/authorize?{urlencode(kept)}", kept, verifier)

    async def send(self, browser: Browser, **changes: str) -> tuple[Asked, Visit]:
        """Send a browser to the provider."""
        asked = self.ask(**changes)
        return asked, await browser.open(asked.address)

    def assertion(self, **changes: Any) -> str:
        """A fresh signed assertion (RFC 7523); `changes` go over its claims."""
        now = int(self.clock())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.issuer,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(16),
        } | changes
        assert self.registered.private_key is not None
        key, algorithm = self.registered.private_key, self.registered.algorithm
        return jwt.encode(claims, key, algorithm, headers={"kid": "k1"})

    def credentials(self) -> tuple[dict[str, str], dict[str, str]]:
        """Form fields and headers by which this client proves who it is."""
        method = self.registered.metadata["token_endpoint_auth_method"]
        secret = self.registered.secret or ""
        if method == "private_key_jwt":
            return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion()}, {}
        if method == "client_secret_post":
            return {"client_id": self.client_id, "client_secret": secret}, {}
        if method == "client_secret_basic":
            pair = f"{quote_plus(self.client_id)}:{quote_plus(secret)}".encode()
            return {}, {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return {"client_id": self.client_id}, {}

    async def post(self, path: str, **form: str) -> httpx2.Response:
        """A request of the client itself, authenticated as it is registered."""
        fields, headers = self.credentials()
        return await self.http.post(path, data={**fields, **form}, headers=headers)

    async def redeem(self, asked: Asked, code: str, **changes: str) -> httpx2.Response:
        """The token request for a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": asked.parameters["redirect_uri"],
            "code_verifier": asked.verifier,
        } | changes
        return await self.post("/token", **form)

    async def tokens(self, asked: Asked, visit: Visit) -> Tokens:
        """Everything a careful portal does when the browser comes back."""
        given = visit.given
        assert given.get("state") == asked.parameters.get("state")
        assert given["iss"] == self.issuer
        response = await self.redeem(asked, visit.code)
        assert response.status_code == 200, response.text
        tokens = await self.read(response)
        assert tokens.claims.get("nonce") == asked.parameters.get("nonce")
        return tokens

    async def read(self, response: httpx2.Response) -> Tokens:
        """A token response with its ID token verified."""
        body = response.json()
        token = body.get("id_token")
        return Tokens(body, {} if token is None else await self.verify(token))

    async def key_set(self) -> jwt.PyJWKSet:
        """The keys that the provider's tokens are verified with."""
        return jwt.PyJWKSet.from_dict((await self.http.get("/jwks")).json())

    async def verify(self, token: str, *, audience: str = "") -> dict[str, Any]:
        """The claims of a signed token of the provider; times are by the tests' clock."""
        keys = await self.key_set()
        key = keys[jwt.get_unverified_header(token)["kid"]]
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=audience or self.client_id,
            issuer=self.issuer,
            options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
        assert claims.get("exp", 1 << 40) > self.clock() >= claims["iat"]
        return claims

    async def refresh(self, token: str, **form: str) -> httpx2.Response:
        """The token request for a refresh token."""
        return await self.post("/token", grant_type="refresh_token", refresh_token=token, **form)

    async def userinfo(self, access_token: str) -> httpx2.Response:
        """The UserInfo request."""
        return await self.http.get("/userinfo", headers={"authorization": f"Bearer {access_token}"})

    async def introspect(self, token: str) -> Mapping[str, Any]:
        """What the provider says about a token now."""
        response = await self.post("/introspect", token=token)
        assert response.status_code == 200, response.text
        body: Mapping[str, Any] = response.json()
        return body

    async def revoke(self, token: str) -> None:
        """Tell the provider that a token is needed no more."""
        response = await self.post("/revoke", token=token)
        assert response.status_code == 200, response.text
