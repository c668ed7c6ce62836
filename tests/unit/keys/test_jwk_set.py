"""Foreign key sets: what is taken, what is passed over, what spoils the set."""

from __future__ import annotations

import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from keys import base64url
from keys.backends.software import SoftwareSigner
from keys.jose import InvalidJwkSet, read_jwk_set

EC = SoftwareSigner.generate("ES256").public_jwk()
RSA = SoftwareSigner.generate("PS256").public_jwk()
OKP = SoftwareSigner.generate("EdDSA").public_jwk()
P384 = {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA", "kid": "p384"}


def _rsa(bits: int, exponent: int = 65537) -> dict[str, str]:
    numbers = rsa.generate_private_key(exponent, bits).public_key().public_numbers()
    n = base64url.encode_text(numbers.n.to_bytes((bits + 7) // 8, "big"))
    e = base64url.encode_text(exponent.to_bytes((exponent.bit_length() + 7) // 8, "big"))
    return {"kty": "RSA", "n": n, "e": e, "kid": "rsa"}


def test_three_kinds_of_keys_are_taken() -> None:
    keys = read_jwk_set({"keys": [EC, RSA, OKP]}).keys
    assert [key.algorithms for key in keys] == [("ES256",), ("PS256",), ("EdDSA",)]
    assert [key.kid for key in keys] == [EC["kid"], RSA["kid"], OKP["kid"]]


def test_a_key_without_alg_verifies_what_its_type_can() -> None:
    unnamed = {name: value for name, value in RSA.items() if name != "alg"}
    assert set(read_jwk_set({"keys": [unnamed]}).keys[0].algorithms) == {"PS256", "RS256"}


@pytest.mark.parametrize(
    "foreign",
    [
        P384,
        {"kty": "XYZ", "kid": "x"},
        {"kid": "x"},
        {**EC, "kid": "e", "use": "enc"},
        {**EC, "kid": "e", "key_ops": ["deriveKey"]},
        {**RSA, "kid": "r", "alg": "RSA-OAEP"},
        {"kty": "OKP", "crv": "X25519", "x": OKP["x"], "kid": "o"},
    ],
)
def test_keys_for_other_ends_are_passed_over(foreign: dict[str, Any]) -> None:
    assert [key.kid for key in read_jwk_set({"keys": [foreign, EC]}).keys] == [EC["kid"]]
    with pytest.raises(InvalidJwkSet, match="no key for signatures"):
        read_jwk_set({"keys": [foreign]})


def _bare(jwk: dict[str, str], **more: object) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name not in {"alg", "use"}} | more


@pytest.mark.parametrize(
    ("jwk", "alg"),
    [
        (_bare(EC, use="enc"), "ECDH-ES"),
        (_bare(EC, alg="ECDH-ES"), "ECDH-ES"),
        (_bare(EC, use="enc", alg="ECDH-ES"), "ECDH-ES"),
        (_bare(EC, key_ops=["deriveBits"]), "ECDH-ES"),
        (_bare(RSA, use="enc"), "RSA-OAEP-256"),
        (_bare(RSA, key_ops=["wrapKey", "encrypt"]), "RSA-OAEP-256"),
    ],
)
def test_a_key_that_says_so_is_for_encryption(jwk: dict[str, Any], alg: str) -> None:
    read = read_jwk_set({"keys": [jwk]})
    found = read.find_recipient(alg)
    assert found is not None
    assert (found.kid, found.alg, found.jwk["kty"]) == (jwk["kid"], alg, jwk["kty"])
    assert read.keys == ()
    assert read.find_recipient("dir") is None


@pytest.mark.parametrize(
    "jwk",
    [
        _bare(EC),
        _bare(EC, use="sig", alg="ECDH-ES"),
        _bare(EC, use="enc", alg="ECDH-ES+A256KW"),
        _bare(EC, use="enc", key_ops=["verify"]),
        _bare(RSA, use="enc", alg="RSA1_5"),
        {**P384, "use": "enc"},
        {"kty": "OKP", "crv": "X25519", "x": OKP["x"], "kid": "o", "use": "enc"},
        {"kty": ["EC"], "use": "enc", "kid": "l"},
    ],
)
def test_nothing_is_encrypted_with_any_other(jwk: dict[str, Any]) -> None:
    other = SoftwareSigner.generate("ES256").public_jwk()
    assert read_jwk_set({"keys": [other, jwk]}).encryption_keys == ()


def test_one_name_may_stand_for_a_key_of_each_use_and_the_newest_comes_first() -> None:
    newest, older = ({**SoftwareSigner.generate("ES256").public_jwk(), "kid": kid} for kid in ("2", "1"))
    encryption = [_bare(newest, use="enc"), _bare(older, use="enc")]
    found = read_jwk_set({"keys": [{**EC, "kid": "1"}, *encryption]}).find_recipient("ECDH-ES")
    assert found is not None
    assert found.kid == "2"


@pytest.mark.parametrize(
    ("spoiler", "sentence"),
    [
        ({**EC, "d": EC["x"]}, "private"),
        ({**P384, "d": "AA"}, "private"),
        ({"kty": "oct", "k": "AAAA"}, "private"),
        ({**RSA, "kid": "r", "p": "AA"}, "private"),
        ({**EC, "x": EC["x"] + "="}, "`x`"),
        ({**EC, "x": EC["x"][:-2]}, "base64url|32 octets"),
        ({**EC, "y": EC["x"]}, "curve"),
        ({**EC, "y": None}, "members"),
        ({**EC, "kid": 1}, "`kid`"),
        ({**EC, "kid": ""}, "`kid`"),
        ({**OKP, "x": "AAAA"}, "32 octets"),
        ({**RSA, "n": base64url.encode_text(b"\x00" + base64url.decode(RSA["n"]))}, "zero octet"),
        ({**RSA, "e": "Aw"}, "exponent"),
        (_bare(EC, use="enc", y=EC["x"]), "curve"),
        (_bare(EC, use="enc", kid=""), "`kid`"),
        (_rsa(1024), "1024 bits"),
        ("key", "object"),
        (None, "object"),
    ],
)
def test_what_is_wrong_spoils_the_set(spoiler: object, sentence: str) -> None:
    other = SoftwareSigner.generate("ES256").public_jwk()
    with pytest.raises(InvalidJwkSet) as refused:
        read_jwk_set({"keys": [other, spoiler]})
    assert re.search(sentence, str(refused.value))


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}, {"keys": "EC"}, {"keys": []}])
def test_documents_that_are_no_key_sets(document: dict[str, object]) -> None:
    with pytest.raises(InvalidJwkSet):
        read_jwk_set(document)


def test_several_keys_need_distinct_kids() -> None:
    nameless = {name: value for name, value in EC.items() if name != "kid"}
    assert read_jwk_set({"keys": [nameless]}).keys[0].kid is None
    for second in (nameless, {**OKP, "kid": EC["kid"]}):
        with pytest.raises(InvalidJwkSet, match="`kid` of its own"):
            read_jwk_set({"keys": [EC, second]})
    with pytest.raises(InvalidJwkSet, match="`kid` of its own"):
        read_jwk_set({"keys": [_bare(EC, use="enc"), _bare(RSA, use="enc", kid=EC["kid"])]})


def test_giant_moduli_are_refused() -> None:
    giant = {"kty": "RSA", "n": base64url.encode_text(b"\xff" * 1024), "e": "AQAB"}
    with pytest.raises(InvalidJwkSet, match="8192 bits"):
        read_jwk_set({"keys": [giant]})
