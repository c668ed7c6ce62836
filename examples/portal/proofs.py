"""Proving with every request that we hold the key that our tokens are bound to (RFC 9449)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Generator

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

ASKED_FOR_NONCE = "use_dpop_nonce"


class ProofKey:
    """The portal's key for proofs, and the nonces that servers gave it.

    It is made when the portal starts and never leaves it: tokens that are stolen are worth nothing elsewhere, and those
    of before a restart are gone with the sessions that held them. It is not the key by which the portal signs in.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._key = ECKey.generate_key("P-256")
        self._clock = clock
        self._nonces: dict[str, str] = {}

    def proof(self, request: httpx2.Request, access_token: str = "") -> str:
        """A proof for this one request; with the token that it brings, if it brings one (§4.2)."""
        claims = {
            "jti": secrets.token_urlsafe(16),
            "htm": request.method,
            "htu": str(request.url.copy_with(query=None, fragment=None)),
            "iat": int(self._clock()),
        }
        if nonce := self._nonces.get(_server(request)):
            claims["nonce"] = nonce
        if access_token:
            digest = hashlib.sha256(access_token.encode("ascii")).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
        header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": self._key.as_dict(private=False)}
        return jwt.encode(header, claims, self._key)

    def take_nonce(self, response: httpx2.Response) -> None:
        """Remembers the nonce of an answer, whatever it is, for the next proof to the same server (§8.2)."""
        if nonce := response.headers.get("dpop-nonce"):
            self._nonces[_server(response.request)] = nonce


class Proven(httpx2.Auth):
    """Requests with a proof, and with an access token if there is one. Who is asked for a nonce tries once more."""

    requires_response_body = True

    def __init__(self, key: ProofKey, access_token: str = "") -> None:
        self._key = key
        self._access_token = access_token

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """RFC 9449 §7.1, and §8 and §9 for the nonces."""
        response = yield self._signed(request)
        self._key.take_nonce(response)
        if _asks_for_nonce(response):
            self._key.take_nonce((yield self._signed(request)))

    def _signed(self, request: httpx2.Request) -> httpx2.Request:
        request.headers["DPoP"] = self._key.proof(request, self._access_token)
        if self._access_token:
            request.headers["Authorization"] = f"DPoP {self._access_token}"
        return request


class Bearer(httpx2.Auth):
    """Requests with an access token that is bound to nothing (RFC 6750 §2.1)."""

    def __init__(self, access_token: str) -> None:
        self._access_token = access_token

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """One request; the token travels in a header, never in an address."""
        request.headers["Authorization"] = f"Bearer {self._access_token}"
        yield request


def _server(request: httpx2.Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"


def _asks_for_nonce(response: httpx2.Response) -> bool:
    """The provider says so in JSON (§8), an API in its challenge (§9)."""
    if response.status_code == httpx2.codes.UNAUTHORIZED:
        return f'error="{ASKED_FOR_NONCE}"' in response.headers.get("www-authenticate", "")
    return response.status_code == httpx2.codes.BAD_REQUEST and f'"{ASKED_FOR_NONCE}"' in response.text
