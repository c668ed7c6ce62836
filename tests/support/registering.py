"""Clients that register themselves, as programs of portals do it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import httpx2
import orjson
from cryptography.hazmat.primitives.asymmetric import ec

from idp.oidc.registration.terms import Terms, read_terms
from idp.oidc.registration.vouchers import issue_token
from keys.backends.software import SoftwareSigner
from keys.jose import encode
from tests.support.installation import ISSUER
from tests.support.portals import Registered
from tests.support.provider import Provider

REGISTER: Final = "/register"
TERMS: Final[dict[str, Any]] = {
    "owner": "Cơ quan tự đăng ký",
    "sector": "tu-dang-ky",
    "scope": "openid profile pid offline_access",
    "legal_basis": "statutory_task",
    "legal_reference": "Luật Lý lịch tư pháp số 28/2009/QH12",
    "purpose": "Xác định người yêu cầu",
    "kinds": ["server", "browser", "native"],
    "profiles": ["oidc"],
}
PORTAL: Final[dict[str, Any]] = {
    "client_name": "Cổng tự đăng ký",
    "redirect_uris": ["https://self.example/callback"],
}


def terms(**changes: Any) -> Terms:
    """The terms of `TERMS`, changed; what is None is left out."""
    return read_terms({name: value for name, value in (TERMS | changes).items() if value is not None})


async def initial_token(provider: Provider, *, uses: int = 1, days: int = 7, **changes: Any) -> str:
    """An initial access token, as an operator issues it."""
    issued = await issue_token(
        provider.context(), terms(**changes), uses=uses, lifetime=days * 86_400, operator="operator-1"
    )
    return issued.token


def bearer(token: str) -> dict[str, str]:
    """The header that a token is sent in (RFC 6750 §2.1)."""
    return {"authorization": f"Bearer {token}"}


async def ask(
    provider: Provider, token: str = "", address: str = "198.51.100.7", /, **metadata: Any
) -> httpx2.Response:
    """A registration request."""
    headers = bearer(token) if token else {}
    return await provider.http(address).post(REGISTER, json=metadata, headers=headers)


@dataclass(slots=True)
class SelfRegistered:
    """A client with what it was told about itself."""

    provider: Provider
    told: dict[str, Any]

    @property
    def client_id(self) -> str:
        """Its id."""
        return str(self.told["client_id"])

    @property
    def path(self) -> str:
        """Where it is managed."""
        return str(self.told["registration_client_uri"]).removeprefix(ISSUER)

    async def manage(
        self, method: str, body: dict[str, Any] | None = None, *, token: str = ""
    ) -> httpx2.Response:
        """A request of RFC 7592."""
        headers = bearer(token or self.told["registration_access_token"])
        return await self.provider.http().request(method, self.path, json=body, headers=headers)

    async def put(self, **changes: Any) -> httpx2.Response:
        """An update: everything as it is, but for the changes; what is None is left out."""
        mine = self.told | changes
        ours = {
            "registration_client_uri", "registration_access_token", "client_secret", "client_secret_expires_at",
            "client_id_issued_at",
        }  # fmt: skip
        body = {name: value for name, value in mine.items() if name not in ours and value is not None}
        return await self.manage("PUT", body)

    def at_work(self, key: ec.EllipticCurvePrivateKey | None = None) -> str:
        """Its id, by which the provider of the tests knows it as a portal from now on; `key` signs its assertions."""
        told = {"token_endpoint_auth_method": "none", **self.told}
        self.provider.registered[self.client_id] = Registered(
            self.client_id, told, self.told.get("client_secret"), key
        )
        return self.client_id


async def registered(provider: Provider, token: str = "", /, **metadata: Any) -> SelfRegistered:
    """A client that has registered itself."""
    sent = PORTAL | metadata
    response = await ask(provider, token, **{name: one for name, one in sent.items() if one is not None})
    assert response.status_code == 201, response.text
    return SelfRegistered(provider, response.json())


@cache
def statement_key() -> SoftwareSigner:
    """The key of an issuer of software statements."""
    return SoftwareSigner.generate("ES256")


async def software_statement(key: SoftwareSigner | None = None, **claims: Any) -> str:
    """A signed statement; a claim that is None is left out."""
    said = {
        "iss": "https://registry.example",
        "exp": 1_900_000_000,
        "software_id": "vn.example.portal",
        **PORTAL,
    } | claims
    return await encode(
        key or statement_key(), {name: one for name, one in said.items() if one is not None}, "JWT"
    )


def loads(response: httpx2.Response) -> dict[str, Any]:
    """The members of an answer."""
    value = orjson.loads(response.content)
    assert isinstance(value, dict)
    return value


def refused(response: httpx2.Response, error: str, *words: str) -> None:
    """An answer of RFC 7591 §3.2.2."""
    assert response.status_code == 400, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    body = loads(response)
    assert body["error"] == error, body
    assert all(word in body["error_description"] for word in words), body
