"""Request objects read as the endpoint reads them, without it: clients, our keys for encryption, and refusals."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import orjson
import pytest

from idp.errors import OAuthError
from idp.oidc.authorization_request import read_parameters
from idp.oidc.client import Client
from idp.oidc.client_keys import ClientKeys
from idp.oidc.parameters import Parameters
from idp.oidc.request_object.unfolding import Means, unfold
from keys import policy
from keys.encryption import DecryptionKey
from keys.keyring import Keyring
from keys.policy import Purpose, State
from keys.seal import KeyEncryptionKey
from keys.store import StoredKey
from tests.support.installation import bare_keyring
from tests.support.oidc_rules import ISSUER, NOW, client, pairs
from tests.support.remote import Web
from tests.support.request_objects import KID, enclosed, public_jwk

URI: Final = "https://portal.example.gov.vn/request.jwt"
JWKS_URI: Final = "https://portal.example.gov.vn/jwks"
GOOD: Final[dict[str, Any]] = {"iss": "portal", "aud": ISSUER, "exp": NOW + 300, "nbf": NOW, "iat": NOW}


def portal(*kinds: str, **changes: Any) -> Client:
    """A client with keys of some kinds."""
    keys = [public_jwk(alg, kid=KID if alg == "ES256" else alg) for alg in kinds or ("ES256",)]
    return client(**{"jwks": {"keys": keys}, **changes})


SIGNS: Final = portal()
MUST_SIGN: Final = portal(require_signed_request_object=True)
UNSIGNED: Final = client(request_object_signing_alg="none")


@cache
def our_keys() -> tuple[Keyring, dict[str, dict[str, str]]]:
    """Our keys for encryption, and their public halves by algorithm."""
    kek, kept, public = KeyEncryptionKey.of(bytes(32)), [], {}
    for alg in policy.ENCRYPTION_KEYS[Purpose.ENCRYPTION]:
        key = DecryptionKey.generate(alg)
        public[alg] = key.public_jwk()
        sealed = kek.seal(key.to_pkcs8(), purpose=Purpose.ENCRYPTION.value, name=key.kid)
        jwk = orjson.dumps(key.public_jwk()).decode()
        kept.append(
            StoredKey(key.kid, Purpose.ENCRYPTION, alg, State.ACTIVE, jwk, sealed, NOW, published_at=NOW)
        )
    return bare_keyring(kept, [], kek, NOW), public


def for_us(content: str, alg: str = "ECDH-ES", enc: str = "A256GCM", **header: Any) -> str:
    """Encrypted for this provider."""
    return enclosed(content, our_keys()[1][alg], enc, **header)


async def read(
    by: Client, *without: str, web: Web | None = None, now: int = NOW, **parameters: str
) -> Parameters:
    """The parameters that count in a request of a client."""
    found = web or Web()
    means = Means(our_keys()[0], ClientKeys(found.fetch, lambda: now), found.fetch, ISSUER, now)
    return await unfold(read_parameters(pairs(*without, **parameters)), by, means)


async def refusal(by: Client, token: str, *without: str, now: int = NOW) -> OAuthError:
    """How an object is refused."""
    with pytest.raises(OAuthError) as refused:
        await read(by, *without, request=token, now=now)
    return refused.value
