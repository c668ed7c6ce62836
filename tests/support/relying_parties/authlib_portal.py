"""A portal written with Authlib's client for Starlette."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from authlib.common.urls import add_params_to_qs
from authlib.integrations.starlette_client import OAuth
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet, import_key
from starlette.requests import Request

from tests.support.relying_parties.connection import Connection
from tests.support.relying_parties.python_portals import Person

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
_LEEWAY = 60


class AuthlibPortal:
    """As Authlib's documentation has it; what it leaves to the portal is marked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        keyed = connection.private_key is not None
        kwargs: dict[str, Any] = {"scope": connection.scope}
        if connection.pkce:
            kwargs["code_challenge_method"] = "S256"
        kwargs["token_endpoint_auth_method"] = "private_key_jwt" if keyed else "client_secret_basic"
        self._client = OAuth().register(
            "motcua",
            client_id=connection.client_id,
            client_secret=connection.secret,
            server_metadata_url=f"{connection.issuer}/.well-known/openid-configuration",
            client_kwargs=kwargs,
            client_auth_methods=[("private_key_jwt", self._sign)] if keyed else None,
        )

    def _sign(self, auth: Any, _method: str, uri: str, headers: Any, body: Any) -> tuple[str, Any, Any]:
        jwk, now = dict(self._connection.private_key or {}), int(time.time()) + self._connection.clock
        assertion = private_key_jwt_sign(
            import_key({**jwk}),
            client_id=auth.client_id,
            token_endpoint=self._connection.issuer,
            alg=jwk["alg"],
            header={"kid": jwk["kid"]},
            issued_at=now,
            expires_at=now + 60,
        )
        return (
            uri,
            headers,
            add_params_to_qs(body, [("client_assertion_type", _ASSERTION), ("client_assertion", assertion)]),
        )

    async def _metadata(self) -> Mapping[str, Any]:
        metadata: Mapping[str, Any] = await self._client.load_server_metadata()
        if metadata["issuer"] != self._connection.issuer:  # Discovery §4.3, left to the portal
            raise ValueError(f"asked {self._connection.issuer}, which says it is {metadata['issuer']}")
        return metadata

    async def login(self, request: Request, person: Person) -> str:
        await self._metadata()
        request.scope["session"] = person
        sent = await self._client.authorize_redirect(request, self._connection.redirect_uri)
        return str(sent.headers["location"])

    async def callback(self, request: Request, person: Person) -> Mapping[str, Any]:
        request.scope["session"] = person
        if request.query_params["iss"] != self._connection.issuer:  # RFC 9207, left to the portal
            raise ValueError("an answer of another provider")
        token = await self._client.authorize_access_token(request, claims_cls=self._claims(), leeway=_LEEWAY)
        person["token"] = token
        return {"claims": dict(token["userinfo"]), "person": dict(await self._client.userinfo(token=token))}

    def _claims(self) -> type[CodeIDToken]:
        """How the claims of an ID token are looked at; what was registered for it is left to the portal."""
        connection = self._connection

        class Claims(CodeIDToken):  # type: ignore[misc]  # Authlib publishes no types
            def validate(self, _now: int | None = None, leeway: int = 0) -> None:
                if self.header["alg"] != connection.id_token_alg:
                    raise ValueError(f"signed with {self.header['alg']}, expected {connection.id_token_alg}")
                super().validate(int(time.time()) + connection.clock, leeway)

        return Claims

    async def refresh(self, person: Person) -> Mapping[str, Any]:
        before = person["token"]
        metadata = await self._metadata()
        async with self._client._get_oauth_client(**metadata) as session:  # noqa: SLF001 - it has no other way
            token = await session.refresh_token(metadata["token_endpoint"], before["refresh_token"])
        person["token"] = {**before, **token}
        told = await self._client.userinfo(token=token)
        return {"fresh": token["refresh_token"] != before["refresh_token"], "person": dict(told)}

    async def logout(self, person: Person) -> str:
        made = await self._client.create_logout_url(
            self._connection.bye, person["token"]["id_token"], state=""
        )
        return str(made["url"])

    async def ended(self, logout_token: str) -> str:
        """Authlib leaves logout tokens to the library below it."""
        keys = KeySet.import_key_set(await self._client.fetch_jwk_set())
        token = jwt.decode(logout_token, keys, algorithms=[self._connection.id_token_alg])
        jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": self._connection.issuer},
            aud={"essential": True, "value": self._connection.client_id},
            jti={"essential": True},
            sid={"essential": True},
        ).validate(token.claims)
        events = token.claims.get("events", {})
        if token.header["typ"] != "logout+jwt" or _LOGOUT not in events or "nonce" in token.claims:
            raise ValueError("not a logout token")
        return str(token.claims["sid"])
