"""A device without a browser logs a person in (RFC 8628): asks for its codes, shows one, and waits.

The person answers on a telephone. Everything that a device must take care of is in `log_in`.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import jwt
from jwt.exceptions import PyJWTError

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
ALGORITHMS = ("ES256",)
"""What the device is registered for, and nothing else: the token's own header never decides (RFC 8725 §3.1)."""
LEEWAY_SECONDS = 10
SLOWER = 5
"""Seconds that a `slow_down` adds to the interval, for good (RFC 8628 §3.5)."""

Sleep = Callable[[float], Awaitable[None]]
Show = Callable[[Mapping[str, Any]], None]


class LoginFailed(Exception):
    """Nobody logged in; the text is for whoever stands before the device."""


@dataclass(frozen=True, slots=True)
class Provider:
    """What the provider says about itself (OpenID Connect Discovery)."""

    issuer: str
    device_authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str


async def discover(http: httpx2.AsyncClient, issuer: str) -> Provider:
    """The provider's addresses; its document must say that it is the one that was asked for (§4.3)."""
    document = (await http.get(f"{issuer}/.well-known/openid-configuration")).raise_for_status().json()
    if document["issuer"] != issuer:
        raise LoginFailed("another provider answered")
    return Provider(**{name: document[name] for name in Provider.__dataclass_fields__})


async def log_in(
    http: httpx2.AsyncClient, provider: Provider, client_id: str, *, show: Show, sleep: Sleep
) -> Mapping[str, Any]:
    """The claims of the person who let the device in: those of the ID token, with UserInfo's.

    Raises:
        LoginFailed: the person refused, or nobody answered in time.
    """
    nonce = secrets.token_urlsafe(16)
    asked = await http.post(
        provider.device_authorization_endpoint,
        data={"client_id": client_id, "scope": "openid profile", "nonce": nonce},
    )
    codes = asked.raise_for_status().json()
    show(codes)
    tokens = await _wait(http, provider, client_id, codes, sleep)
    claims = await _verify(http, provider, client_id, tokens["id_token"], nonce)
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    told = (await http.get(provider.userinfo_endpoint, headers=bearer)).raise_for_status().json()
    if told["sub"] != claims["sub"]:  # OpenID Connect Core §5.3.2
        raise LoginFailed("UserInfo speaks of another person")
    return {**claims, **told}


async def _wait(
    http: httpx2.AsyncClient, provider: Provider, client_id: str, codes: Mapping[str, Any], sleep: Sleep
) -> Mapping[str, Any]:
    """Ask until the person has answered, never faster than we are told (§3.5)."""
    form = {"grant_type": GRANT_TYPE, "device_code": codes["device_code"], "client_id": client_id}
    interval = float(codes.get("interval", 5))
    while True:
        await sleep(interval)
        try:
            answer = await http.post(provider.token_endpoint, data=form)
        except httpx2.TimeoutException:
            interval *= 2  # §3.5: a busy provider is asked less often
            continue
        if answer.status_code == 200:
            tokens: Mapping[str, Any] = answer.json()
            return tokens
        error = answer.json()["error"]
        if error == "slow_down":
            interval += SLOWER
        elif error != "authorization_pending":
            raise LoginFailed(error)


async def _verify(
    http: httpx2.AsyncClient, provider: Provider, client_id: str, token: str, nonce: str
) -> Mapping[str, Any]:
    """The claims of an ID token (OpenID Connect Core §3.1.3.7)."""
    keys = jwt.PyJWKSet.from_dict((await http.get(provider.jwks_uri)).raise_for_status().json())
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            keys[jwt.get_unverified_header(token)["kid"]],
            algorithms=list(ALGORITHMS),
            audience=client_id,
            issuer=provider.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["iss", "sub", "aud", "exp", "iat", "nonce"]},
        )
    except (PyJWTError, KeyError) as error:
        raise LoginFailed("the ID token is not valid") from error
    if not secrets.compare_digest(str(claims["nonce"]), nonce):
        raise LoginFailed("the ID token answers another login")
    return claims
