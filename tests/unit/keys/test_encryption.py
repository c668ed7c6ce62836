"""What others encrypt for us is opened by the one key it is for, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwe
from joserfc.jwk import ECKey, import_key
from jwcrypto import jwe as independent
from jwcrypto.jwk import JWK

from keys import base64url, policy
from keys.encryption import DecryptionKey, encrypt, is_encrypted, read_envelope
from keys.jose import InvalidToken
from keys.jwk import read_jwk_set, thumbprint
from keys.policy import Purpose

ALGORITHMS = policy.ENCRYPTION_KEYS[Purpose.ENCRYPTION]
TEXT = "Nguyễn Thị Ánh".encode()
EVERYTHING = [*jwe.JWERegistry.algorithms["alg"], *jwe.JWERegistry.algorithms["enc"], "DEF"]


@pytest.fixture(scope="module")
def keys() -> dict[str, DecryptionKey]:
    return {alg: DecryptionKey.generate(alg) for alg in ALGORITHMS}


def encrypted(key: DecryptionKey, plaintext: bytes = TEXT, enc: str = "A256GCM", **header: Any) -> str:
    """By jwcrypto, which shares no code with what opens it."""
    public = JWK.from_json(
        json.dumps({**key.public_jwk(), **({"alg": header["alg"]} if "alg" in header else {})})
    )
    members = {"alg": key.alg, "enc": enc, "kid": key.kid, **header}
    token = independent.JWE(
        plaintext,
        json.dumps({name: value for name, value in members.items() if value is not None}),
        algs=EVERYTHING,
    )
    token.add_recipient(public)
    return str(token.serialize(compact=True))


@pytest.mark.parametrize("alg", ALGORITHMS)
@pytest.mark.parametrize("enc", policy.CONTENT_ENCRYPTION)
def test_what_an_independent_library_encrypts_is_opened(
    keys: dict[str, DecryptionKey], alg: str, enc: str
) -> None:
    for plaintext in (TEXT, b"x" * 5000, b""):
        token = encrypted(keys[alg], plaintext, enc)
        assert keys[alg].decrypt(token) == plaintext
        assert read_envelope(token) == (alg, enc, keys[alg].kid)
    unnamed = encrypted(keys[alg], TEXT, enc, kid=None)
    assert keys[alg].decrypt(unnamed) == TEXT
    assert read_envelope(unnamed) == (alg, enc, None)


@pytest.mark.parametrize("alg", ALGORITHMS)
@pytest.mark.parametrize("enc", policy.CONTENT_ENCRYPTION)
def test_what_we_encrypt_is_opened_by_its_owner_and_by_nobody_else(
    keys: dict[str, DecryptionKey], alg: str, enc: str
) -> None:
    (public,) = read_jwk_set({"keys": [keys[alg].public_jwk()]}).encryption_keys
    tokens = {encrypt(TEXT, public, enc, content_type="JWT") for _ in range(2)}
    assert len(tokens) == 2, "every one has a key of its own"
    for token in tokens:
        assert is_encrypted(token)
        assert keys[alg].decrypt(token) == TEXT
        header = json.loads(base64url.decode(token.split(".", 1)[0]))
        assert header.items() >= {"alg": alg, "enc": enc, "kid": public.kid, "cty": "JWT"}.items()
        with pytest.raises(InvalidToken):
            DecryptionKey.generate(alg).decrypt(token)


def test_content_is_encrypted_in_the_ways_of_the_policy_only(keys: dict[str, DecryptionKey]) -> None:
    nameless = {name: value for name, value in keys["ECDH-ES"].public_jwk().items() if name != "kid"}
    (public,) = read_jwk_set({"keys": [nameless]}).encryption_keys
    header = json.loads(base64url.decode(encrypt(TEXT, public, "A256GCM").split(".", 1)[0]))
    assert not {"kid", "cty"} & header.keys()
    with pytest.raises(ValueError, match="A128GCM"):
        encrypt(TEXT, public, "A128GCM")


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_the_published_key_says_what_it_is_for(keys: dict[str, DecryptionKey], alg: str) -> None:
    jwk = keys[alg].public_jwk()
    assert (jwk["use"], jwk["alg"], jwk["kid"]) == ("enc", alg, thumbprint(jwk))
    assert "d" not in jwk
    read = read_jwk_set({"keys": [jwk]})
    assert (read.keys, [key.kid for key in read.encryption_keys]) == ((), [jwk["kid"]])


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_key_survives_being_kept(keys: dict[str, DecryptionKey], alg: str) -> None:
    kept = DecryptionKey.load(alg, keys[alg].to_pkcs8())
    assert kept.public_jwk() == keys[alg].public_jwk()
    assert kept.decrypt(encrypted(keys[alg])) == TEXT
    assert repr(kept) == f"DecryptionKey(kid={kept.kid!r}, alg={alg!r})"


def test_a_kept_key_of_another_type_is_refused(keys: dict[str, DecryptionKey]) -> None:
    with pytest.raises(ValueError, match="does not open RSA-OAEP-256"):
        DecryptionKey.load("RSA-OAEP-256", keys["ECDH-ES"].to_pkcs8())
    signing_only = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )
    with pytest.raises(ValueError, match="does not open ECDH-ES"):
        DecryptionKey.load("ECDH-ES", signing_only)


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_another_key_opens_nothing(keys: dict[str, DecryptionKey], alg: str) -> None:
    other = DecryptionKey.generate(alg)
    for token in (encrypted(keys[alg]), encrypted(keys[alg], kid=None), encrypted(keys[alg], kid=other.kid)):
        with pytest.raises(InvalidToken):
            other.decrypt(token)


@pytest.mark.parametrize("alg", ALGORITHMS)
@pytest.mark.parametrize("enc", policy.CONTENT_ENCRYPTION)
def test_any_segment_changed_is_refused(keys: dict[str, DecryptionKey], alg: str, enc: str) -> None:
    token = encrypted(keys[alg], TEXT, enc)
    for index, segment in enumerate(token.split(".")):
        changed = token.split(".")
        changed[index] = ("A" if segment[:1] != "A" else "B") + segment[1:]
        with pytest.raises(InvalidToken):
            keys[alg].decrypt(".".join(changed))


def _with_header(token: str, change: Callable[[dict[str, Any]], object]) -> str:
    header, rest = token.split(".", 1)
    members = json.loads(base64url.decode(header))
    change(members)
    return f"{base64url.encode_text(json.dumps(members).encode())}.{rest}"


def _changed(key: DecryptionKey, **changes: object) -> str:
    """A good token whose header says something else; None leaves a member out."""

    def change(header: dict[str, Any]) -> None:
        header.update(changes)
        for name in [name for name, value in header.items() if value is None]:
            del header[name]

    return _with_header(encrypted(key), change)


def _ephemeral(key: DecryptionKey, **changes: object) -> str:
    return _with_header(encrypted(key), lambda header: header["epk"].update(changes))


def _off_its_curve(key: DecryptionKey) -> str:
    return _with_header(encrypted(key), lambda header: header["epk"].update(x=header["epk"]["y"]))


def _by_joserfc(key: DecryptionKey, header: dict[str, Any]) -> str:
    public = import_key({name: value for name, value in key.public_jwk().items() if name != "alg"})
    return jwe.encrypt_compact(header, TEXT, public, registry=jwe.JWERegistry(algorithms=EVERYTHING))


def _on_another_curve(key: DecryptionKey) -> str:
    return _changed(key, epk=ECKey.generate_key("P-384").as_dict(private=False))


REFUSED: dict[str, Callable[[DecryptionKey], str]] = {
    "another algorithm of key management": lambda key: _by_joserfc(key, {"alg": "ECDH-ES+A256KW", "enc": "A256GCM"}),
    "another algorithm of content": lambda key: encrypted(key, enc="A128GCM"),
    "compressed": lambda key: _by_joserfc(key, {"alg": "ECDH-ES", "enc": "A256GCM", "zip": "DEF"}),
    "an extension that must be understood": lambda key: _changed(key, crit=["exp"]),
    "no ephemeral key": lambda key: _changed(key, epk=None),
    "an ephemeral key that is no object": lambda key: _changed(key, epk="x"),
    "an ephemeral key on another curve": _on_another_curve,
    "an ephemeral key off its curve": _off_its_curve,
    "an ephemeral key with a private part": lambda key: _ephemeral(key, d="AA"),
    "an ephemeral key of numbers": lambda key: _ephemeral(key, x=7),
    "an encrypted key beside the agreement": lambda key: encrypted(key).replace("..", ".AAAA."),
    "kid is a number": lambda key: _changed(key, kid=7),
    "alg is a list": lambda key: _changed(key, alg=["ECDH-ES"]),
    "alg none": lambda key: _changed(key, alg="none"),
    "enc is a list": lambda key: _changed(key, enc=["A256GCM"]),
    "apu is a number": lambda key: _changed(key, apu=7),
    "a signed token": lambda _: "eyJhbGciOiJFUzI1NiJ9.e30.AAAA",
    "four segments": lambda key: encrypted(key).rpartition(".")[0],
    "six segments": lambda key: encrypted(key) + ".AAAA",
    "padding": lambda key: encrypted(key) + "==",
    "a header that is a list": lambda _: base64url.encode_text(b"[]") + "..AAAA.AAAA.AAAA",
    "trailing bits": lambda key: encrypted(key)[:-1] + "B",
    "a giant": lambda key: encrypted(key, b"x" * policy.MAX_TOKEN_LENGTH),
    "nothing": lambda _: "",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("attack", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_unusual_is_refused(
    keys: dict[str, DecryptionKey], attack: Callable[[DecryptionKey], str]
) -> None:
    with pytest.raises(InvalidToken):
        keys["ECDH-ES"].decrypt(attack(keys["ECDH-ES"]))


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("alg", ["RSA1_5", "RSA-OAEP"])
def test_rsa_with_the_old_paddings_is_refused(keys: dict[str, DecryptionKey], alg: str) -> None:
    key = keys["RSA-OAEP-256"]
    with pytest.raises(InvalidToken, match="not encrypted for this key"):
        key.decrypt(_by_joserfc(key, {"alg": alg, "enc": "A256GCM"}))
