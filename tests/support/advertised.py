"""What an installation with all kinds of keys advertises, so that tests can walk over every value of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import jwt

from idp.oidc.discovery import provider_metadata
from idp.settings import Settings
from keys import policy
from tests.support.installation import ISSUER
from tests.support.portals import Portal, Registered
from tests.support.provider import Provider
from tests.support.registering import SelfRegistered, registered
from tests.support.request_objects import private_key, public_jwk
from tests.support.suite import Suite

METADATA: Final[dict[str, Any]] = provider_metadata(Settings(issuer=ISSUER), policy.KEYS.__getitem__)

SIGNING: Final = (
    "none", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
    "ES256K", "EdDSA", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87",
)  # fmt: skip
KEY_MANAGEMENT: Final = (
    "RSA1_5", "RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-512", "A128KW", "A256KW", "dir", "ECDH-ES", "ECDH-ES+A128KW",
    "ECDH-ES+A256KW", "A256GCMKW", "PBES2-HS256+A128KW",
)  # fmt: skip
CONTENT: Final = ("A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM")
"""The IANA registry "JSON Web Signature and Encryption Algorithms", as far as anybody would ask for it."""


def advertised(name: str) -> Any:
    """The value of a member; whoever calls this, exercises it."""
    return METADATA[name]


def withheld(name: str, universe: Iterable[str]) -> list[str]:
    """What there is besides the values of a member."""
    return [value for value in universe if value not in advertised(name)]


def shared_key(alg: str) -> Any:
    """The client's private key for an algorithm; RFC 9864 has a second name for one of them."""
    return private_key("EdDSA" if alg == "Ed25519" else alg)


def published_key(alg: str, kid: str = "k1") -> dict[str, Any]:
    """The public half of it."""
    return {**public_jwk("EdDSA" if alg == "Ed25519" else alg, kid=kid), "alg": alg}


def signed_as(claims: bytes, alg: str, kid: str = "k1", **header: Any) -> str:
    """A JWS of any algorithm that a client may use; PyJWT knows Ed25519 by its old name only."""
    signer = jwt.PyJWS()
    if alg == "Ed25519":
        signer.register_algorithm("Ed25519", jwt.algorithms.OKPAlgorithm())
    return signer.encode(claims, shared_key(alg), alg, headers={"kid": kid, **header})


async def joined(provider: Provider, **metadata: Any) -> Suite:
    """A client of the sandbox with this metadata, at work."""
    client = await registered(provider, **metadata)
    return Suite(provider, "query", client.at_work())


def presenting(provider: Provider, client: SelfRegistered, method: str) -> Portal:
    """The client, proving itself by a method, whichever it registered."""
    told = {**client.told, "token_endpoint_auth_method": method}
    key: Any = private_key()
    one = Registered(client.client_id, told, client.told.get("client_secret", "x" * 43), key)
    return Portal(one, provider.http(), ISSUER, provider.clock)
