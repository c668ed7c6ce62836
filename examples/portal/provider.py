"""Talking to the provider: where to send the browser, and what the code is worth.

The requests are written out, for no library for Python pushes, proves and signs them yet. What each of them holds
follows from the portal's `Way`.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import ECKey

from examples.portal.challenge import Challenge
from examples.portal.proofs import Bearer, ProofKey, Proven
from examples.portal.settings import PortalSettings

ASSERTION_SECONDS = 60
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TIMEOUT_SECONDS = 10.0


class ProviderRefused(Exception):
    """The provider answered with an OAuth error; `code` is its name."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ProviderUnreachable(Exception):
    """The provider did not answer, or not in the protocol."""


@dataclass(frozen=True, slots=True)
class Departure:
    """An authorization request: the address for the browser and what the portal must remember."""

    url: str
    state: str
    nonce: str
    code_verifier: str


class Provider:
    """The provider as one registered portal sees it. `transport` replaces the network in tests."""

    def __init__(
        self, settings: PortalSettings, key: ECKey, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._way = settings.way
        self._key = key
        self._proof_key = ProofKey()
        self._transport = transport
        self._document: Mapping[str, Any] = {}

    def bearing(self, access_token: str) -> httpx2.Auth:
        """How an access token is sent to UserInfo and to APIs: with a proof where it is bound to our key."""
        return Proven(self._proof_key, access_token) if self._way.proves else Bearer(access_token)

    async def metadata(self) -> Mapping[str, Any]:
        """The discovery document, fetched once.

        Raises:
            ProviderUnreachable: there is none, or it belongs to somebody else.
        """
        if not self._document:
            address = f"{self._settings.issuer}/.well-known/openid-configuration"
            document = _read_object(await self._send("GET", address))
            if document.get("issuer") != self._settings.issuer:  # OpenID Connect Discovery §4.3
                raise ProviderUnreachable("the discovery document names another issuer")
            self._document = document
        return self._document

    async def begin(self, *, silent: bool, challenge: Challenge | None = None) -> Departure:
        """A new authorization request, with fresh `state`, `nonce` and PKCE verifier.

        Silent means `prompt=none`: the provider shows no page, and answers `login_required` if it had to. With a
        `challenge` of our API it asks for a token for the API, of a login as the API wants it (RFC 9470 §4).

        Raises:
            ProviderRefused: it was pushed, and the provider does not take it.
            ProviderUnreachable: no answer.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        parameters = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._settings.redirect_uri,
            "scope": self._settings.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
            **({"prompt": "none"} if silent else {}),
            **self._wishes(challenge),
        }
        if self._way.signs:
            request_object = self._signed(parameters | {"response_mode": "jwt"})
            parameters = {"client_id": self._settings.client_id, "request": request_object}
        if self._way.pushes:
            parameters = await self._push(parameters)
        endpoint = await self._endpoint("authorization_endpoint")
        return Departure(f"{endpoint}?{urlencode(parameters)}", state, nonce, verifier)

    async def exchange(self, code: str, code_verifier: str) -> dict[str, Any]:
        """The token response for the code (RFC 6749 §4.1.3), asked from server to server.

        Raises:
            ProviderRefused: the code, the verifier, the proof or our own authentication was not accepted.
            ProviderUnreachable: no answer, or tokens that are not bound as they must be.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": code_verifier,
            "redirect_uri": self._settings.redirect_uri,
        }
        token = await self._post("token_endpoint", form)
        if not isinstance(token.get("id_token"), str) or not isinstance(token.get("access_token"), str):
            raise ProviderUnreachable("the token response is not complete")
        # RFC 9449 §5: another type would mean that anybody can use the token.
        if str(token.get("token_type")).lower() != ("dpop" if self._way.proves else "bearer"):
            raise ProviderUnreachable("the access token is of another type than was asked for")
        return token

    async def userinfo(self, access_token: str) -> httpx2.Response:
        """The UserInfo answer, not yet verified.

        Raises:
            ProviderUnreachable: no answer, or none with status 200.
        """
        endpoint = await self._endpoint("userinfo_endpoint")
        response = await self._send("GET", endpoint, auth=self.bearing(access_token))
        if response.status_code != httpx2.codes.OK:
            raise ProviderUnreachable(f"UserInfo: status {response.status_code}")
        return response

    def _wishes(self, challenge: Challenge | None) -> dict[str, str]:
        """Parameters by which the portal, or its API, asks for more than a login."""
        claims: dict[str, Any] = {}
        if self._settings.essential_claims:  # OpenID Connect Core §5.5
            claims["userinfo"] = {name: {"essential": True} for name in self._settings.essential_claims}
        wishes = {}
        if challenge is not None:
            wishes["resource"] = self._settings.api
            if challenge.max_age:
                wishes["max_age"] = challenge.max_age
            if challenge.acr_values:  # not as `acr_values`, a mere wish: being essential, people are told how
                claims["id_token"] = {"acr": {"essential": True, "values": challenge.acr_values.split()}}
        return wishes | ({"claims": json.dumps(claims)} if claims else {})

    def _signed(self, parameters: Mapping[str, str]) -> str:
        """The request as a request object (RFC 9101 §4), good for a minute and for this provider alone."""
        now = int(time.time())
        issued = {"iss": self._settings.client_id, "aud": self._settings.issuer}
        times = {"iat": now, "nbf": now, "exp": now + ASSERTION_SECONDS}
        claims = {**parameters, **issued, **times, "jti": secrets.token_urlsafe(16)}
        header = {"alg": "ES256", "kid": self._key.kid, "typ": "oauth-authz-req+jwt"}
        return jwt.encode(header, claims, self._key)

    async def _push(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """What is left for the browser to carry when the request has been pushed (RFC 9126 §4)."""
        pushed = await self._post("pushed_authorization_request_endpoint", parameters)
        return {"client_id": self._settings.client_id, "request_uri": str(pushed.get("request_uri"))}

    async def _post(self, endpoint: str, form: Mapping[str, str]) -> dict[str, Any]:
        """The answer to a form by which the portal also says who it is (RFC 7523 §2.2).

        An assertion for the issuer, good for a minute, is of no use at another provider or later.
        """
        address = await self._endpoint(endpoint)
        assertion = private_key_jwt_sign(
            self._key,
            client_id=self._settings.client_id,
            token_endpoint=self._settings.issuer,
            alg="ES256",
            header={"kid": self._key.kid},
            expires_in=ASSERTION_SECONDS,
        )
        proves = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        auth = Proven(self._proof_key) if self._way.proves else None
        response = await self._send("POST", address, data={**form, **proves}, auth=auth)
        answer = _read_object(response)
        if response.is_error:
            raise ProviderRefused(str(answer.get("error", "")))
        return answer

    async def _endpoint(self, name: str) -> str:
        address = (await self.metadata()).get(name)
        if not isinstance(address, str):
            raise ProviderUnreachable(f"the provider has no {name}")
        return address

    async def _send(self, method: str, address: str, **request: Any) -> httpx2.Response:
        try:
            async with httpx2.AsyncClient(transport=self._transport, timeout=TIMEOUT_SECONDS) as http:
                return await http.request(method, address, **request)
        except httpx2.HTTPError as error:
            raise ProviderUnreachable(f"{address}: {error!r}") from error


def _read_object(response: httpx2.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError as error:
        raise ProviderUnreachable(f"{response.url.path}: not JSON") from error
    if not isinstance(found, dict):
        raise ProviderUnreachable(f"{response.url.path}: not an object")
    return found
