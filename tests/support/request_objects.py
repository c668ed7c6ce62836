"""Request objects as portals make them: PyJWT signs, jwcrypto encrypts; neither shares code with what reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwcrypto import jwe
from jwcrypto.jwk import JWK

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
KID: Final = "ky-1"


def private_key(alg: str = "ES256") -> PrivateKey:
    """The portal's key of one kind, the same at every call."""
    return _made_key(alg)


@cache
def _made_key(alg: str) -> PrivateKey:
    if alg in {"RS256", "PS256"}:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ed25519.Ed25519PrivateKey.generate() if alg == "EdDSA" else ec.generate_private_key(ec.SECP256R1())


def public_jwk(alg: str = "ES256", **members: Any) -> dict[str, Any]:
    """The public half as the portal registers it."""
    key = private_key(alg).public_key()
    members = {"kid": KID, "use": "sig", **members}
    return {**jwt.get_algorithm_by_name(alg).to_jwk(key, as_dict=True), **members}


def public_pem(alg: str = "ES256") -> bytes:
    """The public half in the form that careless verifiers take for a secret."""
    return private_key(alg).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def signed(claims: Mapping[str, Any], alg: str = "ES256", *, key: Any = None, **header: Any) -> str:
    """A signed request object; `header` members go over the usual ones, None takes one away."""
    members = {"kid": KID, "typ": "oauth-authz-req+jwt"} | header
    kept = {name: value for name, value in members.items() if value is not None}
    kept |= {"typ": None} if members["typ"] is None else {}
    return jwt.encode(dict(claims), private_key(alg) if key is None else key, alg, headers=kept)


def unsigned(claims: Mapping[str, Any], **header: Any) -> str:
    """An unsecured JWT."""
    return jwt.encode(dict(claims), "", "none", headers=header)


def enclosed(content: str, jwk: Mapping[str, Any], enc: str = "A256GCM", **header: Any) -> str:
    """A compact JWE for the owner of a published key."""
    public = {name: value for name, value in jwk.items() if name != "alg"}
    members = {"alg": jwk["alg"], "enc": enc, "kid": jwk["kid"], "cty": "JWT", **header}
    token = jwe.JWE(content.encode(), json.dumps(members), algs=[members["alg"], enc])
    token.add_recipient(JWK.from_json(json.dumps(public)))
    return str(token.serialize(compact=True))
