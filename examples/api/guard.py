"""The door of a protected API: who may come in, and what to say to whoever may not yet.

An access token of the provider is a JWT (RFC 9068). Believe it for its signature, its issuer, its type, its time, and
because it is meant for *this* API: a token that another service was given opens nothing here. What is missing is said
in `WWW-Authenticate`, so that the client can get it: any token (RFC 6750 §3), or one of a login that is stronger or
younger (RFC 9470 §3).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.exceptions import PyJWTError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from examples.portal.signing_keys import SigningKeys, UnknownKey

ALGORITHMS = ("ES256",)
"""What the provider signs access tokens with; the token's own header never decides (RFC 8725 §3.1)."""

TYPES = ("at+jwt", "application/at+jwt")
REQUIRED = ("iss", "sub", "aud", "exp", "iat", "jti", "client_id")
LEEWAY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Needs:
    """What a resource asks of the login behind a token: its level 1 to 4, and its age in seconds."""

    level: int = 1
    max_age: int | None = None


class Challenged(Exception):
    """The token does not do; `parameters` are those of the challenge. Without any there was no token at all."""

    def __init__(self, **parameters: str) -> None:
        super().__init__(parameters.get("error_description", "no token"))
        self.parameters = parameters


class Guard:
    """Verifies tokens for one API. `identifier` is the address that the API is registered under (RFC 8707)."""

    def __init__(
        self, issuer: str, identifier: str, keys: SigningKeys, clock: Callable[[], float] = time.time
    ) -> None:
        self._issuer = issuer
        self._identifier = identifier
        self._keys = keys
        self._clock = clock

    async def require(self, request: Request, needs: Needs) -> Mapping[str, Any]:
        """The claims of the request's token, when it is good and its login is what the resource needs.

        Raises:
            Challenged: it is missing, not to be believed, or of a login too weak or too old.
        """
        claims = await self._verify(_bearer(request))
        self._check_login(claims, needs)
        return claims

    async def _verify(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") not in TYPES:  # an ID token is no access token (RFC 9068 §4)
                raise _invalid("not an access token")
            key = await self._keys.get(header.get("kid"))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                issuer=self._issuer,
                audience=self._identifier,
                leeway=LEEWAY_SECONDS,
                options={"require": list(REQUIRED), "verify_exp": False, "verify_iat": False},
            )
        except (PyJWTError, UnknownKey) as error:
            raise _invalid("the access token is malformed, foreign, or for another resource") from error
        if not isinstance(claims["exp"], int) or claims["exp"] + LEEWAY_SECONDS <= self._clock():
            raise _invalid("the access token has expired")
        return claims

    def _check_login(self, claims: Mapping[str, Any], needs: Needs) -> None:
        """RFC 9470 §3: say what would do, so that the client asks the provider for exactly that."""
        good = [f"{self._issuer}/acr/{level}" for level in range(needs.level, 5)]
        if claims.get("acr") not in good:
            raise _insufficient("a stronger authentication is needed", needs, good[:1])
        age = self._clock() - int(claims.get("auth_time", 0))
        if needs.max_age is not None and age > needs.max_age + LEEWAY_SECONDS:
            raise _insufficient("a more recent authentication is needed", needs, good[:1])


def _bearer(request: Request) -> str:
    """The token of the header; never one of the address, where logs would keep it (RFC 6750 §2.3)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Challenged
    return token.strip()


def _invalid(why: str) -> Challenged:
    return Challenged(error="invalid_token", error_description=why)


def _insufficient(why: str, needs: Needs, values: list[str]) -> Challenged:
    """Both demands are named, also where one is met: what comes back must meet both."""
    age = {} if needs.max_age is None else {"max_age": str(needs.max_age)}
    return Challenged(
        error="insufficient_user_authentication", error_description=why, acr_values=" ".join(values), **age
    )


async def answer_challenge(_request: Request, challenged: Exception) -> Response:
    """401 with the challenge in its header; the body says the same to people."""
    parameters = challenged.parameters if isinstance(challenged, Challenged) else {}
    said = ", ".join(f'{name}="{value}"' for name, value in parameters.items())
    headers = {"WWW-Authenticate": f"Bearer {said}".strip(), "Cache-Control": "no-store"}
    return JSONResponse(parameters, status_code=401, headers=headers)
