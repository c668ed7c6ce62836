"""RFC 8725: JWTs that confuse who verifies them, sent as request objects."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from idp.errors import InvalidRequestObject, RequestNotSupported
from idp.oidc.jwt_times import CLOCK_SKEW
from keys.encryption import DecryptionKey
from tests.support.oidc_rules import ISSUER, NOW
from tests.support.request_object_rules import (
    GOOD,
    MUST_SIGN,
    SIGNS,
    UNSIGNED,
    URI,
    for_us,
    portal,
    refusal,
)
from tests.support.request_objects import KID, enclosed, private_key, public_jwk, public_pem, signed, unsigned


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _header(token: str, **members: object) -> str:
    """A token whose header says something else than what was signed."""
    head, rest = token.split(".", 1)
    header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    return f"{_segment(header | members)}.{rest}"


def _with_claims(token: str, claims: dict[str, Any]) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{_segment(claims)}.{signature}"


def _with_secret(claims: dict[str, Any], secret: bytes) -> str:
    """HS256 with a public key as the secret (RFC 8725 §2.1): PyJWT would refuse to make it."""
    head = _segment({"alg": "HS256", "kid": KID, "typ": "oauth-authz-req+jwt"})
    message = f"{head}.{_segment(claims)}"
    signature = hmac.digest(secret, message.encode(), hashlib.sha256)
    return f"{message}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _raw(content: object) -> str:
    """Signed whatever it is: PyJWT would not sign it."""
    pem = private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    token = JWS(content if isinstance(content, str) else json.dumps(content))
    token.add_signature(JWK.from_pem(pem), None, json.dumps({"alg": "ES256", "kid": KID}))
    return str(token.serialize(compact=True))


_STRANGER: Final = private_key("EdDSA")
_OWN_JWK: Final = {name: value for name, value in public_jwk("EdDSA").items() if name != "use"}

CONFUSED: Final[dict[str, Callable[[], str]]] = {
    "none with an empty signature in the middle": lambda: unsigned(GOOD)[:-1] + "..",
    "none with the signature of another": lambda: _header(signed(GOOD), alg="none"),
    "None in other letters": lambda: _header(unsigned(GOOD), alg="nOnE")[:-1] + ".AAAA",
    "HS256 with the public key as PEM": lambda: _with_secret(GOOD, public_pem()),
    "HS256 with the public key as JSON": lambda: _with_secret(GOOD, json.dumps(public_jwk()).encode()),
    "HS256 with an empty secret": lambda: _with_secret(GOOD, b""),
    "another's key under our kid": lambda: signed(GOOD, "EdDSA", key=_STRANGER),
    "another's key in the header": lambda: signed(GOOD, "EdDSA", key=_STRANGER, jwk=_OWN_JWK),
    "another's keys at jku": lambda: signed(GOOD, "EdDSA", key=_STRANGER, jku="https://evil.example/jwks"),
    "another's certificate at x5u": lambda: signed(GOOD, "EdDSA", key=_STRANGER, x5u="https://evil.example/c"),
    "another's certificate": lambda: signed(GOOD, "EdDSA", key=_STRANGER, x5c=["MIIB"]),
    "kid of a file": lambda: signed(GOOD, kid="../../../../dev/null"),
    "kid of a query": lambda: signed(GOOD, kid="' OR 1=1 --"),
    "kid of an address": lambda: signed(GOOD, kid="https://evil.example/key"),
    "kid is a list": lambda: _header(signed(GOOD), kid=[KID]),
    "crit": lambda: signed(GOOD, crit=["exp"], exp=1),
    "b64": lambda: _header(signed(GOOD), b64=False),
    "another algorithm of the same key": lambda: _header(signed(GOOD), alg="ES384"),
    "a signature cut off": lambda: signed(GOOD)[:-4],
    "claims changed": lambda: _with_claims(signed(GOOD), GOOD | {"scope": "openid pid"}),
    "encrypted and not signed": lambda: for_us(json.dumps(GOOD)),
    "encrypted twice": lambda: for_us(for_us(signed(GOOD))),
    "signed around a signed one": lambda: signed({"request": signed(GOOD)}),
    "signed around an encrypted one": lambda: signed({"request": for_us(signed(GOOD))}),
    "encrypted for nobody here": lambda: enclosed(signed(GOOD), DecryptionKey.generate("ECDH-ES").public_jwk()),
    "encrypted by an algorithm not ours": lambda: _header(for_us(signed(GOOD)), alg="dir"),
    "encrypted and compressed": lambda: _header(for_us(signed(GOOD)), zip="DEF"),
    "encrypted and not text": lambda: for_us("đ.đ.đ"),
    "a deep one": lambda: _raw('{"a":' * 1800 + "{}" + "}" * 1800),
    "a name twice": lambda: _raw('{"state":"a","state":"b"}'),
    "not JSON": lambda: _raw("state=a"),
    "not a token": lambda: "request",
    "a list": lambda: _raw([GOOD]),
    "white space within": lambda: signed(GOOD).replace(".", ". ", 1),
    "an ID token": lambda: signed(GOOD, typ="at+jwt"),
    "a proof of possession": lambda: signed(GOOD, typ="dpop+jwt"),
    "a typ that is a number": lambda: _header(signed(GOOD), typ=7),
    "a client assertion": lambda: signed(GOOD | {"sub": "portal", "jti": "j"}, typ="JWT"),
    "of another issuer": lambda: signed(GOOD | {"iss": "province"}),
    "of a list of issuers": lambda: _raw(GOOD | {"iss": ["portal"]}),
    "for another provider": lambda: signed(GOOD | {"aud": "https://other.example"}),
    "for our token endpoint": lambda: signed(GOOD | {"aud": f"{ISSUER}/token"}),
    "for nobody": lambda: signed(GOOD | {"aud": []}),
    "for something like us": lambda: signed(GOOD | {"aud": f"{ISSUER}/"}),
    "expired": lambda: signed(GOOD | {"exp": NOW - CLOCK_SKEW}),
    "expiring at no time": lambda: _raw(GOOD | {"exp": "tomorrow"}),
    "expiring true": lambda: signed(GOOD | {"exp": True}),
    "not good yet": lambda: signed(GOOD | {"nbf": NOW + CLOCK_SKEW + 1}),
    "made in the future": lambda: signed(GOOD | {"iat": NOW + CLOCK_SKEW + 1}),
    "of another client": lambda: signed(GOOD | {"client_id": "province"}),
    "of another response type": lambda: signed(GOOD | {"response_type": "token"}),
    "a request within": lambda: signed(GOOD | {"request": unsigned({})}),
    "a reference within": lambda: signed(GOOD | {"request_uri": URI}),
    "an empty reference within": lambda: signed(GOOD | {"request_uri": ""}),
    "a scope that is a list": lambda: signed(GOOD | {"scope": ["openid"]}),
    "a state that is a number": lambda: signed(GOOD | {"state": 7}),
    "a nonce that is null": lambda: signed(GOOD | {"nonce": None}),
    "a max_age that is true": lambda: signed(GOOD | {"max_age": True}),
    "a max_age with a fraction": lambda: signed(GOOD | {"max_age": 1.5}),
    "claims that are a list": lambda: signed(GOOD | {"claims": ["sub"]}),
}  # fmt: skip


@pytest.mark.parametrize("attack", CONFUSED.values(), ids=CONFUSED.keys())
async def test_what_confuses_is_refused(attack: Callable[[], str]) -> None:
    token = attack()
    both = portal("ES256", "EdDSA", request_object_signing_alg=None)
    for by in (SIGNS, both, MUST_SIGN, UNSIGNED):
        error = await refusal(by, token)
        assert isinstance(error, InvalidRequestObject | RequestNotSupported), error
        assert not isinstance(error, RequestNotSupported) or token.endswith(".")
