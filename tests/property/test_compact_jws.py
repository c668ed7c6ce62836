"""Whatever is sent as a token, the answer is claims or `InvalidToken`; whatever we sign, we read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keys import base64url
from keys.backends.software import SoftwareSigner
from keys.jose import CompactJws, InvalidJwkSet, InvalidToken, encode, read_compact, read_jwk_set, verify
from keys.policy import CLIENT_ALGORITHMS, Purpose, State
from keys.seal import KeyEncryptionKey
from keys.store import StoredKey
from tests.support.installation import bare_keyring
from tests.support.signing import at_once, signed

SIGNER = SoftwareSigner.generate("ES256")
JWKS = read_jwk_set({"keys": [SIGNER.public_jwk()]})
KEK = KeyEncryptionKey.of(b"k" * 32)
KEYRING = bare_keyring(
    [
        StoredKey(
            kid=SIGNER.kid,
            purpose=Purpose.ID_TOKEN,
            algorithm="ES256",
            state=State.ACTIVE,
            public_jwk=orjson.dumps(SIGNER.public_jwk()).decode(),
            sealed_private_key=KEK.seal(SIGNER.to_pkcs8(), purpose="id_token", name=SIGNER.kid),
            created_at=1,
        )
    ],
    [],
    KEK,
    now=1,
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
)
text = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    scalars | text, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=8
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.sampled_from([*CLIENT_ALGORITHMS, "none", "HS256"]) | json_values,
        "kid": st.just(SIGNER.kid) | json_values,
        "typ": st.sampled_from(["JWT", "at+jwt"]) | json_values,
        "crit": json_values,
        "jwk": json_values,
        "x5c": json_values,
        "b64": json_values,
    },
)
READERS: list[Callable[[str], Any]] = [
    read_compact,
    lambda token: verify(token, JWKS, algorithms=CLIENT_ALGORITHMS),
    lambda token: verify(token, JWKS, algorithms=["ES256"], typ="JWT"),
    lambda token: KEYRING.verify_own(token, purpose=Purpose.ID_TOKEN),
]


def _survives(token: str) -> None:
    for reader in READERS:
        try:
            read = reader(token)
        except InvalidToken:
            continue
        assert isinstance(getattr(read, "claims", read), dict | CompactJws)


@given(st.text() | st.binary().map(lambda octets: octets.decode("latin-1")))
def test_any_text(token: str) -> None:
    for reader in READERS:
        with pytest.raises(InvalidToken):
            reader(token)


@given(st.lists(st.binary(max_size=64), min_size=1, max_size=6))
def test_any_segments(octets: list[bytes]) -> None:
    _survives(".".join(base64url.encode_text(part) for part in octets))


@given(headers, json_values | st.binary(), st.binary(max_size=80))
def test_any_header_payload_and_signature(header: dict[str, Any], payload: object, signature: bytes) -> None:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    _survives(
        ".".join(base64url.encode_text(part) for part in (json.dumps(header).encode(), body, signature))
    )


@example(header={"typ": "JWT"}, payload=b"\x00")
@example(header={"typ": "JWT"}, payload=[1])
@given(headers, json_values | st.binary())
def test_any_header_and_payload_with_a_real_signature(header: dict[str, Any], payload: object) -> None:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    spelled = json.dumps({"alg": "ES256", "kid": SIGNER.kid, **header}).encode()
    signing_input = base64url.encode(spelled) + b"." + base64url.encode(body)
    _survives((signing_input + b"." + base64url.encode(at_once(SIGNER.sign(signing_input)))).decode())


@given(st.dictionaries(text, json_values))
def test_what_we_sign_we_read_back(claims: dict[str, Any]) -> None:
    claims = {"sub": "somebody", **claims}
    token = at_once(encode(SIGNER, claims, "JWT"))
    assert verify(token, JWKS, algorithms=["ES256"], typ="JWT").claims == claims
    assert KEYRING.verify_own(token, purpose=Purpose.ID_TOKEN) == claims


@given(st.integers(0, 400), st.sampled_from("AQgw-_.=+ \n"))
def test_one_changed_character_is_refused(position: int, character: str) -> None:
    token = signed(KEYRING, Purpose.ID_TOKEN, {"sub": "a" * 43, "nonce": "b" * 43})
    position %= len(token)
    changed = token[:position] + character + token[position + 1 :]
    if changed != token:
        for reader in READERS[1:]:
            with pytest.raises(InvalidToken):
                reader(changed)


@given(
    st.dictionaries(text, json_values)
    | st.fixed_dictionaries({"keys": st.lists(json_values | headers, max_size=3)})
)
def test_any_key_set(document: dict[str, object]) -> None:
    with pytest.raises(InvalidJwkSet):
        read_jwk_set(document)


key_members = st.fixed_dictionaries(
    {"kty": st.sampled_from(["EC", "RSA", "OKP", "oct"])},
    optional={
        "crv": st.sampled_from(["P-256", "Ed25519", "P-384"]) | json_values,
        "x": st.just(SIGNER.public_jwk()["x"])
        | st.binary(max_size=40).map(base64url.encode_text)
        | json_values,
        "y": st.just(SIGNER.public_jwk()["y"])
        | st.binary(max_size=40).map(base64url.encode_text)
        | json_values,
        "n": st.binary(min_size=250, max_size=260).map(base64url.encode_text) | json_values,
        "e": st.sampled_from(["AQAB", "Aw"]) | json_values,
        "alg": st.sampled_from(CLIENT_ALGORITHMS) | json_values,
        "use": st.just("sig") | json_values,
        "key_ops": json_values,
        "kid": json_values,
    },
)


@given(st.lists(key_members, min_size=1, max_size=2))
def test_any_keys(keys: list[dict[str, object]]) -> None:
    try:
        read = read_jwk_set({"keys": keys})
    except InvalidJwkSet:
        return
    assert 1 <= len(read.keys) <= 2


@given(st.text() | st.binary().map(base64url.encode_text))
def test_base64url_has_one_spelling(spelled: str) -> None:
    try:
        octets = base64url.decode(spelled)
    except ValueError:
        return
    assert base64url.encode_text(octets) == spelled
