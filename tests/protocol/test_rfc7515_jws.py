"""RFC 7515 with RFC 8725: the published vectors, an independent library on our tokens, and the table of attacks."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from keys import base64url
from keys.backends.software import SoftwareSigner
from keys.jose import InvalidToken, JwkSet, encode, read_compact, read_jwk_set, verify
from keys.policy import CLIENT_ALGORITHMS, MAX_TOKEN_LENGTH
from tests.support.signing import at_once

CLAIMS = {"iss": "https://cong.example.vn", "sub": "cong", "name": "Nguyễn Thị Ánh", "iat": 1, "exp": 2}

# RFC 7515 §A.3: ES256
EC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
EC_TOKEN = (
    "eyJhbGciOiJFUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
# RFC 7515 §A.2: RS256
RSA_KEY = {
    "kty": "RSA",
    "n": (
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ"
        "S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2"
        "R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD"
        "TW9gb54h4FRWyuXpoQ"
    ),
    "e": "AQAB",
}
RSA_TOKEN = (
    "eyJhbGciOiJSUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t"
    "1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12j"
    "zDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQ"
    "Ge77Rw"
)


@dataclass(frozen=True)
class Party:
    """A client with its key, and what we know of it."""

    signer: SoftwareSigner
    jwks: JwkSet

    def sign(self, header: dict[str, Any], payload: bytes | None = None) -> str:
        """A token with any header at all, properly signed."""
        body = json.dumps(CLAIMS).encode() if payload is None else payload
        return self.sign_raw(
            json.dumps({"alg": self.signer.alg, "kid": self.signer.kid, **header}).encode(), body
        )

    def sign_raw(self, header: bytes, payload: bytes) -> str:
        """A token with any octets as its header, properly signed."""
        signing_input = base64url.encode(header) + b"." + base64url.encode(payload)
        return (signing_input + b"." + base64url.encode(at_once(self.signer.sign(signing_input)))).decode()


def _party(alg: str) -> Party:
    signer = SoftwareSigner.generate(alg)
    return Party(signer, read_jwk_set({"keys": [signer.public_jwk()]}))


@pytest.fixture(scope="module")
def party() -> Party:
    return _party("ES256")


@pytest.mark.parametrize(
    ("key", "token", "alg"), [(EC_KEY, EC_TOKEN, "ES256"), (RSA_KEY, RSA_TOKEN, "RS256")]
)
def test_vectors_of_rfc_7515(key: dict[str, str], token: str, alg: str) -> None:
    verified = verify(token, {"keys": [key]}, algorithms=[alg])
    assert verified.header == {"alg": alg}
    assert verified.claims == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}


@pytest.mark.parametrize("alg", CLIENT_ALGORITHMS)
def test_we_verify_what_we_sign_and_refuse_it_with_any_segment_changed(alg: str) -> None:
    party = _party(alg)
    token = at_once(encode(party.signer, CLAIMS, "JWT"))
    verified = verify(token, party.jwks, algorithms=[alg], typ="JWT")
    assert verified.claims == CLAIMS
    assert verified.header == {"alg": alg, "typ": "JWT", "kid": party.signer.kid}
    for index, segment in enumerate(token.split(".")):
        changed = token.split(".")
        changed[index] = ("A" if segment[0] != "A" else "B") + segment[1:]
        with pytest.raises(InvalidToken):
            verify(".".join(changed), party.jwks, algorithms=[alg])


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
def test_an_independent_library_verifies_what_we_sign(alg: str) -> None:
    signer = SoftwareSigner.generate(alg)
    token = at_once(encode(signer, CLAIMS, "JWT"))
    key = jwt.PyJWK(signer.public_jwk())
    assert (
        jwt.decode(token, key, algorithms=[alg], options={"verify_exp": False, "verify_iat": False}) == CLAIMS
    )
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, jwt.PyJWK(SoftwareSigner.generate(alg).public_jwk()), algorithms=[alg])
    assert jwt.get_unverified_header(token) == {"alg": alg, "typ": "JWT", "kid": signer.kid}


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
def test_we_verify_what_an_independent_library_signs(alg: str) -> None:
    signer = SoftwareSigner.generate(alg)
    private_key = serialization.load_der_private_key(signer.to_pkcs8(), None)
    token = jwt.encode(CLAIMS, private_key, algorithm=alg, headers={"kid": signer.kid})  # type: ignore[arg-type]
    assert verify(token, {"keys": [signer.public_jwk()]}, algorithms=[alg]).claims == CLAIMS


def _unsigned(header: dict[str, Any]) -> str:
    spelled = [base64url.encode_text(json.dumps(part).encode()) for part in (header, CLAIMS)]
    return ".".join([*spelled, ""])


def _hs256_with_public_key(party: Party) -> str:
    public = party.signer.public_jwk()
    point = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), b"\x04" + base64url.decode(public["x"]) + base64url.decode(public["y"])
    )
    pem = point.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    header = json.dumps({"alg": "HS256", "kid": party.signer.kid}).encode()
    signing_input = base64url.encode(header) + b"." + base64url.encode(json.dumps(CLAIMS).encode())
    return (signing_input + b"." + base64url.encode(hmac.digest(pem, signing_input, "sha256"))).decode()


def _by_stranger(header: Callable[[Party], dict[str, Any]]) -> Callable[[Party], str]:
    """A token of a stranger's key, with a header that tries to bring that key along."""

    def forge(party: Party) -> str:
        stranger = _party("ES256")
        return stranger.sign({"kid": party.signer.kid, **header(stranger)})

    return forge


def _good(party: Party) -> str:
    return party.sign({})


def _doubled(name: str) -> Callable[[Party], str]:
    def forge(party: Party) -> str:
        members = [f'"alg":"{party.signer.alg}"', f'"kid":"{party.signer.kid}"']
        twice = [member for member in members if member.startswith(f'"{name}"')]
        return party.sign_raw(("{" + ",".join(members + twice) + "}").encode(), json.dumps(CLAIMS).encode())

    return forge


ATTACKS: dict[str, Callable[[Party], str]] = {
    "alg none, no signature": lambda party: _unsigned({"alg": "none", "kid": party.signer.kid}),
    "alg nOnE, no signature": lambda party: _unsigned({"alg": "nOnE", "kid": party.signer.kid}),
    "alg none over a real signature": lambda party: party.sign({"alg": "none"}),
    "alg HS256 keyed with the public key": _hs256_with_public_key,
    "alg of another type of key": lambda party: party.sign({"alg": "RS256"}),
    "alg not allowed to this sender": lambda party: party.sign({"alg": "EdDSA"}),
    "alg is a list": lambda party: party.sign({"alg": ["ES256"]}),
    "alg is null": lambda party: party.sign({"alg": None}),
    "alg in other letters": lambda party: party.sign({"alg": "es256"}),
    "kid of nobody": lambda party: party.sign({"kid": "nobody"}),
    "kid is a number": lambda party: party.sign({"kid": 7}),
    "kid climbs out of a folder": lambda party: party.sign({"kid": "../../dev/null"}),
    "crit that we do not know": lambda party: party.sign({"crit": ["exp"], "exp": 1}),
    "crit is empty": lambda party: party.sign({"crit": []}),
    "b64 of RFC 7797": lambda party: party.sign({"crit": ["b64"], "b64": True}),
    "b64 without crit": lambda party: party.sign({"b64": False}),
    "jku of the stranger": _by_stranger(lambda _: {"jku": "https://stranger.example/jwks"}),
    "x5u of the stranger": _by_stranger(lambda _: {"x5u": "https://stranger.example/cert"}),
    "x5c of the stranger": _by_stranger(lambda _: {"x5c": ["MIIB"]}),
    "jwk of the stranger": _by_stranger(lambda stranger: {"jwk": stranger.signer.public_jwk()}),
    "a token within a token": lambda party: party.sign({"cty": "JWT"}, party.sign({}).encode()),
    "claims are a list": lambda party: party.sign({}, b"[1]"),
    "claims are a string": lambda party: party.sign({}, b'"sub"'),
    "a claim stands twice": lambda party: party.sign({}, b'{"sub":"a","sub":"b"}'),
    "a claim stands twice, deeper": lambda party: party.sign({}, b'{"cnf":{"jkt":"a","jkt":"b"}}'),
    "a claim is not a number": lambda party: party.sign({}, b'{"exp":NaN}'),
    "a claim is half a character": lambda party: party.sign({}, b'{"sub":"\\ud800"}'),
    "claims are not UTF-8": lambda party: party.sign({}, b'{"sub":"\xff"}'),
    "claims nested without end": lambda party: party.sign({}, b"[" * 9000),
    "alg stands twice": _doubled("alg"),
    "kid stands twice": _doubled("kid"),
    "header is a list": lambda party: party.sign_raw(b'["alg"]', b"{}"),
    "header is empty": lambda party: party.sign_raw(b"{}", b"{}"),
    "a giant": lambda party: party.sign({}, json.dumps({"sub": "a" * MAX_TOKEN_LENGTH}).encode()),
    "trailing newline": lambda party: _good(party) + "\n",
    "leading space": lambda party: " " + _good(party),
    "padding": lambda party: _good(party) + "==",
    "plus and slash": lambda party: _good(party)[:-2] + "+/",
    "no signature": lambda party: _good(party).rpartition(".")[0] + ".",
    "two segments": lambda party: _good(party).rpartition(".")[0],
    "four segments": lambda party: _good(party) + ".AAAA",
    "five segments of an encrypted token": lambda party: _good(party) + ".AAAA.AAAA",
    "signature in DER": lambda party: _good(party).rpartition(".")[0] + ".MEUCIQDabc0",
    "signature of zeros": lambda party: _good(party).rpartition(".")[0] + "." + "A" * 86,
    "signature longer by an octet": lambda party: _good(party) + "AA",
    "letters beyond ASCII": lambda party: _good(party).replace(".", "․"),
    "nothing": lambda _: "",
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_attacks_are_refused(party: Party, attack: Callable[[Party], str]) -> None:
    with pytest.raises(InvalidToken):
        verify(attack(party), party.jwks, algorithms=["ES256", "PS256"])


@pytest.mark.parametrize(("used", "allowed"), [("RS256", "PS256"), ("PS256", "RS256"), ("EdDSA", "Ed25519")])
def test_an_algorithm_that_the_key_can_do_is_refused_unless_allowed(used: str, allowed: str) -> None:
    signer = SoftwareSigner.generate(used)
    for_any = {name: value for name, value in signer.public_jwk().items() if name != "alg"}
    token = at_once(encode(signer, CLAIMS, "JWT"))
    assert verify(token, {"keys": [for_any]}, algorithms=[allowed, used]).claims == CLAIMS
    with pytest.raises(InvalidToken, match="may use"):
        verify(token, {"keys": [for_any]}, algorithms=[allowed])


@pytest.mark.parametrize("around", ["{}\n", "{}.AAAA", "{} ", "{}=", "\n{}", "{}\x00"])
def test_a_token_is_nothing_but_its_three_segments(party: Party, around: str) -> None:
    with pytest.raises(InvalidToken, match="Not a compact JWS"):
        read_compact(around.format(_good(party)))


def test_length_is_judged_before_anything_is_parsed(party: Party) -> None:
    with pytest.raises(InvalidToken, match="too long"):
        read_compact("!" * (MAX_TOKEN_LENGTH + 1))
    with pytest.raises(InvalidToken, match="Not a compact JWS"):
        read_compact("!" * MAX_TOKEN_LENGTH)


def test_non_canonical_spelling_of_a_signature_is_refused(party: Party) -> None:
    token = _good(party)
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    respelled = (
        token[:-1] + last[last.index(token[-1]) + 1]
    )  # 64 octets leave 4 bits of the last letter unused
    with pytest.raises(InvalidToken):
        verify(respelled, party.jwks, algorithms=["ES256"])


@pytest.mark.parametrize("member", ["jku", "x5u", "x5c", "jwk", "x5t", "cty", "unheard_of"])
def test_keys_and_unknown_members_in_the_header_are_ignored(party: Party, member: str) -> None:
    token = party.sign({member: {"anything": ["at all"]}})
    assert verify(token, party.jwks, algorithms=["ES256"]).claims == CLAIMS


@pytest.mark.parametrize(
    "found",
    ["client-authentication+jwt", "application/client-authentication+jwt", "Client-Authentication+JWT"],
)
def test_type_compares_as_media_type(party: Party, found: str) -> None:
    token = party.sign({"typ": found})
    assert verify(token, party.jwks, algorithms=["ES256"], typ="client-authentication+jwt").claims == CLAIMS


@pytest.mark.parametrize("found", ["JWT", "", None, 7, "at+jwt", "text/client-authentication+jwt"])
def test_another_type_is_refused(party: Party, found: object) -> None:
    with pytest.raises(InvalidToken):
        verify(party.sign({"typ": found}), party.jwks, algorithms=["ES256"], typ="client-authentication+jwt")


def test_without_kid_the_only_fitting_key_is_used(party: Party) -> None:
    token = party.sign_raw(b'{"alg":"ES256"}', b"{}")
    assert verify(token, party.jwks, algorithms=["ES256"]).claims == {}
    both = read_jwk_set({"keys": [party.signer.public_jwk(), SoftwareSigner.generate("ES256").public_jwk()]})
    with pytest.raises(InvalidToken):
        verify(token, both, algorithms=["ES256"])


def test_unusable_keys_of_the_sender_refuse_its_token(party: Party) -> None:
    with pytest.raises(InvalidToken):
        verify(_good(party), {"keys": []}, algorithms=["ES256"])


@pytest.mark.parametrize("algorithms", [(), ("none",), ("HS256",), ("ES256", "HS256")])
def test_allowing_nothing_or_forbidden_algorithms_is_a_programming_error(
    party: Party, algorithms: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match="algorithms"):
        verify(_good(party), party.jwks, algorithms=algorithms)
