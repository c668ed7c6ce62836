"""Signed authorization responses (JARM), opened as a careful portal does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jwcrypto import jwe
from jwcrypto.jwk import JWK

from tests.support.browsing import Visit
from tests.support.portals import Portal


def encryption_key(alg: str) -> JWK:
    """A fresh key of a client's, named `for-me`, that its answers are encrypted for."""
    kind: dict[str, Any] = (
        {"kty": "RSA", "size": 2048} if alg.startswith("RSA") else {"kty": "EC", "crv": "P-256"}
    )
    return JWK.generate(**kind, kid="for-me", use="enc", alg=alg)


def decrypted(token: str, key: JWK) -> tuple[dict[str, Any], str]:
    """Header and content of a JWE."""
    sealed = jwe.JWE()
    sealed.deserialize(token, key)
    return dict(sealed.jose_header), bytes(sealed.payload).decode()


async def claims_of(portal: Portal, visit: Visit, key: JWK | None = None) -> Mapping[str, Any]:
    """The verified claims of the one parameter that came (JARM §2.4); `key` opens it, where it is encrypted."""
    assert set(visit.given) == {"response"}
    token = visit.given["response"]
    claims = await portal.verify(token if key is None else decrypted(token, key)[1])
    assert claims["aud"] == portal.client_id
    assert 10 <= claims["exp"] - int(portal.clock()) <= 600
    return claims


async def unwrapped(portal: Portal, visit: Visit, key: JWK | None = None) -> Visit:
    """The same visit, as if the answer had come plainly."""
    claims = await claims_of(portal, visit, key)
    told = {name: str(value) for name, value in claims.items() if name not in {"aud", "exp", "iat"}}
    return replace(visit, answer=told)
