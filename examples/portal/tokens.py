"""Believing a token: signature, issuer, audience, time, nonce, in that order, or not at all.

The tokens are verified with PyJWT, which is not the library that the provider signs with.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from examples.portal.settings import PortalSettings
from examples.resource_server.signing_keys import SigningKeys, UnknownKey

ALGORITHMS = ("ES256",)
"""What we registered, and nothing else: the token's own header never decides (RFC 8725 §3.1)."""

LEEWAY_SECONDS = 10
"""How far the two clocks may be apart."""

ID_TOKEN_TYPES = (None, "JWT")
ACCESS_TOKEN_TYPES = ("at+jwt", "application/at+jwt")
LOGOUT_TOKEN_TYPES = ("logout+jwt", "application/logout+jwt")
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class RefusedToken(Exception):
    """The token is not what it says it is; the text is for the portal's log, never for the page."""


class Tokens:
    """Verifies what the provider signed for this portal."""

    def __init__(self, settings: PortalSettings, keys: SigningKeys) -> None:
        self._settings = settings
        self._keys = keys

    async def verify_id_token(self, token: str, *, nonce: str, access_token: str) -> dict[str, Any]:
        """The claims of an ID token (OpenID Connect Core §3.1.3.7).

        Raises:
            RefusedToken: at the first check that fails.
        """
        claims = await self._verify(
            token,
            audience=self._settings.client_id,
            types=ID_TOKEN_TYPES,
            required=["iss", "sub", "aud", "exp", "iat", "nonce"],
        )
        # `azp` names the client the token was made for; with a second audience it must be there.
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self._settings.client_id) != self._settings.client_id:
            raise RefusedToken("the ID token was made for another client")
        # The nonce ties the token to the browser that started this sign-in.
        if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise RefusedToken("the ID token answers another sign-in")
        # `at_hash` ties the access token to the ID token (§3.1.3.8).
        if "at_hash" in claims and claims["at_hash"] != _left_half_hash(access_token):
            raise RefusedToken("the access token is not the one that came with the ID token")
        return claims

    async def verify_access_token(self, token: str, *, subject: str, audience: str = "") -> dict[str, Any]:
        """The claims of a JWT access token (RFC 9068 §4), which must speak of the same person.

        A portal may treat the access token as a sealed envelope. Whoever runs an API checks it as in
        `examples/resource_server`. `audience` is the API that it was asked for; without one it is UserInfo.

        Raises:
            RefusedToken: at the first check that fails.
        """
        claims = await self._verify(
            token,
            audience=audience or self._settings.issuer,
            types=ACCESS_TOKEN_TYPES,
            required=["iss", "sub", "aud", "exp", "iat", "jti", "client_id"],
        )
        if claims["client_id"] != self._settings.client_id:
            raise RefusedToken("the access token was made for another client")
        if claims["sub"] != subject:
            raise RefusedToken("the access token speaks of another person")
        return claims

    async def verify_logout_token(self, token: str) -> dict[str, Any]:
        """The claims of a logout token (OpenID Connect Back-Channel Logout §2.6), which names session and person.

        Raises:
            RefusedToken: at the first check that fails.
        """
        claims = await self._verify(
            token,
            audience=self._settings.client_id,
            types=LOGOUT_TOKEN_TYPES,
            required=["iss", "aud", "iat", "exp", "jti", "events", "sid", "sub"],
        )
        if not isinstance(claims["events"], Mapping) or claims["events"].get(LOGOUT_EVENT) != {}:
            raise RefusedToken("the token does not tell of a logout")
        if "nonce" in claims:  # an ID token must never pass as a logout token
            raise RefusedToken("a logout token has no nonce")
        return claims

    async def verify_answer(self, token: str) -> dict[str, Any]:
        """The parameters of a signed authorization response (JARM §2.4), `code` or `error` among them.

        Raises:
            RefusedToken: at the first check that fails.
        """
        claims = await self._verify(
            token,
            audience=self._settings.client_id,
            types=ID_TOKEN_TYPES,
            required=["iss", "aud", "exp"],
        )
        if "sub" in claims or not claims.keys() & {"code", "error"}:  # an ID token is no answer
            raise RefusedToken("the token is not an authorization response")
        return claims

    async def verify_userinfo(self, token: str, *, subject: str) -> dict[str, Any]:
        """The claims of a signed UserInfo answer (OpenID Connect Core §5.3.2).

        Raises:
            RefusedToken: at the first check that fails.
        """
        claims = await self._verify(
            token, audience=self._settings.client_id, types=ID_TOKEN_TYPES, required=["iss", "sub", "aud"]
        )
        return require_subject(claims, subject)

    async def _verify(
        self, token: str, *, audience: str, types: tuple[str | None, ...], required: list[str]
    ) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") not in types:  # a token of another kind must not pass (RFC 8725 §3.11)
                raise RefusedToken(f"unexpected type {header.get('typ')!r}")
            key = await self._keys.get(header.get("kid"))
            return jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                issuer=self._settings.issuer,
                audience=audience,
                leeway=LEEWAY_SECONDS,
                options={"require": required},
            )
        except UnknownKey as error:
            raise RefusedToken(f"signed by an unknown key: {error}") from error
        except PyJWTError as error:
            raise RefusedToken(f"{type(error).__name__}: {error}") from error


def require_subject(claims: Mapping[str, Any], subject: str) -> dict[str, Any]:
    """The UserInfo claims, when they speak of the person of the ID token (OpenID Connect Core §5.3.4).

    Raises:
        RefusedToken: the two subjects differ, so the answer may have been exchanged.
    """
    if claims.get("sub") != subject:
        raise RefusedToken("UserInfo speaks of another person than the ID token")
    return dict(claims)


def _left_half_hash(token: str) -> str:
    digest = hashlib.sha256(token.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode("ascii")
