"""RFC 9449 §4.3, point by point: which proofs are taken, and how every other is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from idp.errors import InvalidDpopProof, InvalidGrant, InvalidRequest, UseDpopNonce
from idp.oidc import dpop
from idp.oidc.dpop import (
    NONCE_SPAN,
    WINDOW,
    Nonces,
    Proof,
    bound_key,
    check_bound_key,
    target,
    verify_proof,
)
from keys.keyring import Keyring
from tests.support.dpop import DpopKey, PrivateKey, encoded, token_hash
from tests.support.jwt_attacks import (
    FOREIGN_KEYS,
    KEYED,
    OTHER_ALGORITHMS,
    SHAPES,
    SIGNATURES,
    UNDERSTOOD,
    UNSECURED,
    Attack,
    Genuine,
    raw_signature,
)
from tests.support.persons import NOW, secrets_only

ADDRESS: Final = "https://sso.example.gov.vn/token"
ALIAS: Final = "https://mtls.sso.example.gov.vn/token"
TOKEN: Final = "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl"
KEY: Final = DpopKey.fresh()
AIM: Final = target("POST", (ADDRESS, ALIAS))
NO_ATTACKS: Final = {"kid with a NUL", "kid with a blank", "kid in other letters"}
EMBEDDED: Final = {
    name: attack
    for name, attack in FOREIGN_KEYS.items()
    if not name.startswith("jwk in") and name not in NO_ATTACKS
}
"""Of attacks by other keys those that are wrong here too: a proof is by the key in its header, whatever its name."""


@pytest.fixture(scope="module")
def keyring() -> Keyring:
    """The keys of a provider."""
    return secrets_only()


def _proof(key: DpopKey = KEY, **changes: Any) -> str:
    return key.proof("POST", ADDRESS, NOW, **changes)


def _verified(text: str, keyring: Keyring, *, now: int = NOW, token: str | None = None) -> Proof:
    return verify_proof(text, AIM, Nonces(keyring, now), access_token=token)


GOOD: Final[Mapping[str, Mapping[str, Any]]] = {
    "as it is": {},
    "ten seconds old": {"iat": NOW - 10},
    "ten seconds ahead": {"iat": NOW + 10},
    "as old as it may be": {"iat": NOW - WINDOW},
    "as far ahead as it may be": {"iat": NOW + WINDOW},
    "iat with a fraction": {"iat": NOW - 0.5},
    "exp has passed": {"exp": NOW - 3_600},
    "nbf is ahead": {"nbf": NOW + 3_600},
    "exp and nbf are no times": {"nbf": "soon", "exp": "later"},
    "more claims": {"iss": "anybody", "aud": "https://elsewhere.example", "x": {"y": [1]}},
    "ath without a token": {"ath": "anything"},
    "htu by another address of ours": {"htu": ALIAS},
    "htu with a query": {"htu": f"{ADDRESS}?a=b&c=https://x.example/"},
    "htu with a fragment": {"htu": f"{ADDRESS}#part"},
    "htu with both": {"htu": f"{ADDRESS}?a=b#part"},
    "htu in capitals": {"htu": "HTTPS://SSO.EXAMPLE.GOV.VN/token"},
    "htu with the port": {"htu": "https://sso.example.gov.vn:443/token"},
    "htu with an empty port": {"htu": "https://sso.example.gov.vn:/token"},
    "htu with dots": {"htu": "https://sso.example.gov.vn/a/../b/./../token"},
    "htu with escapes": {"htu": "https://sso.example.gov.vn/%74%6Fken"},
    "the longest jti": {"jti": "j" * 255},
    "a jti of other letters": {"jti": "mã số một"},
}


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD.keys())
def test_what_is_taken(changes: Mapping[str, Any], keyring: Keyring) -> None:
    proof = _verified(_proof(**changes), keyring)
    assert proof.jkt == KEY.jkt
    assert NOW <= proof.expires_at <= NOW + 2 * WINDOW


BAD: Final[Mapping[str, tuple[Mapping[str, Any], str]]] = {
    "no jti": ({"jti": None}, "jti"),
    "an empty jti": ({"jti": ""}, "jti"),
    "a jti that is a number": ({"jti": 7}, "jti"),
    "a jti too long to keep": ({"jti": "j" * 256}, "jti"),
    "no htm": ({"htm": None}, "htm"),
    "another method": ({"htm": "PUT"}, "htm"),
    "the method in small letters": ({"htm": "post"}, "htm"),
    "methods in a list": ({"htm": ["POST"]}, "htm"),
    "no htu": ({"htu": None}, "htu"),
    "another endpoint": ({"htu": "https://sso.example.gov.vn/userinfo"}, "htu"),
    "another path": ({"htu": f"{ADDRESS}/"}, "htu"),
    "another host": ({"htu": "https://sso.example.com/token"}, "htu"),
    "another scheme": ({"htu": "http://sso.example.gov.vn/token"}, "htu"),
    "another port": ({"htu": "https://sso.example.gov.vn:8443/token"}, "htu"),
    "a port that is none": ({"htu": "https://sso.example.gov.vn:port/token"}, "htu"),
    "the path in capitals": ({"htu": "https://sso.example.gov.vn/TOKEN"}, "htu"),
    "no scheme": ({"htu": "sso.example.gov.vn/token"}, "htu"),
    "a path only": ({"htu": "/token"}, "htu"),
    "a name in the address": ({"htu": "https://sso.example.gov.vn@evil.example/token"}, "htu"),
    "an empty name in the address": ({"htu": "https://@sso.example.gov.vn/token"}, "htu"),
    "a line break in the address": ({"htu": "https://sso.example.gov.vn/to\nken"}, "htu"),
    "letters that look alike": ({"htu": "https://sso.exаmple.gov.vn/token"}, "htu"),
    "half a bracket": ({"htu": "https://[::1/token"}, "htu"),
    "an endless address": ({"htu": f"{ADDRESS}?{'a' * 2_048}"}, "htu"),
    "no iat": ({"iat": None}, "iat"),
    "an hour old": ({"iat": NOW - 3_600}, "iat"),
    "an hour ahead": ({"iat": NOW + 3_600}, "iat"),
    "a second too old": ({"iat": NOW - WINDOW - 1}, "iat"),
    "a second too far ahead": ({"iat": NOW + WINDOW + 1}, "iat"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "named"), BAD.values(), ids=BAD.keys())
def test_what_is_refused(changes: Mapping[str, Any], named: str, keyring: Keyring) -> None:
    with pytest.raises(InvalidDpopProof, match=rf"\b{named}\b"):
        _verified(_proof(**changes), keyring)


@pytest.mark.parametrize("iat", ["now", True, None, [NOW], {"at": NOW}, 1e400])
def test_a_time_that_is_none(iat: object, keyring: Keyring) -> None:
    text = _genuine().signed(claims=json.dumps(_genuine().claims | {"iat": iat}))
    with pytest.raises(InvalidDpopProof):
        _verified(text, keyring)


HEADERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "no typ": {"typ": None},
    "typ of an access token": {"typ": "at+jwt"},
    "typ JWT": {"typ": "JWT"},
    "typ that goes on": {"typ": "dpop+jwt;v=1"},
    "no jwk": {"jwk": None},
    "jwk is text": {"jwk": json.dumps(KEY.jwk)},
    "jwk is empty": {"jwk": {}},
    "jwk is a set": {"jwk": {"keys": [KEY.jwk]}},
    "jwk of another key": {"jwk": DpopKey.fresh().jwk},
    "jwk with its private member": {"jwk": KEY.jwk | {"d": encoded(b"d" * 32)}},
    "jwk that is symmetric": {"jwk": {"kty": "oct", "k": encoded(b"k" * 32)}},
    "jwk off the curve": {"jwk": KEY.jwk | {"y": encoded(b"y" * 32)}},
    "jwk on another curve": {"jwk": KEY.jwk | {"crv": "P-384"}},
    "jwk for another algorithm": {"jwk": KEY.jwk | {"alg": "RS256"}},
    "jwk of RSA with 1024 bits": {"jwk": {"kty": "RSA", "n": encoded(b"\x81" * 128), "e": "AQAB"}},
    "jwk without a coordinate": {"jwk": {name: value for name, value in KEY.jwk.items() if name != "y"}},
}


@pytest.mark.parametrize("members", HEADERS.values(), ids=HEADERS.keys())
def test_headers_that_are_refused(members: Mapping[str, Any], keyring: Keyring) -> None:
    claims = jwt.decode(_proof(), options={"verify_signature": False})
    with pytest.raises(InvalidDpopProof):
        _verified(KEY.sign(claims, **members), keyring)


def _genuine() -> Genuine:
    assert isinstance(KEY.private_key, ec.EllipticCurvePrivateKey)
    key = KEY.private_key
    return Genuine(
        _proof(),
        lambda message: raw_signature(message, key),
        {**KEY.jwk, "kid": KEY.jkt},
        {"kid": "for-encryption"},
    )


ATTACKS: Final[Mapping[str, Attack]] = {
    name: attack
    for table in (UNSECURED, KEYED, OTHER_ALGORITHMS, SIGNATURES, UNDERSTOOD, SHAPES, EMBEDDED)
    for name, attack in table.items()
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_proof_that_passes_for_another_is_refused(attack: Attack, keyring: Keyring) -> None:
    with pytest.raises(InvalidDpopProof):
        _verified(attack(_named()), keyring)


def _named() -> Genuine:
    """With a `kid`, which attacks change and a proof does not need."""
    plain = _genuine()
    token = plain.signed(plain.header | {"kid": KEY.jkt})
    return Genuine(token, plain.sign, plain.jwk, plain.encryption_key)


def test_the_attacks_are_made_from_a_proof_that_is_good(keyring: Keyring) -> None:
    assert _verified(_named().token, keyring).jkt == KEY.jkt


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA"])
def test_every_algorithm_of_fapi_2(algorithm: str, keyring: Keyring) -> None:
    key = DpopKey(_KEYS[algorithm], algorithm)
    assert _verified(_proof(key), keyring).jkt == key.jkt


_KEYS: Final[Mapping[str, PrivateKey]] = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "PS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def test_rs256_is_not_taken(keyring: Keyring) -> None:
    with pytest.raises(InvalidDpopProof, match="ES256, PS256, EdDSA"):
        _verified(_proof(DpopKey(_KEYS["PS256"], "RS256")), keyring)


def test_the_thumbprint_of_the_specification(keyring: Keyring) -> None:
    """RFC 9449 figures 2 and 4, and the thumbprint that its figure 8 gives for this key."""
    text = (
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rs"
        "cEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2"
        "In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2V"
        "uIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37x"
        "RZT3Lg"
    )
    aim = target("POST", ("https://server.example.com/token",))
    proof = verify_proof(text, aim, Nonces(keyring, 1562262616))
    assert proof.jkt == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def test_two_proofs_in_one_header(keyring: Keyring) -> None:
    with pytest.raises(InvalidDpopProof):
        _verified(f"{_proof()}, {_proof()}", keyring)


@pytest.mark.parametrize("ath", [None, "", 7, token_hash("another"), TOKEN, token_hash(TOKEN) + "=", "mã"])
def test_a_proof_for_another_access_token(ath: object, keyring: Keyring) -> None:
    with pytest.raises(InvalidDpopProof, match="ath"):
        _verified(_proof(ath=ath), keyring, token=TOKEN)


def test_a_proof_for_this_access_token(keyring: Keyring) -> None:
    assert _verified(_proof(access_token=TOKEN), keyring, token=TOKEN).jkt == KEY.jkt


def test_a_proof_is_the_same_by_key_address_and_jti_only(keyring: Keyring) -> None:
    def digest(key: DpopKey = KEY, **changes: Any) -> bytes:
        return _verified(_proof(key, **{"jti": "one", **changes}), keyring).jti_digest

    same = {digest(), digest(iat=NOW - 5), digest(htu=f"{ADDRESS}?again"), digest(more="claims")}
    others = {digest(jti="two"), digest(htu=ALIAS), digest(DpopKey.fresh())}
    assert len(same) == 1
    assert len(same | others) == 4


def test_a_proof_is_remembered_for_as_long_as_it_would_be_taken(keyring: Keyring) -> None:
    for iat in (NOW - WINDOW, NOW, NOW + WINDOW, NOW - 0.5):
        text = _proof(iat=iat)
        ends = _verified(text, keyring).expires_at
        with pytest.raises(InvalidDpopProof):
            _verified(text, keyring, now=ends + 1)


def _checked(keyring: Keyring, nonce: object, *, now: int = NOW, required: bool = True) -> Proof:
    text = KEY.proof("POST", ADDRESS, now, nonce=nonce)  # type: ignore[arg-type]
    return verify_proof(text, AIM, Nonces(keyring, now, required))


def test_a_nonce_is_good_in_its_span_and_the_next(keyring: Keyring) -> None:
    begin = NOW - NOW % NONCE_SPAN
    nonce = Nonces(keyring, begin).fresh
    for now in (begin, begin + NONCE_SPAN - 1, begin + NONCE_SPAN, begin + 2 * NONCE_SPAN - 1):
        assert _checked(keyring, nonce, now=now).jkt == KEY.jkt
    with pytest.raises(UseDpopNonce, match="not good any more"):
        _checked(keyring, nonce, now=begin + 2 * NONCE_SPAN)


def test_a_nonce_of_a_worker_whose_clock_is_ahead_is_good(keyring: Keyring) -> None:
    begin = NOW - NOW % NONCE_SPAN
    nonce = Nonces(keyring, begin).fresh
    assert _checked(keyring, nonce, now=begin - 1).jkt == KEY.jkt
    with pytest.raises(UseDpopNonce):
        _checked(keyring, nonce, now=begin - NONCE_SPAN - 1)


@pytest.mark.parametrize("nonce", ["", "mã", "A" * 22, 7, ["x"], {"nonce": "x"}, True])
def test_a_nonce_that_is_not_ours(nonce: object, keyring: Keyring) -> None:
    for required in (True, False):
        with pytest.raises(UseDpopNonce):
            _checked(keyring, nonce, required=required)


def test_a_nonce_may_be_left_out_where_none_is_required(keyring: Keyring) -> None:
    assert _checked(keyring, None, required=False).jkt == KEY.jkt
    with pytest.raises(UseDpopNonce, match="needs the nonce"):
        _checked(keyring, None)


def test_a_nonce_is_asked_for_only_of_a_proof_that_lacks_nothing_else(keyring: Keyring) -> None:
    for changes in ({"iat": NOW - 3_600}, {"htm": "GET"}, {"jti": ""}):
        with pytest.raises(InvalidDpopProof):
            verify_proof(_proof(**changes), AIM, Nonces(keyring, NOW, required=True))


def test_a_nonce_can_stand_in_a_header_and_tells_nothing(keyring: Keyring) -> None:
    nonces = {Nonces(keyring, NOW + NONCE_SPAN * span).fresh for span in range(100)}
    assert len(nonces) == 100
    assert all(len(nonce) == 22 and nonce.isascii() for nonce in nonces)


@pytest.mark.parametrize(
    ("address", "spelled"),
    [
        ("https://h.example", "https://h.example/"),
        ("http://h.example:80/a", "http://h.example/a"),
        ("http://h.example:443/a", "http://h.example:443/a"),
        ("http://[::1]:9000/a", "http://[::1]:9000/a"),
        ("https://h.example/a/.", "https://h.example/a/"),
        ("https://h.example/a/..", "https://h.example/"),
        ("https://h.example/../../a", "https://h.example/a"),
        ("https://h.example//a", "https://h.example//a"),
        ("https://h.example/%7ea%2fb%C3%a1", "https://h.example/~a%2Fb%C3%A1"),
        ("https://h.example/%2e%2e/a", "https://h.example/a"),
    ],
)
def test_addresses_have_one_spelling(address: str, spelled: str) -> None:
    assert dpop.normalised(address) == spelled
    assert dpop.normalised(spelled) == spelled


def test_the_key_of_a_code_is_named_or_proven(keyring: Keyring) -> None:
    proof = _verified(_proof(), keyring)
    assert bound_key("", None) == ""
    assert bound_key(KEY.jkt, None) == bound_key("", proof) == bound_key(KEY.jkt, proof) == KEY.jkt
    with pytest.raises(InvalidDpopProof, match="dpop_jkt"):
        bound_key(DpopKey.fresh().jkt, proof)


@pytest.mark.parametrize(
    "named",
    ["jkt", KEY.jkt + "=", KEY.jkt[:-1], KEY.jkt + "A", KEY.jkt[:-1] + "+", "mã"],
    ids=["a word", "padded", "short", "long", "not base64url", "not ASCII"],
)
def test_a_key_that_is_named_by_no_thumbprint(named: str) -> None:
    with pytest.raises(InvalidRequest, match="dpop_jkt"):
        bound_key(named, None)


def test_what_is_bound_needs_its_key(keyring: Keyring) -> None:
    proof = _verified(_proof(), keyring)
    check_bound_key("", None, "code")
    check_bound_key("", proof, "code")
    check_bound_key(KEY.jkt, proof, "code")
    with pytest.raises(InvalidDpopProof, match="the code is bound"):
        check_bound_key(KEY.jkt, None, "code")
    with pytest.raises(InvalidGrant, match="another key"):
        check_bound_key(DpopKey.fresh().jkt, proof, "code")
