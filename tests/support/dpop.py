"""Clients that hold a key and prove it in every request (RFC 9449); PyJWT signs what they send."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Self

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.support.portals import Portal

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

MEMBERS: Final = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}
"""What counts in a thumbprint (RFC 7638 §3.2, RFC 8037 §2), in its order."""


def encoded(octets: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def token_hash(access_token: str) -> str:
    """`ath` (RFC 9449 §4.2)."""
    return encoded(hashlib.sha256(access_token.encode()).digest())


@dataclass(frozen=True)
class DpopKey:
    """The key that a client proves to hold; `algorithm` is what it signs with."""

    private_key: PrivateKey = field(repr=False)
    algorithm: str = "ES256"

    @classmethod
    def fresh(cls) -> Self:
        """A key on P-256."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @cached_property
    def jwk(self) -> dict[str, Any]:
        """The public key."""
        made = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.private_key.public_key(), as_dict=True)
        return {name: made[name] for name in MEMBERS[made["kty"]]}

    @cached_property
    def jkt(self) -> str:
        """Its thumbprint, reckoned by hand (RFC 7638 §3)."""
        spelled = json.dumps(self.jwk, separators=(",", ":"), sort_keys=True).encode()
        return encoded(hashlib.sha256(spelled).digest())

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """A proof of any claims; a member of the header that is None is left out."""
        head = {"typ": "dpop+jwt", "jwk": self.jwk} | header
        kept = {name: value for name, value in head.items() if value is not None or name == "typ"}
        return jwt.encode(dict(claims), self.private_key, self.algorithm, headers=kept)

    def proof(
        self,
        method: str,
        address: str,
        now: float,
        *,
        nonce: str | None = None,
        access_token: str | None = None,
        **changes: Any,
    ) -> str:
        """A good proof for one request; of its claims changed, those that are None are left out."""
        claims = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": address,
            "iat": int(now),
            "nonce": nonce,
            "ath": None if access_token is None else token_hash(access_token),
        } | changes
        return self.sign({name: value for name, value in claims.items() if value is not None})


@dataclass
class Holder:
    """Who holds a key, and the last nonce that the provider gave them; both may be put in another's hands."""

    key: DpopKey
    issuer: str
    clock: Callable[[], float]
    nonce: str | None = None

    def header(self, method: str, path: str, *, access_token: str | None = None) -> dict[str, str]:
        """The header of one request."""
        proof = self.key.proof(
            method, self.issuer + path, self.clock(), nonce=self.nonce, access_token=access_token
        )
        return {"dpop": proof}

    def wants_again(self, response: httpx2.Response) -> bool:
        """Take the nonce of an answer; whether the same is to be asked again with it (§8, §9)."""
        self.nonce = response.headers.get("dpop-nonce", self.nonce)
        if response.status_code == 400:
            return bool(response.json().get("error") == "use_dpop_nonce")
        challenge = response.headers.get("www-authenticate", "")
        return response.status_code == 401 and 'error="use_dpop_nonce"' in challenge


class DpopPortal(Portal):
    """A client that sends a proof with everything, and follows the provider's nonces as §8 says: once each."""

    holder: Holder

    @classmethod
    def of(cls, portal: Portal, key: DpopKey | None = None) -> Self:
        """The same client, with a key: its own, or a fresh one."""
        made = cls(portal.registered, portal.http, portal.issuer, portal.clock)
        made.holder = Holder(key or DpopKey.fresh(), portal.issuer, portal.clock)
        return made

    async def post(self, path: str, **form: str) -> httpx2.Response:
        """As a client's that proves who it is, with a proof."""
        response = await self.post_once(path, **form)
        return await self.post_once(path, **form) if self.holder.wants_again(response) else response

    async def post_once(self, path: str, **form: str) -> httpx2.Response:
        """One request with the nonce that is known, whatever is answered."""
        fields, headers = self.credentials()
        return await self.http.post(
            path, data={**fields, **form}, headers=headers | self.holder.header("POST", path)
        )

    async def userinfo(self, access_token: str) -> httpx2.Response:
        """The UserInfo request by the scheme DPoP (§7.1)."""
        response = await self.userinfo_once(access_token)
        return await self.userinfo_once(access_token) if self.holder.wants_again(response) else response

    async def userinfo_once(self, access_token: str, scheme: str = "DPoP") -> httpx2.Response:
        """One such request with the nonce that is known."""
        headers = self.holder.header("GET", "/userinfo", access_token=access_token)
        return await self.http.get(
            "/userinfo", headers={"authorization": f"{scheme} {access_token}", **headers}
        )
