"""RFC 9964 and RFC 9864: keys and signatures of ML-DSA-65, and the names of the algorithms."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import mldsa
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from keys import base64url, policy
from keys.backends.software import SoftwareSigner
from keys.jose import InvalidToken, encode, read_compact, read_jwk_set, verify, verify_with
from keys.jwk import InvalidJwk, read_jwk, read_own_jwk, thumbprint
from keys.policy import Purpose
from keys.signatures import key_types, provides
from tests.support.signing import at_once

CLAIMS = {"iss": "https://motcua.example.vn", "sub": "abc", "exp": 2}


@pytest.fixture(scope="module")
def signer() -> SoftwareSigner:
    return SoftwareSigner.generate("ML-DSA-65")


def test_the_thumbprint_of_the_published_key() -> None:
    public = mldsa.MLDSA44PrivateKey.from_seed_bytes(
        bytes(32)
    ).public_key()  # RFC 9964 §3, the key of all zeros
    jwk = {"kty": "AKP", "alg": "ML-DSA-44", "pub": base64url.encode_text(public.public_bytes_raw())}
    assert thumbprint(jwk) == "T4xl70S7MT6Zeq6r9V9fPJGVn76wfnXJ21-gyo0Gu6o"
    assert thumbprint({**jwk, "alg": "ML-DSA-65"}) != thumbprint(jwk)
    with pytest.raises(InvalidJwk, match="alg, kty, pub"):
        thumbprint({"kty": "AKP", "pub": jwk["pub"]})


def test_the_published_key_has_its_algorithm_and_no_private_part(signer: SoftwareSigner) -> None:
    jwk = signer.public_jwk()
    assert jwk.keys() == {"kty", "alg", "pub", "kid", "use"}
    assert (jwk["kty"], jwk["alg"], jwk["use"]) == ("AKP", "ML-DSA-65", "sig")
    assert len(base64url.decode(jwk["pub"])) == 1952  # FIPS 204 table 2
    assert jwk["kid"] == thumbprint(jwk) == JWK.from_json(json.dumps(jwk)).thumbprint()


def test_the_private_key_is_kept_as_its_seed(signer: SoftwareSigner) -> None:
    kept = signer.to_pkcs8()
    assert len(kept) == 54  # RFC 9881 §6: the seed, not the 4032 octets made of it
    again = SoftwareSigner.load("ML-DSA-65", kept)
    assert again.public_jwk() == signer.public_jwk()
    token = at_once(encode(again, CLAIMS, "JWT"))
    assert _claims(token, signer.public_jwk()) == CLAIMS
    with pytest.raises(ValueError, match="does not sign ES256"):
        SoftwareSigner.load("ES256", kept)


def test_a_key_of_another_parameter_set_is_not_loaded() -> None:
    other = mldsa.MLDSA44PrivateKey.generate().private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(ValueError, match="not a private key of a type"):
        SoftwareSigner.load("ML-DSA-65", other)


def _claims(token: str, jwk: dict[str, str]) -> Any:
    return json.loads(verify_with(read_compact(token), read_own_jwk(jwk), jwk["alg"], "JWT"))


def test_a_signature_has_its_length_and_its_header(signer: SoftwareSigner) -> None:
    compact = read_compact(at_once(encode(signer, CLAIMS, "JWT")))
    assert len(compact.signature) == 3309  # FIPS 204 table 2
    assert compact.unverified_header == {"alg": "ML-DSA-65", "typ": "JWT", "kid": signer.kid}


def test_we_verify_what_we_sign_and_refuse_it_changed_or_of_another_key(signer: SoftwareSigner) -> None:
    token = at_once(encode(signer, CLAIMS, "JWT"))
    assert _claims(token, signer.public_jwk()) == CLAIMS
    for index, segment in enumerate(token.split(".")):
        changed = token.split(".")
        changed[index] = ("A" if segment[0] != "A" else "B") + segment[1:]
        with pytest.raises(InvalidToken):
            _claims(".".join(changed), signer.public_jwk())
    with pytest.raises(InvalidToken):
        _claims(token, SoftwareSigner.generate("ML-DSA-65").public_jwk())


def test_we_verify_what_an_independent_library_signs(signer: SoftwareSigner) -> None:
    theirs = JWK.generate(kty="AKP", alg="ML-DSA-65")
    public = {**theirs.export_public(as_dict=True), "kid": theirs.thumbprint(), "use": "sig"}
    token = JWS(json.dumps(CLAIMS))
    token.allowed_algs = ["ML-DSA-65"]
    token.add_signature(
        theirs, protected=json.dumps({"alg": "ML-DSA-65", "typ": "JWT", "kid": theirs.thumbprint()})
    )
    assert _claims(token.serialize(compact=True), public) == CLAIMS


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"pub": "AAAA"}, "1952 octets"),
        ({"pub": "!"}, "base64url"),
        ({"pub": None}, "needs the members"),
        ({"alg": "ML-DSA-87"}, "its type signs"),
        ({"alg": "ES256"}, "its type signs"),
        ({"alg": None}, "its type signs"),
        ({"priv": "AAAA"}, "private"),
        ({"kid": "another"}, "thumbprint"),
        ({"kid": None}, "thumbprint"),
    ],
)
def test_a_key_of_ours_that_cannot_be_ours_is_refused(
    signer: SoftwareSigner, changes: dict[str, Any], sentence: str
) -> None:
    changed = signer.public_jwk() | changes
    jwk = {name: value for name, value in changed.items() if value is not None}
    if "pub" in changes and changes["pub"] is not None:
        jwk["kid"] = thumbprint(jwk)
    with pytest.raises(InvalidJwk, match=sentence):
        read_own_jwk(jwk)


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
def test_our_other_keys_are_read_the_same_way(alg: str) -> None:
    signer = SoftwareSigner.generate(alg)
    token = at_once(encode(signer, CLAIMS, "JWT"))
    assert _claims(token, signer.public_jwk()) == CLAIMS


def test_clients_sign_with_it_nothing(signer: SoftwareSigner) -> None:
    jwk, other = signer.public_jwk(), SoftwareSigner.generate("ES256").public_jwk()
    assert [key.kid for key in read_jwk_set({"keys": [jwk, other]}).keys] == [other["kid"]]
    with pytest.raises(InvalidJwk, match="Keys are EC"):
        read_jwk(jwk)
    with pytest.raises(ValueError, match="algorithms"):
        verify(at_once(encode(signer, CLAIMS, "JWT")), {"keys": [jwk]}, algorithms=["ML-DSA-65"])


def test_without_it_everything_else_stands() -> None:
    without, there = policy.signing_keys(post_quantum=False), policy.signing_keys(post_quantum=True)
    assert without[Purpose.ID_TOKEN] == without[Purpose.ACCESS_TOKEN] == ("ES256", "RS256", "PS256", "EdDSA")
    assert without.keys() == there.keys()
    lost = {(purpose, alg) for purpose in there for alg in set(there[purpose]) - set(without[purpose])}
    assert lost == {(Purpose.ID_TOKEN, "ML-DSA-65"), (Purpose.ACCESS_TOKEN, "ML-DSA-65")}
    assert key_types(post_quantum=True).items() - key_types(post_quantum=False).items() == {
        ("ML-DSA-65", "AKP")
    }
    for algorithms in without.values():
        assert set(algorithms) <= key_types(post_quantum=False).keys()


def test_whether_it_is_there_is_found_out_by_trying() -> None:
    def unsupported() -> None:
        raise UnsupportedAlgorithm("not in this build")

    assert provides(lambda: None)
    assert not provides(unsupported)
    assert policy.signing_keys(post_quantum=True) == policy.SIGNING_KEYS
