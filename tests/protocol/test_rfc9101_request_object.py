"""RFC 9101 and OpenID Connect Core §6: which request objects are believed, and which parameters count then."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import orjson
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from idp.errors import (
    InvalidRequest,
    InvalidRequestObject,
    InvalidRequestUri,
    OAuthError,
    PageError,
    RequestNotSupported,
    RequestUriNotSupported,
)
from idp.oidc.authorization_request import read_authorization_request, read_parameters
from idp.oidc.client import Client
from idp.oidc.client_keys import ClientKeys
from idp.oidc.parameters import Parameters
from idp.oidc.redirect_uri import prove_target
from idp.oidc.request_object import Means, unfold
from idp.oidc.request_object_claims import CLOCK_SKEW, LONGEST_LIFETIME
from keys import policy
from keys.encryption import DecryptionKey
from keys.keyring import Keyring
from keys.policy import Purpose, State
from keys.seal import KeyEncryptionKey
from keys.store import StoredKey
from tests.support.installation import bare_keyring
from tests.support.oidc_rules import ISSUER, NOW, PARAMETERS, client, pairs
from tests.support.remote import Web
from tests.support.request_objects import KID, enclosed, private_key, public_jwk, public_pem, signed, unsigned

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


async def test_without_one_nothing_changes() -> None:
    assert dict(await read(SIGNS)) == PARAMETERS


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
async def test_a_signed_object_of_each_algorithm(alg: str) -> None:
    token = signed(GOOD | {"nonce": "inside"}, alg)
    by = client(jwks={"keys": [public_jwk(alg)]})
    for registered in (by, client(jwks={"keys": [public_jwk(alg)]}, request_object_signing_alg=alg)):
        assert dict(await read(registered, request=token)) == PARAMETERS | {"nonce": "inside"}


@pytest.mark.parametrize(
    "typ", [None, "JWT", "jwt", "oauth-authz-req+jwt", "application/oauth-authz-req+jwt"]
)
async def test_the_types_that_clients_send(typ: str | None) -> None:
    assert (await read(SIGNS, request=signed({"state": "inside"}, typ=typ)))["state"] == "inside"


@pytest.mark.parametrize("alg", ["ECDH-ES", "RSA-OAEP-256"])
@pytest.mark.parametrize("enc", policy.CONTENT_ENCRYPTION)
async def test_an_encrypted_object_holds_a_signed_one(alg: str, enc: str) -> None:
    token = for_us(signed(GOOD | {"nonce": "inside"}), alg, enc)
    as_it_says = portal(request_object_encryption_alg=alg, request_object_encryption_enc=enc)
    for by in (SIGNS, MUST_SIGN, as_it_says):
        inside = GOOD | PARAMETERS | {"nonce": "inside"}
        assert (await read(by, request=for_us(signed(inside), alg, enc)))["nonce"] == "inside"
    assert (await read(SIGNS, request=token))["nonce"] == "inside"
    assert (await read(UNSIGNED, request=for_us(unsigned({"nonce": "n"}), alg, enc)))["nonce"] == "n"


async def test_an_unsigned_object_of_who_registered_so() -> None:
    assert dict(await read(UNSIGNED, request=unsigned({"state": "inside"}))) == PARAMETERS | {
        "state": "inside"
    }
    assert isinstance(await refusal(UNSIGNED, signed(GOOD)), InvalidRequestObject)


async def test_an_object_by_reference() -> None:
    web = Web()
    web.put(URI, f"{signed(GOOD | {'state': 'there'})}\n".encode(), media_type="application/jwt")
    by = portal(request_uris=[URI])
    assert dict(await read(by, web=web, request_uri=URI)) == PARAMETERS | {"state": "there"}
    with pytest.raises(InvalidRequestUri):
        await read(by, web=web, request_uri=f"{URI}x")
    with pytest.raises(RequestUriNotSupported):
        await read(SIGNS, web=web, request_uri=URI)
    web.put(URI, unsigned(GOOD).encode(), media_type="application/jwt")
    with pytest.raises(RequestUriNotSupported):
        await read(by, web=web, request_uri=URI)
    assert web.asked == [URI, URI]


async def test_keys_are_fetched_where_they_are_registered_by_reference() -> None:
    web, by = Web(), client(jwks_uri=JWKS_URI)
    with pytest.raises(InvalidRequestObject, match="jwks_uri"):
        await read(by, web=web, request=signed(GOOD))
    web.put_json(JWKS_URI, {"keys": [public_jwk()]})
    assert await read(by, web=web, request=signed(GOOD))
    with pytest.raises(InvalidRequestObject, match="signature"):
        await read(by, web=web, request=signed(GOOD, kid="another"))


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


async def test_claims_are_looked_at_in_unsigned_ones_too() -> None:
    for claims in (
        {"iss": "province"},
        {"aud": "x"},
        {"exp": NOW - 60},
        {"request_uri": URI},
        {"client_id": "x"},
    ):
        assert isinstance(await refusal(UNSIGNED, unsigned(claims)), InvalidRequestObject)


async def test_who_registered_one_algorithm_uses_no_other() -> None:
    by = portal("ES256", "RS256", request_object_signing_alg="RS256")
    assert await read(by, request=signed(GOOD, "RS256", kid="RS256"))
    assert isinstance(await refusal(by, signed(GOOD)), InvalidRequestObject)
    encrypts = portal(request_object_encryption_alg="RSA-OAEP-256")
    assert "as registered: alg" in (await refusal(encrypts, for_us(signed(GOOD)))).description
    exactly = portal(request_object_encryption_alg="ECDH-ES", request_object_encryption_enc="A128CBC-HS256")
    assert "as registered: enc" in (await refusal(exactly, for_us(signed(GOOD)))).description
    assert await read(exactly, request=signed(GOOD)), "encryption is never a must (Registration section 2)"


async def test_who_is_registered_for_nothing_of_the_kind_is_told_so() -> None:
    keyless = client()
    assert isinstance(await refusal(keyless, signed(GOOD)), RequestNotSupported)
    assert isinstance(await refusal(keyless, unsigned(GOOD)), RequestNotSupported)
    assert isinstance(await refusal(SIGNS, unsigned(GOOD)), RequestNotSupported)
    assert isinstance(await refusal(SIGNS, for_us(unsigned(GOOD))), RequestNotSupported)


async def test_it_comes_once_and_in_one_way() -> None:
    with pytest.raises(InvalidRequest, match="together"):
        await read(portal(request_uris=[URI]), request=signed(GOOD), request_uri=URI)
    twice = read_parameters([*pairs(request=signed(GOOD)), ("request", signed(GOOD))])
    means = Means(our_keys()[0], ClientKeys(Web().fetch), Web().fetch, ISSUER, NOW)
    with pytest.raises(InvalidRequest, match="twice"):
        await unfold(twice, SIGNS, means)


async def test_an_object_is_long_but_no_giant() -> None:
    assert await read(SIGNS, request=signed(GOOD | {"x": "x" * 11_000}))
    with pytest.raises(InvalidRequest, match="too long"):
        await read(SIGNS, request=signed(GOOD | {"x": "x" * 13_000}))
    web = Web()
    web.put(URI, signed(GOOD | {"x": "x" * 13_000}).encode())
    with pytest.raises(InvalidRequestUri):
        await read(portal(request_uris=[URI]), web=web, request_uri=URI)


async def test_clocks_may_differ_a_little() -> None:
    late = {"exp": NOW - CLOCK_SKEW + 1, "nbf": NOW + CLOCK_SKEW, "iat": NOW + CLOCK_SKEW}
    assert await read(SIGNS, request=signed(GOOD | late))
    assert await read(SIGNS, request=signed(GOOD | {"exp": NOW + 10**8})), (
        "an object may lie at a request_uri"
    )
    assert await read(SIGNS, request=signed({})), "nothing is required of it"
    assert await read(SIGNS, request=signed(GOOD | {"aud": ["https://other.example", ISSUER]}))


class TestWhoMustSign:
    """`require_signed_request_object` (RFC 9101 §10.5): only what is in the object counts (§6.3)."""

    INSIDE: Final[dict[str, Any]] = GOOD | PARAMETERS

    async def test_nothing_outside_counts(self) -> None:
        inside = {name: value for name, value in self.INSIDE.items() if name not in {"nonce", "state"}}
        found = await read(MUST_SIGN, request=signed(inside), prompt="none", max_age="0")
        assert dict(found) == {name: inside[name] for name in inside if name in PARAMETERS}

    async def test_the_client_alone_has_to_stand_outside(self) -> None:
        outside = [name for name in PARAMETERS if name != "client_id"]
        assert dict(await read(MUST_SIGN, *outside, request=signed(self.INSIDE))) == PARAMETERS

    async def test_every_request_is_signed(self) -> None:
        with pytest.raises(InvalidRequest, match="signed request object"):
            await read(MUST_SIGN)
        assert isinstance(await refusal(MUST_SIGN, unsigned(self.INSIDE)), RequestNotSupported)

    @pytest.mark.parametrize("name", ["iss", "aud", "exp", "client_id"])
    async def test_it_says_by_whom_for_whom_and_until_when(self, name: str) -> None:
        inside = {key: value for key, value in self.INSIDE.items() if key != name}
        assert (
            await refusal(MUST_SIGN, signed(inside))
        ).description == f"{name} is missing in the request object"

    async def test_it_is_good_for_an_hour_at_most(self) -> None:
        longest = NOW + LONGEST_LIFETIME + CLOCK_SKEW
        assert await read(MUST_SIGN, request=signed(self.INSIDE | {"exp": longest}))
        error = await refusal(MUST_SIGN, signed(self.INSIDE | {"exp": longest + 1}))
        assert "ahead" in error.description

    async def test_a_fault_inside_is_one_and_outside_is_none(self) -> None:
        found = await read(MUST_SIGN, request=signed(self.INSIDE | {"nonce": "a\nb"}), login_hint="a\nb")
        assert found.faults.keys() == {"nonce"}


async def test_inside_comes_before_outside() -> None:
    """Core §6.1, §6.3.1."""
    inside = {"scope": "openid", "state": "", "max_age": 60, "prompt": "login", "unknown": {"x": 1}}
    found = await read(
        SIGNS, "code_challenge", request=signed(GOOD | inside), ui_locales="vi", max_age="3600"
    )
    expected = {**PARAMETERS, "scope": "openid", "max_age": "60", "prompt": "login", "ui_locales": "vi"}
    assert dict(found) == {
        name: expected[name] for name in expected if name not in {"state", "code_challenge"}
    }


async def test_faults_of_both_sides_stay_faults() -> None:
    token = signed(GOOD | {"nonce": "a\nb", "login_hint": "x" * 3000})
    found = await read(SIGNS, request=token, ui_locales="a\nb")
    assert found.faults.keys() == {"nonce", "login_hint", "ui_locales"}
    assert not found.keys() & found.faults.keys()
    with pytest.raises(PageError):
        await read(SIGNS, request=signed(GOOD | {"redirect_uri": "a\nb"}))


async def test_claims_and_resources_stand_inside_as_json() -> None:
    claims = {"userinfo": {"name": {"essential": True}}, "id_token": {"auth_time": None}}
    api = ["https://a.example", "https://b.example"]
    by = portal(audience=api)
    for inside in (claims, json.dumps(claims)):
        parameters = await read(by, request=signed(GOOD | {"claims": inside, "resource": api}))
        found = read_authorization_request(parameters, by, prove_target(by, parameters, ISSUER))
        assert found.claims.userinfo["name"].essential
        assert list(found.resources) == api


async def test_what_nobody_unfolded_is_refused() -> None:
    parameters = read_parameters(pairs(request=signed(GOOD)))
    with pytest.raises(RequestNotSupported):
        read_authorization_request(parameters, SIGNS, prove_target(SIGNS, parameters, ISSUER))
