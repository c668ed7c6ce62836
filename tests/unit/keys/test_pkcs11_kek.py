"""The key-encryption key wrapped by a hardware module: its file is of no use without the token."""

from __future__ import annotations

from typing import Any

import pytest
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.exceptions import PKCS11Error

from keys import base64url
from keys.backends.pkcs11 import NoSuchKey, Pkcs11Token, TokenUnavailable
from keys.backends.pkcs11_kek import InvalidWrappedKey, unwrap_kek, wrap_kek
from keys.backends.pkcs11_keys import UnsafeKey
from keys.backends.pkcs11_session import Connection
from keys.seal import KeyEncryptionKey
from tests.support.softhsm import SoftHsm

KEY = bytes(range(32))


def _wrapping_keys(connection: Connection, label: str) -> list[Any]:
    attributes = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: label}
    return list(connection.session.get_objects(attributes))


async def test_a_wrapped_key_opens_and_shows_nothing(softhsm: SoftHsm, hsm_token: Pkcs11Token) -> None:
    line = wrap_kek(hsm_token, "kek-1", KEY)
    prefix, label, sealed = line.split(":")
    assert (prefix, label) == ("pkcs11", "kek-1")
    assert KEY not in base64url.decode(sealed)
    assert unwrap_kek(hsm_token, line + "\n") == KEY
    assert unwrap_kek(softhsm.open(), line) == KEY
    assert KeyEncryptionKey.of(unwrap_kek(hsm_token, line)) == KeyEncryptionKey.of(KEY)


async def test_the_wrapping_key_is_made_once_and_does_not_leave(hsm_token: Pkcs11Token) -> None:
    lines = {wrap_kek(hsm_token, "kek-2", KEY) for _ in range(3)}
    assert len(lines) == 3

    def look(connection: Connection) -> None:
        (key,) = _wrapping_keys(connection, "kek-2")
        assert key.key_length == 256
        for name in ("SENSITIVE", "ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE", "PRIVATE", "TOKEN", "LOCAL"):
            assert key[Attribute[name]] is True, name
        for name in ("EXTRACTABLE", "WRAP", "UNWRAP", "SIGN", "DERIVE"):
            assert key[Attribute[name]] is False, name
        with pytest.raises(PKCS11Error):
            _ = key[Attribute.VALUE]

    await hsm_token.run(look, again=False)


async def test_a_changed_line_does_not_open(hsm_token: Pkcs11Token) -> None:
    line = wrap_kek(hsm_token, "kek-3", KEY)
    sealed = base64url.decode(line.rpartition(":")[2])
    for index in range(len(sealed)):
        changed = sealed[:index] + bytes([sealed[index] ^ 1]) + sealed[index + 1 :]
        with pytest.raises(InvalidWrappedKey, match="was changed, or wrapped by another key than kek-3"):
            unwrap_kek(hsm_token, f"pkcs11:kek-3:{base64url.encode_text(changed)}")
    assert unwrap_kek(hsm_token, line) == KEY


async def test_a_line_opens_with_its_own_key_only(softhsm: SoftHsm, hsm_token: Pkcs11Token) -> None:
    line = wrap_kek(hsm_token, "kek-4", KEY)
    wrap_kek(hsm_token, "kek-5", KEY)
    with pytest.raises(InvalidWrappedKey):
        unwrap_kek(hsm_token, line.replace("kek-4", "kek-5"))
    with pytest.raises(NoSuchKey, match="The token 'second' has no AES key with the label kek-4"):
        unwrap_kek(second := softhsm.open("second"), line)
    await second.close()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "pkcs11",
        "pkcs11::AAAA",
        "pkcs11:kek:",
        "pkcs11:kek:AAAA",
        "pkcs11:k e k:AAAA",
        "pkcs11:kek:AA==",
        "pkcs11:kek:" + "A" * 81,
        "pkcs12:kek:" + "A" * 80,
        "pkcs11:kek:" + "A" * 80 + "\npkcs11:kek:" + "A" * 80,
    ],
)
async def test_what_is_no_line_is_refused_before_the_token_is_asked(softhsm: SoftHsm, line: str) -> None:
    with pytest.raises(InvalidWrappedKey, match="is not of the form pkcs11:LABEL:BASE64URL"):
        unwrap_kek(softhsm.open("nowhere"), line)


@pytest.mark.parametrize(("label", "key"), [("", KEY), ("a:b", KEY), ("a" * 33, KEY), ("kek", KEY[1:])])
async def test_only_a_key_under_a_plain_label_is_wrapped(softhsm: SoftHsm, label: str, key: bytes) -> None:
    with pytest.raises(ValueError, match=r"a label has|a key-encryption key has 32 octets"):
        wrap_kek(softhsm.open("nowhere"), label, key)


async def test_without_the_token_it_does_not_open(softhsm: SoftHsm, hsm_token: Pkcs11Token) -> None:
    line = wrap_kek(hsm_token, "kek-6", KEY)
    with softhsm.away(), pytest.raises(TokenUnavailable, match="has no token with the label 'motcua'"):
        unwrap_kek(hsm_token, line)
    assert unwrap_kek(hsm_token, line) == KEY


@pytest.mark.parametrize(
    ("label", "attributes", "sentence"),
    [
        ("kek-7", {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: True}, "may leave the token 'motcua'"),
        ("kek-8", {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}, "has several AES keys"),
    ],
)
async def test_a_doubtful_wrapping_key_is_not_used(
    hsm_token: Pkcs11Token, label: str, attributes: dict[Attribute, bool], sentence: str
) -> None:
    def make(connection: Connection) -> None:
        for _ in range(2 if "several" in sentence else 1):
            connection.session.generate_key(KeyType.AES, 256, label=label, store=True, template=attributes)

    await hsm_token.run(make, again=False)
    with pytest.raises(UnsafeKey, match=sentence):
        wrap_kek(hsm_token, label, KEY)
