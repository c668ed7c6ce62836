"""Talking to the provider with Authlib: where to send the browser, and what the code is worth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.common.urls import add_params_to_qs
from authlib.integrations.starlette_client import OAuth, OAuthError
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from joserfc.jwk import ECKey

from examples.portal.challenge import Challenge
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
        self._key = key
        client_kwargs: dict[str, Any] = {
            "scope": settings.scope,
            "code_challenge_method": "S256",  # Authlib uses no PKCE unless told (RFC 7636 §4.2)
            "token_endpoint_auth_method": "private_key_jwt",
            "timeout": TIMEOUT_SECONDS,
        }
        if transport is not None:
            client_kwargs["transport"] = transport
        self._client = OAuth().register(
            "motcua",
            client_id=settings.client_id,
            server_metadata_url=f"{settings.issuer}/.well-known/openid-configuration",
            client_kwargs=client_kwargs,
            client_auth_methods=[("private_key_jwt", self._sign_in_as_portal)],
        )

    async def metadata(self) -> Mapping[str, Any]:
        """The discovery document, fetched once.

        Raises:
            ProviderUnreachable: there is none, or it belongs to somebody else.
        """
        try:
            document: Mapping[str, Any] = await self._client.load_server_metadata()
        except (httpx2.HTTPError, ValueError, TypeError) as error:
            raise ProviderUnreachable(f"no discovery document: {error!r}") from error
        # OpenID Connect Discovery §4.3: Authlib leaves this comparison to us.
        if document.get("issuer") != self._settings.issuer:
            raise ProviderUnreachable("the discovery document names another issuer")
        return document

    async def begin(self, *, silent: bool, challenge: Challenge | None = None) -> Departure:
        """A new authorization request, with fresh `state`, `nonce` and PKCE verifier.

        Silent means `prompt=none`: the provider shows no page, and answers `login_required` if it had to. With a
        `challenge` of our API it asks for a token for the API, of a login as the API wants it (RFC 9470 §4).
        """
        await self.metadata()
        extra = {"prompt": "none"} if silent else {}
        claims: dict[str, Any] = {}
        if self._settings.essential_claims:  # OpenID Connect Core §5.5
            claims["userinfo"] = {name: {"essential": True} for name in self._settings.essential_claims}
        if challenge is not None:
            extra["resource"] = self._settings.api
            if challenge.max_age:
                extra["max_age"] = challenge.max_age
            if (
                challenge.acr_values
            ):  # `acr_values` would be a wish; essential, the person is told how to meet it
                claims["id_token"] = {"acr": {"essential": True, "values": challenge.acr_values.split()}}
        if claims:
            extra["claims"] = json.dumps(claims)
        made = await self._client.create_authorization_url(self._settings.redirect_uri, **extra)
        return Departure(made["url"], made["state"], made["nonce"], made["code_verifier"])

    async def exchange(self, code: str, code_verifier: str) -> dict[str, Any]:
        """The token response for the code (RFC 6749 §4.1.3), asked from server to server.

        Raises:
            ProviderRefused: the code, the verifier or our own authentication was not accepted.
            ProviderUnreachable: no answer.
        """
        try:
            token: dict[str, Any] = await self._client.fetch_access_token(
                code=code, code_verifier=code_verifier, redirect_uri=self._settings.redirect_uri
            )
        except OAuthError as error:
            raise ProviderRefused(str(error.error)) from error
        except (httpx2.HTTPError, ValueError) as error:
            raise ProviderUnreachable(f"token endpoint: {error!r}") from error
        if not isinstance(token.get("id_token"), str) or not isinstance(token.get("access_token"), str):
            raise ProviderUnreachable("the token response is not complete")
        return token

    async def userinfo(self, token: Mapping[str, Any]) -> httpx2.Response:
        """The UserInfo answer, not yet verified; the access token travels in a header, never in an address.

        Raises:
            ProviderUnreachable: no answer, or none with status 200.
        """
        endpoint = (await self.metadata())["userinfo_endpoint"]
        try:
            response: httpx2.Response = await self._client.get(endpoint, token=dict(token))
            return response.raise_for_status()
        except (httpx2.HTTPError, OAuthError) as error:
            raise ProviderUnreachable(f"UserInfo: {error!r}") from error

    def _sign_in_as_portal(
        self, auth: Any, _method: str, uri: str, headers: Any, body: Any
    ) -> tuple[str, Any, Any]:
        """Adds a signed assertion to the token request (RFC 7523 §2.2).

        Authlib's own `PrivateKeyJWT` makes assertions of one hour for the token endpoint's address. One minute
        is enough, and an assertion for the issuer is of no use at another provider.
        """
        assertion = private_key_jwt_sign(
            self._key,
            client_id=auth.client_id,
            token_endpoint=self._settings.issuer,
            alg="ES256",
            header={"kid": self._key.kid},
            expires_in=ASSERTION_SECONDS,
        )
        parameters = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)]
        return uri, headers, add_params_to_qs(body, parameters)
