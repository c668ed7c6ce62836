"""The signed authentication request (CIBA Core §7.1.1, FAPI-CIBA §5.2.2): every parameter in one JWT of the client.

Whoever asks a person for something who is not there signs it: no request is taken unsigned, of whatever profile the
client is. The audit keeps the digest of what was signed, and not the JWT, which holds the number of somebody.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from idp.errors import InvalidRequest, InvalidRequestObject
from idp.oidc.client import Client
from idp.oidc.client_keys import ClientKeys
from idp.oidc.jwt_times import CLOCK_SKEW, Untimely, check_span, check_times
from idp.oidc.request_object.claims import LONGEST_LIFETIME, check_parties, check_type
from idp.oidc.request_object.signature import verified_by_keys

REQUIRED: Final = ("iss", "aud", "exp", "iat", "nbf", "jti")
LONGEST_JTI: Final = 255


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The claims of a request in order, but for its single use: that its `jti` is new is for the store to say.

    `digest` is SHA-256 of the JWT, for the audit; `jti_digest` is over client and `jti`; `expires_at` is when it would
    be refused anyway (epoch seconds).
    """

    claims: Mapping[str, object]
    digest: bytes
    jti_digest: bytes
    expires_at: int


async def verify_request(
    token: str, client: Client, keys: ClientKeys, *, issuer: str, now: int
) -> SignedRequest:
    """The request of a proven client.

    Raises:
        InvalidRequest: whatever is wrong with it (CIBA Core §13 knows no other code for it).
    """
    try:
        verified = await verified_by_keys(token, client, keys, _algorithms(client))
        if verified is not None:
            check_type(verified.header)
            _check(verified.claims, client, issuer, now)
            return _read(token, verified.claims, client)
    except InvalidRequestObject as error:
        raise InvalidRequest(f"request: {error.description}", detail=error.detail) from error
    except Untimely as error:
        raise InvalidRequest(f"request: {error}") from error
    raise InvalidRequest("request: this client has registered no keys that it could be verified with")


def _algorithms(client: Client) -> tuple[str, ...]:
    registered = client.backchannel_authentication_request_signing_alg
    return (registered,) if registered else client.security.client_algorithms


def _check(claims: Mapping[str, object], client: Client, issuer: str, now: int) -> None:
    for name in REQUIRED:
        if claims.get(name) is None:
            raise InvalidRequestObject(f"{name} is missing")
    check_parties(claims, client.client_id, issuer)
    check_times(claims, now=now)
    check_span(claims, now=now, longest=LONGEST_LIFETIME)


def _read(token: str, claims: dict[str, Any], client: Client) -> SignedRequest:
    jti = claims["jti"]
    if not isinstance(jti, str) or not 1 <= len(jti) <= LONGEST_JTI:
        raise InvalidRequestObject(
            f"jti must be a text of 1 to {LONGEST_JTI} characters, new in every request"
        )
    return SignedRequest(
        claims=claims,
        digest=hashlib.sha256(token.encode()).digest(),
        jti_digest=hashlib.sha256(f"backchannel request\0{client.client_id}\0{jti}".encode()).digest(),
        expires_at=math.ceil(claims["exp"]) + CLOCK_SKEW,
    )
