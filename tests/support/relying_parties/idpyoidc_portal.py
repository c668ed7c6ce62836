"""A portal written with idpyoidc, which the OpenID Foundation has certified."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from cryptojwt.key_jar import KeyJar
from idpyoidc import verified_claim_name
from idpyoidc.client.client_auth import PrivateKeyJWT
from idpyoidc.client.defaults import DEFAULT_OIDC_SERVICES
from idpyoidc.client.exception import OidcServiceError
from idpyoidc.client.oauth2.stand_alone_client import StandAloneClient
from idpyoidc.message import Message
from idpyoidc.message.oauth2 import is_error_message
from idpyoidc.message.oidc.session import BackChannelLogoutRequest
from starlette.requests import Request

from tests.support.relying_parties.connection import Connection
from tests.support.relying_parties.python_portals import Person

_PKCE = {
    "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
    "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
}
_SERVICES = DEFAULT_OIDC_SERVICES | {"end_session": {"class": "idpyoidc.client.oidc.end_session.EndSession"}}


class ShortAssertions(PrivateKeyJWT):  # type: ignore[misc]  # the library publishes no types
    """Assertions for one request: the library's own live ten minutes."""

    def _construct_client_assertion(self, service: Any, **kwargs: Any) -> str:
        return str(super()._construct_client_assertion(service, lifetime=60, **kwargs))


class IdpyoidcPortal:
    """As its `RPHandler` does it, step by step, since that keeps what a refusal says to itself."""

    def __init__(self, connection: Connection, initial_access_token: str = "") -> None:
        """A portal without a `client_id` registers itself, by a token that an operator has issued."""
        self._connection = connection
        self._initial_access_token = initial_access_token
        keys = KeyJar()
        if connection.private_key is not None:
            keys.import_jwks({"keys": [dict(connection.private_key)]}, "")
        self._client = StandAloneClient(keyjar=keys, config=_configuration(connection), services=_SERVICES)

    async def login(self, _request: Request, person: Person) -> str:
        address = await asyncio.to_thread(self._begin)
        person.clear()
        return address

    def _begin(self) -> str:
        self._client.do_provider_info()
        if self._initial_access_token:
            self._register()
        else:
            self._client.do_client_registration()
            self._expect()
        return str(self._client.init_authorization())

    def _register(self) -> None:
        """RFC 7591 §3.1, once."""
        if self._client.get_client_id():
            return
        connection = self._connection
        metadata = {
            "client_name": "Cổng tự đăng ký",
            "redirect_uris": [connection.redirect_uri],
            "post_logout_redirect_uris": [connection.bye],
            "backchannel_logout_uri": connection.backchannel_uri,
            "scope": connection.scope,
        }
        # The library takes the scope of the answer, which is one text (RFC 7591 §2), for one scope.
        claims = self._client.get_context().claims
        claims._supports = {**claims._supports, "scopes_supported": [connection.scope]}  # noqa: SLF001 - no other way
        answer = self._client.do_request(
            "registration",
            request_args=metadata,
            authn_method="bearer_header",
            access_token=self._initial_access_token,
        )
        if is_error_message(answer):
            raise OidcServiceError(answer.to_json())

    def _expect(self) -> None:
        """What was registered by hand: the library knows algorithms by what a registration answered."""
        context, connection = self._client.get_context(), self._connection
        context.registration_response = {"id_token_signed_response_alg": connection.id_token_alg}
        context.claims.set_usage("verify_args", {"allowed_sign_alg": connection.id_token_alg})
        if connection.private_key is not None:
            context.claims.set_usage("token_endpoint_auth_signing_alg", connection.assertion_alg)

    async def callback(self, request: Request, person: Person) -> Mapping[str, Any]:
        return await asyncio.to_thread(self._finish, dict(request.query_params), person)

    def _finish(self, given: dict[str, str], person: Person) -> Mapping[str, Any]:
        answer = self._client.finalize_auth(given)
        if is_error_message(answer):
            raise OidcServiceError(answer.to_json())
        person["state"] = state = answer["state"]
        claims = self._client.get_access_and_id_token(answer, state)["id_token"].to_dict()
        return {"claims": claims, "person": self._client.get_user_info(state).to_dict()}

    async def refresh(self, person: Person) -> Mapping[str, Any]:
        state = person["state"]
        before = self._client.get_context().cstate.get_claim(state, claim="refresh_token")
        told = await asyncio.to_thread(self._client.refresh_access_token, state)
        known = await asyncio.to_thread(self._client.get_user_info, state, told["access_token"])
        return {"fresh": told["refresh_token"] != before, "person": known.to_dict()}

    async def logout(self, person: Person) -> str:
        return str(self._client.logout(person["state"], self._connection.bye)["url"])

    async def ended(self, logout_token: str) -> str:
        """The library's `backchannel_logout` goes by `sub`, so an earlier session's token would end the newest."""
        return str((await asyncio.to_thread(self._verified, logout_token))["sid"])

    def _verified(self, logout_token: str) -> Message:
        told = BackChannelLogoutRequest(logout_token=logout_token)
        if not told.verify(
            iss=self._connection.issuer,
            aud=self._client.get_client_id(),
            keyjar=self._client.get_attribute("keyjar"),
            allowed_sign_alg=self._connection.id_token_alg,
        ):
            raise ValueError("not a logout token")
        return told[verified_claim_name("logout_token")]


def _configuration(connection: Connection) -> dict[str, Any]:
    method = "client_secret_basic" if connection.private_key is None else "private_key_jwt"
    authentication = None if connection.private_key is None else {"class": ShortAssertions, "kwargs": {}}
    return {
        "client_type": "oidc",
        "issuer": connection.issuer,
        "client_id": connection.client_id,
        "client_secret": connection.secret,
        "redirect_uris": [connection.redirect_uri],
        "client_authn_methods": {method: authentication, "bearer_header": None},
        "preference": {
            "response_types_supported": ["code"],
            "scopes_supported": connection.scope.split(),
            "scope": connection.scope.split(),
            "token_endpoint_auth_methods_supported": [method],
            "id_token_signing_alg_values_supported": [connection.id_token_alg],
        },
        "add_ons": {"pkce": _PKCE} if connection.pkce else {},
    }
